"""What a file says of the series that it belongs to: how a series is told from others, and described."""

import re
from dataclasses import dataclass

from pydicom import Dataset

from models.ingest.dicom.file_header import HEADER
from models.ingest.dicom.numbers import whole_in
from models.ingest.dicom.sop_classes import form_of
from models.ingest.limits import refusing_damage

DESCRIPTION_LENGTH = 64  # characters of a Long String (PS3.5 section 6.2)
DATE = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
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
    date
        Of the study, as YYYY-MM-DD.
    form
        See `form_of`.
    """

    series: SeriesKey
    uid: str
    number: int | None
    description: str
    study: str
    patient: str
    date: str | None
    form: str


@refusing_damage(HEADER)
def label_of(dataset: Dataset) -> Label:
    """The label of a file's series."""
    number, uid = whole_in(dataset, "SeriesNumber"), _text(dataset, "SeriesInstanceUID")
    study = _text(dataset, "StudyInstanceUID")
    date = DATE.fullmatch(_text(dataset, "StudyDate"))
    return Label(
        series=(uid,) if uid else ("", study, number),
        uid=uid,
        number=number,
        description=_description(dataset),
        study=study,
        patient=_text(dataset, "PatientID") or _text(dataset, "PatientName"),
        date="-".join(date.groups()) if date else None,
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
