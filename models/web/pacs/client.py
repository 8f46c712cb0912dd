"""What is asked of a PACS: studies, their CT series, the files of one, whose a study is; results are stored.

Nothing heavy is imported before the first question.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from models.errors import UserError
from models.ingest.source import Source
from models.ingest.spool import Spool
from models.messages import Message
from models.web.pacs.dicom_json import Entry, number, text
from models.web.pacs.multipart import Incomplete
from models.web.pacs.queries import Query, Series, Study, series_of, study_of, with_proposal

if TYPE_CHECKING:
    from models.web.pacs.connection import Client

STUDIES_AT_MOST, SERIES_AT_MOST = 50, 60  # that are shown
ANSWER_BYTES = 20_000_000  # of what describes studies and series
STUDY_FIELDS = ("StudyDescription", "ModalitiesInStudy", "PatientBirthDate")
SERIES_FIELDS = ("SeriesDescription", "NumberOfSeriesRelatedInstances", "ConvolutionKernel", "SliceThickness")
PATIENT_FIELDS = (  # what files an object under a patient and a study
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "IssuerOfPatientID"),
    *("StudyID", "StudyDate", "StudyTime", "StudyDescription", "ReferringPhysicianName"),
)
HOST = re.compile(r"(\[[^]]+\]|[^][:@\s]+)(:\d*)?")  # of an address: with a port, and no user
Progress = Callable[[int, int], object]  # how many files have come, and of how many


@dataclass(frozen=True)
class Pacs:
    """A PACS, by the address of its DICOMweb service.

    Attributes
    ----------
    address
        What ``/studies`` follows.
    user, password, token, ca_file
        As of `models.web.pacs.connection.connected`.
    seconds
        Longest time for a search or for storing, and longest silence while a series comes.
    fetch_seconds
        Longest time for a series.
    most_files, most_bytes
        Of a series.
    """

    address: str
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    ca_file: str = ""
    seconds: float = 30
    fetch_seconds: float = 600
    most_files: int = 2000
    most_bytes: int = 600_000_000

    def studies(self, query: Query) -> tuple[list[Study], bool]:
        """Studies that match, newest first, and whether there are more than are shown.

        All methods raise what `models.web.pacs.connection.connected` does.
        """
        with self._exchange() as client:
            found = client.search_for_studies(
                limit=STUDIES_AT_MOST + 1, fields=STUDY_FIELDS, search_filters=query.filters
            )
        studies = sorted((study_of(entry) for entry in entries(found)), key=lambda s: s.date, reverse=True)
        return studies[:STUDIES_AT_MOST], len(studies) > STUDIES_AT_MOST

    def series(self, study: str) -> tuple[Study, list[Series]]:
        """A study and its CT series, the proposed one first.

        Raises
        ------
        UserError
            ``pacs_not_found``: there is no such study, or no CT in it.
        """
        with self._exchange() as client:
            described = self._study(client, study, STUDY_FIELDS)
            found = entries(client.search_for_series(study, fields=SERIES_FIELDS))
            ct = [entry for entry in found if text(entry, "Modality") == "CT"][:SERIES_AT_MOST]
            if not ct:
                raise UserError("pacs_not_found", "This study has no CT series.")
            series = [series_of(entry, _an_image(client, study, entry)) for entry in ct]
        return study_of(described), with_proposal(series, self.most_files)

    def fetch(
        self,
        study: str,
        series: str,
        spool: Spool,
        progress: Progress = lambda done, total: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[Source]:
        """Write the files of a CT series into a spool.

        Raises
        ------
        UserError
            ``pacs_not_found``, ``too_large``; ``pacs_unavailable`` where it does not come whole.
        Cancelled
        """
        with self._exchange() as client:
            total = _count(client, study, series)
        if total > self.most_files:
            message = Message(
                "The series has {total:,} images; at most {most:,} are read at once.",
                total=total,
                most=self.most_files,
            )
            raise UserError("too_large", message)
        sources: list[Source] = []
        is_whole = False
        with self._watched(self.fetch_seconds, self.most_bytes, cancelled) as client, suppress(Incomplete):
            for _ in self._files(client.pieces_of(study, series), spool, sources):
                progress(min(len(sources), total), total)
            is_whole = True
        if not is_whole or len(sources) < total:
            message = Message(
                "The series arrived incomplete: {n} of {total} images. Try again.",
                n=len(sources),
                total=total,
            )
            raise UserError("pacs_unavailable", message)
        return sources

    def _files(self, pieces: Iterable[bytes | None], spool: Spool, sources: list[Source]) -> Iterator[Source]:
        """Each file when it is in the spool, and the last one in `sources`."""
        part = None
        for piece in pieces:
            if piece is None:
                part = None
                yield sources[-1]
            else:
                if part is None:
                    if len(sources) == self.most_files:
                        most = self.most_files
                        message = Message("At most {most} files are read at once.", most=most)
                        raise UserError("too_large", message)
                    part = spool.part()
                    sources.append(Source.of_stream(f"{len(sources):05}.dcm", part))
                part.write(piece)

    def patient(self, study: str) -> Entry:
        """Whose a study is and how it is called, as the PACS says now; UserError ``pacs_not_found``."""
        with self._exchange() as client:
            return self._study(client, study, PATIENT_FIELDS)

    def store(self, study: str, files: Sequence[bytes]) -> Mapping[str, Any]:
        """Store files in a study; what the PACS says of each (PS3.18 10.5.3), empty where it says nothing."""
        from models.web.pacs.connection import refusal_by_status

        with self._exchange() as client:
            answer = client.store(study, files)
            if answer.status_code not in (200, 202, 409):
                raise refusal_by_status(answer.status_code)
            said = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
        return next(iter(entries(said if isinstance(said, list) else [said])), {})

    def _study(self, client: "Client", study: str, fields: Sequence[str]) -> Entry:
        filters = {"StudyInstanceUID": study}
        found = client.search_for_studies(limit=2, fields=fields, search_filters=filters)
        same = [entry for entry in entries(found) if text(entry, "StudyInstanceUID") == study]
        if not same:
            raise UserError("pacs_not_found", "The PACS does not have this study, or no longer has it.")
        return same[0]

    @contextmanager
    def _exchange(self) -> Iterator["Client"]:
        with self._watched(self.seconds, ANSWER_BYTES) as client:
            yield client

    @contextmanager
    def _watched(
        self, seconds: float, most_bytes: int, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator["Client"]:
        from models.web.pacs.connection import ExchangeLimits, connected

        limits = ExchangeLimits(seconds, self.seconds, most_bytes, cancelled)
        auth = (self.user, self.password) if self.user else None
        with connected(self.address, auth, self.token, self.ca_file, limits) as client:
            yield client


def entries(found: Any) -> list[Entry]:
    """Those of an answer's parts that are objects."""
    return [entry for entry in found if isinstance(entry, Mapping)] if isinstance(found, list) else []


