"""What a header says of the object that a frame is of: its identifiers, and whether contrast was given."""

import re

from pydicom import Dataset
from pydicom.datadict import dictionary_description
from pydicom.multival import MultiValue

from models.imaging.scan import ImagePlane, Reference
from models.ingest.dicom.frames import Frame, count_frames, frame_value
from models.ingest.dicom.sop_classes import ct_class

UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
UID = re.compile(  # PS3.5 section 9.1; of the second part of root 0 or 1, ISO/IEC 9834-1 has 40
    r"(?=.{1,64}\Z)([01]\.([0-9]|[1-3][0-9])|2\.(0|[1-9][0-9]*))(\.(0|[1-9][0-9]*))*"
)
NO_AGENT = re.compile(r"|0|-+|N|NO|NON|NONE|NIL|NATIVE|N/?A|W/?O|WITHOUT( CONTRAST)?|NO CONTRAST")


def reference_of(dataset: Dataset, frame: Frame) -> Reference | None:
    """The reference of one frame.

    Parameters
    ----------
    dataset
        As `models.ingest.dicom.read_header` gives it.
    frame
        As `models.ingest.dicom.frames.frames_of` gives it.

    Returns
    -------
    Reference or None
        None where an identifier is missing or malformed.
    """
    study, series, instance = (_uid(dataset, keyword) for keyword in UIDS)
    sop_class = ct_class(dataset)
    if study is None or series is None or instance is None or sop_class is None:
        return None
    number = frame.number + 1 if count_frames(dataset) > 1 else None
    return Reference(study, series, sop_class, instance, number, _plane(dataset, frame))


def _plane(dataset: Dataset, frame: Frame) -> ImagePlane | None:
    space = _uid(dataset, "FrameOfReferenceUID")
    if space is None or frame.position is None or frame.orientation is None:
        return None
    (x, y, z), (a, b, c, d, e, f) = frame.position, frame.orientation
    return ImagePlane(space, (x, y, z), (a, b, c, d, e, f))


def malformed_uids(dataset: Dataset) -> tuple[str, ...]:
    """Names of the identifiers that are written, but not as the standard has them."""
    return tuple(
        dictionary_description(keyword)
        for keyword in UIDS
        if dataset.get(keyword) and not _uid(dataset, keyword)
    )


def _uid(dataset: Dataset, keyword: str) -> str | None:
    uid = dataset.get(keyword)
    if not uid and keyword == "SOPInstanceUID":
        uid = dataset.file_meta.get("MediaStorageSOPInstanceUID")
    uid = uid.strip(" \0") if isinstance(uid, str) else ""
    return str(uid) if UID.fullmatch(uid) else None


def contrast_given(dataset: Dataset, number: int) -> bool:
    """Whether contrast agent was given, as far as the header of an image says so.

    By Contrast/Bolus Agent (PS3.3 C.7.6.4), or in Enhanced CT by its sequence (C.7.6.4b); what scanners
    write for none counts as none.
    """
    agent = frame_value(dataset, number, "ContrastBolusUsageSequence", "ContrastBolusAgent")
    agent = agent[0] if isinstance(agent, MultiValue) else agent
    named = isinstance(agent, str) and not NO_AGENT.fullmatch(agent.strip().upper())
    return named or bool(dataset.get("ContrastBolusAgentSequence"))
