"""What a header says of a frame's origin: which object it is, and whether contrast agent was given."""

import re

from pydicom.multival import MultiValue

from models.imaging.dicom.frames import count_frames, frame_value
from models.imaging.reference import Reference

UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID")
UID = re.compile(r"(?=.{1,64}\Z)(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")  # PS3.5 section 9.1
NO_AGENT = re.compile(r"|0|-+|N|NO|NON|NONE|NIL|NATIVE|N/?A|W/?O|WITHOUT( CONTRAST)?|NO CONTRAST")


def reference_of(dataset, number):
    """The reference of one frame.

    Parameters
    ----------
    dataset : pydicom.Dataset
        As `models.imaging.dicom.read_header` gives it.
    number : int
        0-based number of the frame.

    Returns
    -------
    Reference or None
        None where an identifier is missing or malformed.
    """
    uids = [dataset.get(keyword) for keyword in UIDS]
    if not all(isinstance(uid, str) and UID.fullmatch(uid) for uid in uids):
        return None
    return Reference(*map(str, uids), number + 1 if count_frames(dataset) > 1 else None)


def contrast_given(dataset, number):
    """Whether contrast agent was given, as far as the header of an image says so.

    By Contrast/Bolus Agent (PS3.3 C.7.6.4), or in Enhanced CT by its sequence (C.7.6.4b); what scanners
    write for none counts as none.
    """
    agent = frame_value(dataset, number, "ContrastBolusUsageSequence", "ContrastBolusAgent")
    agent = agent[0] if isinstance(agent, MultiValue) else agent
    named = isinstance(agent, str) and not NO_AGENT.fullmatch(agent.strip().upper())
    return named or bool(dataset.get("ContrastBolusAgentSequence"))
