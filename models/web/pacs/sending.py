"""Results on their way to the PACS: which files, whose they are, and what the PACS says of each."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from models.errors import UserError
from models.inference.classifier import ModelRegistry
from models.inference.finding import Finding
from models.reports.exports import export
from models.reports.scan_report.contents import ScanReport
from models.reports.scan_report.exports import outlines_seg, pictures_sc, report_sr
from models.web.pacs.client import PATIENT_FIELDS, Pacs, entries
from models.web.pacs.dicom_json import Entry, number, person_name, text, values

KINDS = {"report": "report.sr.dcm", "segmentation": "outline.seg.dcm", "picture": "overlay.sc.dcm"}
Outcome = Literal["stored", "changed", "refused", "untold"]
File = tuple[str, bytes]  # one of `KINDS`, and the DICOM file


@dataclass(frozen=True)
class Sent:
    """What became of one file.

    Attributes
    ----------
    kind
        One of `KINDS`.
    outcome
        ``changed``: stored, but not all as it was sent; ``untold``: the PACS does not say.
    reason
        A code of PS3.18 table I.2-2 in hexadecimal digits, empty where there is none.
    """

    kind: str
    outcome: Outcome
    reason: str = ""

    @property
    def is_there(self) -> bool:
        """Whether the PACS has it."""
        return self.outcome in ("stored", "changed")


def send(pacs: Pacs, finding: Finding, registry: ModelRegistry, caption: str) -> list[Sent]:
    """Store a finding's report, segmentation and picture in the study that its images are of.

    Parameters
    ----------
    finding
        With its saliency map, which the picture shows.
    caption
        Written below the picture.

    Raises
    ------
    UserError
        What `Pacs.patient` and `Pacs.store` raise; ``not_dicom``.
    """
    made = ((kind, _made(kind, finding, registry, caption)) for kind in KINDS)
    references = finding.scan.references or ()
    files = [(kind, data) for kind, data in made if data]
    return _stored(pacs, references[finding.reading.roi.slice].study_uid, files)


def send_report(pacs: Pacs, report: ScanReport, captions: Sequence[str]) -> list[Sent]:
    """Store the report of a scan: Structured Report, segmentation, and a picture a finding in its order.

    Raises as `send` does; ``too_large`` as of `models.reports.dicom.segmentation`.
    """
    files = [("report", report_sr(report, captions))]
    with _where_possible():
        files.append(("segmentation", outlines_seg(report, captions)))
    files += [("picture", data) for data in pictures_sc(report, captions)]
    return _stored(pacs, report.study_uid or "", files)


def _stored(pacs: Pacs, study: str, files: Sequence[File]) -> list[Sent]:
    """What becomes of the files on their way to a study, under its own patient."""
    patient = pacs.patient(study)
    named = [(kind, *with_patient(data, patient)) for kind, data in files]
    said = pacs.store(study, [data for _, data, _ in named])
    return [_sent(kind, uid, said) for kind, _, uid in named]


def _made(kind: str, finding: Finding, registry: ModelRegistry, caption: str) -> bytes | None:
    """The file of a kind; None where there is none of this finding: nothing outlined, nowhere to place it."""
    if kind != "segmentation":
        return export(KINDS[kind], finding, registry, caption)[0]
    with _where_possible():
        return export(KINDS[kind], finding, registry, caption)[0]
    return None


@contextmanager
def _where_possible() -> Iterator[None]:
    """Pass over a segmentation where nothing was outlined, or the images do not say where they lie."""
    try:
        yield
    except UserError as error:
        if error.code not in ("not_outlined", "not_dicom"):
            raise


def with_patient(data: bytes, patient: Entry) -> tuple[bytes, str]:
    """A file of this app under the name and number of a patient, and its SOP Instance UID.

    Parameters
    ----------
    patient
        As `Pacs.patient` gives it; values are taken over as they are, valid or not.
    """
    from pydicom import DataElement, config, dcmread
    from pydicom.datadict import dictionary_VR, tag_for_keyword

    dataset = dcmread(io.BytesIO(data))
    for keyword in PATIENT_FIELDS:
        tag = tag_for_keyword(keyword) or 0
        vr = dictionary_VR(tag)
        value = person_name(patient, keyword) if vr == "PN" else _as_written(patient, keyword)
        if value or tag in dataset:
            dataset[tag] = DataElement(tag, vr, value, validation_mode=config.IGNORE)
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue(), str(dataset.SOPInstanceUID)


def _as_written(patient: Entry, keyword: str) -> str:
    found = next(iter(values(patient, keyword)), "")
    return found if isinstance(found, str) else str(found) if isinstance(found, int | float) else ""


def _sent(kind: str, uid: str, said: Mapping[str, Any]) -> Sent:
    """What the answer to a store says of one file."""
    for item in entries(values(said, "FailedSOPSequence")):
        if text(item, "ReferencedSOPInstanceUID") == uid:
            return Sent(kind, "refused", _code(number(item, "FailureReason")))
    for item in entries(values(said, "ReferencedSOPSequence")):
        if text(item, "ReferencedSOPInstanceUID") == uid:
            reason = _code(number(item, "WarningReason"))
            return Sent(kind, "changed" if reason else "stored", reason)
    return Sent(kind, "untold")


def _code(reason: float | None) -> str:
    return f"{int(reason):04X}" if reason else ""
