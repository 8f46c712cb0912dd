"""Which DICOM image a slice came from, so that exports can refer to it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """A slice's place among DICOM objects: identifiers that name objects, and nothing about the patient.

    Attributes
    ----------
    study_uid, series_uid, sop_class_uid, sop_instance_uid : str
        Unique identifiers as PS3.5 section 9.1 allows them.
    frame : int, optional
        1-based number within a file of several frames; None where the file is one image.
    """

    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    frame: int | None = None


def references_of(found):
    """The references of a scan's slices, or None where they do not name every slice, each by its own.

    Parameters
    ----------
    found : iterable of (Reference or None)
        In the order of the slices.

    Returns
    -------
    tuple of Reference, or None
    """
    found = tuple(found)
    images = {(reference.sop_instance_uid, reference.frame) for reference in found if reference}
    return found if len(images) == len(found) else None
