"""What a file says of the series that it belongs to: how a series is told from others, and described."""

import re
from dataclasses import dataclass
from datetime import date

from pydicom import Dataset

from models.ingest.dicom.file_header import HEADER
from models.ingest.dicom.numbers import whole_in
from models.ingest.dicom.sop_classes import form_of
from models.ingest.dicom.study_day import study_day
from models.ingest.limits import refusing_damage

LUNG_KERNEL = re.compile(
    "LUNG.*|HD ?LUNG.*|BONE.*|EDGE|CHST|"  # GE
    "B[5-9][0-9][FHS]?|BL[0-9][0-9].*|(BR|QR)(5[4-9]|[6-9][0-9]).*|I[5-9][0-9].*|"  # Siemens
    "L|Y[A-D]|FC(5[0-9]|8[0-6])"  # Philips; Canon
)
LUNG_WORD = re.compile(r"\b(lungs?|lunge|pulm\w*|poumons?|pulmon\w*|polmon\w*)\b", re.IGNORECASE)
DESCRIPTION_LENGTH = 64  # characters of a Long String (PS3.5 section 6.2)
LEAST_NAME, LEAST_ID = 2, 4  # letters of a name, characters of an ID that are looked for in a description

SeriesKey = tuple[object, ...]


@dataclass(frozen=True)
class Label:
    """What a file says of its series.

    Attributes
    ----------
    series
        The same for all files of one series.
    uid
        SeriesInstanceUID; empty where there is none.
    number
        SeriesNumber.
    description
        SeriesDescription; empty where there is none, and where the patient's name or ID is in it.
    study, patient
        The same for all files of one study, of one patient; told to nobody.
    day
        Of the study, see `study_day`.
    form
        See `form_of`.
    """

    series: SeriesKey
    uid: str
    number: int | None
    description: str
    study: str
    patient: str
    day: int | None
    form: str

    @property
    def date(self) -> str | None:
        """The day of the study as YYYY-MM-DD."""
        return None if self.day is None else date.fromordinal(self.day).isoformat()


def is_for_lung(kernel: str | None, description: str | None) -> bool:
    """Whether a series was reconstructed for the lung, as its kernel or its description says."""
    return bool(LUNG_KERNEL.fullmatch((kernel or "").upper()) or LUNG_WORD.search(description or ""))


@refusing_damage(HEADER)
def label_of(dataset: Dataset) -> Label:
    """The label of a file's series."""
    number, uid = whole_in(dataset, "SeriesNumber"), _text(dataset, "SeriesInstanceUID")
    study = _text(dataset, "StudyInstanceUID")
    return Label(
        series=(uid,) if uid else ("", study, number),
        uid=uid,
        number=number,
        description=_description(dataset),
        study=study,
        patient=_text(dataset, "PatientID") or _text(dataset, "PatientName"),
        day=study_day(dataset),
        form=form_of(dataset),
    )


def _text(dataset: Dataset, keyword: str) -> str:
    return str(dataset.get(keyword) or "").strip(" \0")


def _description(dataset: Dataset) -> str:
    """The description in one line, unless it names the patient."""
    printable = "".join(
        letter if letter.isprintable() else " " for letter in _text(dataset, "SeriesDescription")
    )
    description = " ".join(printable.split())[:DESCRIPTION_LENGTH]
    words = set(re.findall(r"[^\W_]+", description.casefold()))
    name = re.findall(r"[^\W_]+", _text(dataset, "PatientName").casefold())
    patient_id = _text(dataset, "PatientID").casefold()
    is_named = any(part in words for part in name if len(part) >= LEAST_NAME)
    is_numbered = len(patient_id) >= LEAST_ID and patient_id in description.casefold()
    return "" if is_named or is_numbered else description
