"""What is looked for in a PACS, and what it finds: studies, their CT series, and which one to propose."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from models.errors import UserError
from models.imaging.geometry import normal
from models.ingest.series.labels import is_for_lung
from models.messages import Message
from models.web.pacs.dicom_json import Entry, number, numbers_of, text, texts

MOST_CHARACTERS = 64
UNFIT = re.compile(r"[\x00-\x1f\x7f\\=]")  # a backslash would make two values of one (PS3.4 C.2.2.2)
WILD = re.compile(r"[*?^,\s]")
NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
FEWEST_LETTERS = 2  # of a name; with fewer, its letters beyond ASCII are needed, too
DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)", re.ASCII)
THIN_MM = 1.5  # as low-dose screening and Fleischner's guideline ask for
FEWEST_SLICES = 10  # of a series that shows a lung
AXIS = ("sagittal", "coronal", "axial")  # of the slice normal that is largest along x, y, z
QUERY_FIELDS = ("patient_id", "patient_name", "accession", "date_from", "date_to")


@dataclass(frozen=True)
class Query:
    """What a study is looked for by; dates as DICOM writes them (YYYYMMDD), empty where nothing is asked."""

    patient_id: str = ""
    patient_name: str = ""
    accession: str = ""
    date_from: str = ""
    date_to: str = ""

    @property
    def filters(self) -> dict[str, str]:
        """Matching keys of QIDO-RS by keyword."""
        dates = f"{self.date_from}-{self.date_to}" if self.date_from != self.date_to else self.date_from
        keys = {
            "PatientID": self.patient_id,
            "PatientName": self.patient_name,
            "AccessionNumber": self.accession,
            "StudyDate": dates,
        }
        return {keyword: value for keyword, value in keys.items() if value}


def query_of(fields: Mapping[str, str]) -> Query:
    """The query of a form.

    A name is looked for by its beginnings, as `_name` says; * and ? stand for any letters and for one.

    Raises
    ------
    UserError
        ``bad_field``: nothing to look for, or what no PACS understands.
    """
    asked = {name: fields.get(name, "").strip() for name in QUERY_FIELDS}
    if any(len(value) > MOST_CHARACTERS or UNFIT.search(value) for value in asked.values()):
        message = Message(
            "Enter at most {most} characters per field, without backslash or equals sign.",
            most=MOST_CHARACTERS,
        )
        raise UserError("bad_field", message)
    asked = {name: value if WILD.sub("", value) else "" for name, value in asked.items()}
    if not any(asked.values()):
        raise UserError("bad_field", "Fill in at least one field to search by; * alone finds nothing.")
    first, last = _day(asked["date_from"]), _day(asked["date_to"])
    if first and last and first > last:
        raise UserError("bad_field", "The first date is after the last one.")
    return Query(asked["patient_id"], _name(asked["patient_name"]), asked["accession"], first, last)


def _name(name: str) -> str:
    """The beginning of family and given name, with * between them, and for letters beyond ASCII.

    Such letters are transliterated or coded differently from PACS to PACS: M*ller finds Müller and Mueller.
    """
    parts = [part.strip() for part in re.split(r"[,^]", name)]
    plain = [NOT_ASCII.sub("*", part) for part in parts]
    parts = plain if len(WILD.sub("", "".join(plain))) >= FEWEST_LETTERS else parts
    return "".join(part if part.endswith("*") else f"{part}*" for part in parts if part)


def _day(written: str) -> str:
    match = DATE.fullmatch(written)
    try:
        return date(*map(int, match.groups())).strftime("%Y%m%d") if match else _no_day(written)
    except ValueError:
        return _no_day(written or "?")


def _no_day(written: str) -> str:
    if written:
        raise UserError("bad_field", "Write a date as year, month and day: 2024-01-31.")
    return ""


@dataclass(frozen=True)
class Study:
    """A study, as far as it is shown; empty where the PACS does not say."""

    uid: str
    patient_name: str
    patient_id: str
    birth_date: str
    date: str
    description: str
    accession: str
    modalities: tuple[str, ...]


@dataclass(frozen=True)
class Series:
    """A CT series, as far as it is shown.

    Attributes
    ----------
    slices
        Number of its images; None where the PACS does not say.
    plane
        ``axial``, ``coronal``, ``sagittal``, or ``localizer``; empty where it is not known.
    is_proposed
        Whether it is the one to take, by its properties alone.
    """

    uid: str
    number: str
    description: str
    kernel: str
    thickness_mm: float | None
    slices: int | None
    plane: str = ""
    is_proposed: bool = False


def study_of(entry: Entry) -> Study:
    """A study as QIDO-RS or an image's metadata describe it."""
    return Study(
        uid=text(entry, "StudyInstanceUID"),
        patient_name=shown_name(text(entry, "PatientName")),
        patient_id=text(entry, "PatientID"),
        birth_date=shown_day(text(entry, "PatientBirthDate")),
        date=shown_day(text(entry, "StudyDate")),
        description=text(entry, "StudyDescription"),
        accession=text(entry, "AccessionNumber"),
        modalities=texts(entry, "ModalitiesInStudy"),
    )


def series_of(entry: Entry, image: Entry) -> Series:
    """A series as QIDO-RS describes it, completed by the metadata of one of its images."""
    both = (entry, image)
    slices = number(entry, "NumberOfSeriesRelatedInstances")
    thickness = next((mm for one in both if (mm := number(one, "SliceThickness"))), None)
    return Series(
        uid=text(entry, "SeriesInstanceUID"),
        number=text(entry, "SeriesNumber"),
        description=text(entry, "SeriesDescription"),
        kernel=next((kernel for one in both if (kernel := text(one, "ConvolutionKernel"))), ""),
        thickness_mm=thickness if thickness and thickness > 0 else None,
        slices=None if slices is None else max(0, int(slices)),
        plane=_plane(image) or _plane(entry),
    )


def _plane(image: Entry) -> str:
    if "LOCALIZER" in texts(image, "ImageType"):
        return "localizer"
    orientation = numbers_of(image, "ImageOrientationPatient")
    if len(orientation) != 6:
        return ""
    steepest = abs(normal(orientation)).argmax()
    return AXIS[int(steepest)]


def with_proposal(found: Iterable[Series], most_slices: int) -> list[Series]:
    """The series, the one to take first and marked: thin, axial, of a kernel for lung; or none is."""
    ranked = sorted(found, key=_rank)
    for i, series in enumerate(ranked):
        if _is_fit(series, most_slices):
            return [replace(series, is_proposed=True), *ranked[:i], *ranked[i + 1 :]]
    return ranked


def _is_fit(series: Series, most_slices: int) -> bool:
    count = series.slices
    return series.plane in ("axial", "") and (count is None or FEWEST_SLICES <= count <= most_slices)


def _rank(series: Series) -> tuple[bool, bool, float, int]:
    thickness = series.thickness_mm or 99.0
    is_lung = is_for_lung(series.kernel, series.description)
    return thickness > THIN_MM, not is_lung, thickness, -(series.slices or 0)


def shown_name(name: str) -> str:
    """A name for people: Doe, Jane."""
    family, _, rest = name.partition("=")[0].partition("^")
    given = " ".join(part for part in rest.split("^") if part)
    return ", ".join(filter(None, (family, given)))


def shown_day(day: str) -> str:
    """A date for people and for forms: 2024-01-31; as it is where it is none."""
    match = DATE.fullmatch(day)
    return "-".join(match.groups()) if match else day
