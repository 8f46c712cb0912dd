"""What the exports share: the source image, who made them, new identifiers, the bytes of a file."""

import io
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from pydicom.dataset import Dataset
from pydicom.uid import UID, generate_uid

from models import __version__
from models.errors import UserError
from models.imaging.scan import Reference, Roi, Scan
from models.inference.finding import Finding

PRODUCT = "Lung nodule classifier"
SERIES_NUMBERS = {"SR": 9101, "OT": 9102, "SEG": 9103}  # by modality; far from what scanners count up from 1
EMPTY = (  # Type 2: there, but nothing about the patient is kept
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber"),
    *("StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"),
)


def source_of(finding: Finding) -> Reference:
    """The `Reference` of the slice that the finding is about.

    Raises
    ------
    UserError
        ``not_dicom``, for pictures and for files that do not name themselves.
    """
    return _image(finding.scan, finding.reading.roi)


def _image(scan: Scan, roi: Roi) -> Reference:
    if scan.references is None:
        raise UserError(
            "not_dicom",
            "DICOM reports need DICOM images with valid identifiers (UIDs) to refer to; the upload has none.",
        )
    return scan.references[roi.slice]


def version_of(finding: Finding) -> str:
    """Version of the app and of its weights."""
    return f"{__version__}, weights {finding.reading.weights}"


def new_uid() -> UID:
    """A unique identifier that needs no registered root (PS3.5 section B.2)."""
    return generate_uid(prefix=None)


def tracking_uid(finding: Finding) -> UID:
    """What names the nodule in each file about it: the same for one location of one image.

    It follows from where the finding was asked for, not from what is read there, which may change. Who asked
    for one location twice has two findings, each with its own.
    """
    image, (_, row, col) = _image(finding.scan, finding.given), finding.given.location
    uid = _uid_of(f"{image.sop_instance_uid}/{image.frame}/{row}/{col}")
    return _uid_of(f"{uid}/{finding.duplicate}") if finding.duplicate else uid


def _uid_of(name: str) -> UID:
    return UID(f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, name).int}")


class Tracked(NamedTuple):
    """A finding, and what names its nodule in each file about it."""

    finding: Finding
    uid: UID
    identifier: str


def tracked(findings: Sequence[Finding]) -> list[Tracked]:
    """Findings of one scan with their tracking identifiers: the name of each, or else what it is."""
    kinds = ("Location" if finding.verdict == "no_nodule" else "Nodule" for finding in findings)
    return [
        Tracked(finding, tracking_uid(finding), finding.name or kind)
        for finding, kind in zip(findings, kinds, strict=True)
    ]


def header(
    finding: Finding, modality: str, description: str, series_uid: str | None = None, number: int = 1
) -> dict[str, Any]:
    """Arguments of highdicom's constructors: a new object in a new series, made by this app.

    Parameters
    ----------
    finding : Finding
    modality : str
        ``SR``, ``OT`` or ``SEG``.
    description : str
        Of the new series; at most 64 characters.
    series_uid : str, optional
        Of a series that has other objects, too; this one's `number` among them is unique.
    number : int
    """
    return {
        "series_instance_uid": series_uid or new_uid(),
        "series_number": SERIES_NUMBERS[modality],
        "sop_instance_uid": new_uid(),
        "instance_number": number,
        "series_description": description,
        "manufacturer": PRODUCT,
        "manufacturer_model_name": PRODUCT,
        "software_versions": (__version__, f"weights {finding.reading.weights}"),
        "specific_character_set": "ISO_IR 192",
    }


def as_file(dataset: Dataset) -> bytes:
    """The bytes of a DICOM file (PS3.10)."""
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