def _an_image(client: "Client", study: str, series: Entry) -> Entry:
    """The metadata of one image of a series; empty where there is none."""
    uid = text(series, "SeriesInstanceUID")
    images = entries(client.search_for_instances(study, uid, limit=1))
    if not images:
        return {}
    found = client.retrieve_instance_metadata(study, uid, text(images[0], "SOPInstanceUID"))
    return found if isinstance(found, Mapping) else next(iter(entries(found)), {})


def _count(client: "Client", study: str, series: str) -> int:
    """How many images a CT series has; UserError ``pacs_not_found`` where there is no such series."""
    filters = {"SeriesInstanceUID": series}
    found = entries(client.search_for_series(study, fields=SERIES_FIELDS, search_filters=filters))
    same = [entry for entry in found if text(entry, "SeriesInstanceUID") == series]
    if not same or text(same[0], "Modality") != "CT":
        raise UserError("pacs_not_found", "The PACS does not have this CT series, or no longer has it.")
    said = number(same[0], "NumberOfSeriesRelatedInstances")
    return int(said) if said else len(entries(client.search_for_instances(study, series)))


def _is_service(address: str) -> bool:
    """Whether an address can be that of a service; an IPv6 address needs brackets."""
    try:
        parts = urlsplit(address)
        has_port = parts.port is None or parts.port > 0
    except ValueError:  # in the brackets is no address, or the port is none
        return False
    is_web, more = parts.scheme in ("http", "https"), parts.query or parts.fragment
    return is_web and has_port and not more and bool(HOST.fullmatch(parts.netloc))


def pacs_of(settings: Mapping[str, Any]) -> Pacs | None:
    """The PACS of `SETTINGS`, None where there is none; ValueError for settings that cannot be."""
    address = settings["DICOMWEB"].rstrip("/")
    if not address:
        return None
    if not _is_service(address):
        raise ValueError(
            "NODULE_DICOMWEB must be an address like https://pacs.example/dicom-web or "
            "http://[fd00::1]:8042/dicom-web; user name and password have settings of their own."
        )
    if (ca_file := settings["DICOMWEB_CA_FILE"]) and not Path(ca_file).is_file():
        raise ValueError(f"NODULE_DICOMWEB_CA_FILE must name a file. Received: {ca_file!r}")
    return Pacs(
        address,
        **{name: settings[f"DICOMWEB_{name.upper()}"] for name in ("user", "password", "token", "ca_file")},
        seconds=settings["DICOMWEB_SECONDS"],
        fetch_seconds=settings["DICOMWEB_FETCH_SECONDS"],
        most_files=settings["MAX_FILES"],
        most_bytes=int(settings["MAX_UPLOAD_MB"] * 1_000_000),
    )
