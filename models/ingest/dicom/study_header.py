"""What a DICOM header says of patient and study, in its own character set (PS3.3 C.12.1.1.2)."""

import re
from datetime import date

from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.valuerep import PersonName

from models.imaging.study_header import StudyHeader

DATE = re.compile(r"(\d{4})[.]?(\d{2})[.]?(\d{2})")  # PS3.5 6.2; with points in files of before 1993
FAMILY, GIVEN, MIDDLE, PREFIX, SUFFIX = range(5)  # components of a name


def study_header_of(dataset: Dataset) -> StudyHeader | None:
    """Whose study it is; None where nothing is said.

    Parameters
    ----------
    dataset
        As `models.ingest.dicom.read_header` gives it: what could not be read is not there.
    """
    header = StudyHeader(
        patient_name=_name(dataset.get("PatientName")),
        patient_id=_text(dataset, "PatientID"),
        birth_date=_date(dataset, "PatientBirthDate"),
        sex=_text(dataset, "PatientSex"),
        study_date=_date(dataset, "StudyDate"),
        study_description=_text(dataset, "StudyDescription"),
        accession_number=_text(dataset, "AccessionNumber"),
        series_description=_text(dataset, "SeriesDescription"),
    ).trimmed()
    return header or None


def _text(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    values = value if isinstance(value, MultiValue) else [value or ""]
    return "; ".join(str(each).strip(" \0") for each in values)


def _date(dataset: Dataset, keyword: str) -> str:
    text = _text(dataset, keyword)
    match = DATE.fullmatch(text)
    try:
        return date(*map(int, match.groups())).isoformat() if match else text
    except ValueError:
        return text


def _name(value: object) -> str:
    """A name as it is read: "Doe, Dr Jane Ann", other scripts (ideographic, phonetic) in brackets."""
    if not isinstance(value, PersonName):
        return "" if value is None else str(value)
    first, *others = [shown for group in value.components if (shown := _group(group))] or [""]
    return f"{first} ({'; '.join(others)})" if others else first


def _group(group: str) -> str:
    parts = [part.strip(" \0") for part in group.split("^")] + [""] * 5
    rest = " ".join(part for part in (parts[PREFIX], parts[GIVEN], parts[MIDDLE]) if part)
    return ", ".join(part for part in (parts[FAMILY], rest, parts[SUFFIX]) if part)
