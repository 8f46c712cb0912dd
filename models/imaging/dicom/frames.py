"""The frames of a DICOM CT object: one in a classic file, many in an Enhanced one (PS3.3 C.7.6.16)."""

import math
from dataclasses import dataclass

import numpy as np

from models.errors import ScanError
from models.imaging.dicom.damage import refusing_damage
from models.imaging.scan import SPACING_BOUNDS_MM

MAX_FRAMES = 10_000  # more than any CT has; a header that claims more must not cost memory
UNASSIGNED = (
    "Unassigned{}ConvertedAttributesSequence"  # where Legacy Converted CT keeps what it could not place
)


@dataclass(frozen=True)
class Frame:
    """Where one frame lies.

    Attributes
    ----------
    number : int
        0-based, in the order of the file.
    position : (float, float, float) or None
        Image Position (Patient) in mm: the centre of the frame's first pixel.
    orientation : tuple of six floats or None
        Image Orientation (Patient): direction cosines of a row, then of a column;
        None where they are no two directions.
    spacing_mm : (float, float) or None
        Between rows, then between columns; None where it is absent or absurd.
    thickness_mm : float or None
        Nominal slice thickness.
    """

    number: int
    position: tuple[float, float, float] | None = None
    orientation: tuple[float, ...] | None = None
    spacing_mm: tuple[float, float] | None = None
    thickness_mm: float | None = None


@refusing_damage()
def frames_of(dataset):
    """The frames that a header describes, in the order of the file.

    What an Enhanced CT object says in its functional groups comes first, what the whole object says
    second; a classic file with several frames says nothing about where each lies.

    Raises
    ------
    ScanError
        ``corrupt_file`` or ``too_large``, where Number of Frames makes no sense.
    """
    count = count_frames(dataset)
    placed = count == 1 or "PerFrameFunctionalGroupsSequence" in dataset
    return tuple(_frame(dataset, number, placed) for number in range(count))


@refusing_damage()
def count_frames(dataset):
    """Number of Frames (0028,0008), 1 where it is absent, empty or 0."""
    count = int(dataset.get("NumberOfFrames") or 1)
    if count < 1:
        raise ScanError("corrupt_file", "The DICOM file's number of frames is negative.")
    if count > MAX_FRAMES:
        raise ScanError("too_large", f"The DICOM file claims more than {MAX_FRAMES} frames.")
    return count


def frame_value(dataset, number, sequence, keyword):
    """What is said of one frame: by its own functional group, the shared one, or the whole object.

    Parameters
    ----------
    dataset : pydicom.Dataset
    number : int
        0-based number of the frame.
    sequence : str
        Keyword of the macro's sequence, e.g. ``PixelMeasuresSequence``.
    keyword : str
        Keyword of the attribute within it.

    Returns
    -------
    object or None
    """
    for groups, index, legacy in (
        ("PerFrameFunctionalGroupsSequence", number, "PerFrame"),
        ("SharedFunctionalGroupsSequence", 0, "Shared"),
    ):
        items = dataset.get(groups) or ()
        if index < len(items):
            for name in (sequence, UNASSIGNED.format(legacy)):
                for item in items[index].get(name) or ():
                    if item.get(keyword) not in (None, ""):
                        return item.get(keyword)
    return dataset.get(keyword)


def _frame(dataset, number, placed):
    def floats(sequence, keyword, length):
        return _floats(frame_value(dataset, number, sequence, keyword), length)

    position = floats("PlanePositionSequence", "ImagePositionPatient", 3) if placed else None
    orientation = floats("PlaneOrientationSequence", "ImageOrientationPatient", 6)
    thickness = floats("PixelMeasuresSequence", "SliceThickness", 1)
    spacing = floats("PixelMeasuresSequence", "PixelSpacing", 2)
    low, high = SPACING_BOUNDS_MM
    return Frame(
        number,
        position,
        orientation if orientation and _is_grid(orientation) else None,
        spacing if spacing and all(low <= value <= high for value in spacing) else None,
        thickness[0] if thickness and thickness[0] > 0 else None,
    )


def _is_grid(orientation):
    """Whether the six cosines are two directions about at right angles."""
    across, down = np.reshape(orientation, (2, 3))
    lengths = np.linalg.norm(across), np.linalg.norm(down)
    return min(lengths) > 0.5 and np.linalg.norm(np.cross(across, down)) > 0.9 * lengths[0] * lengths[1]


def _floats(value, length):
    """A tuple of so many finite numbers, or None."""
    values = [value] if length == 1 else value
    try:
        numbers = tuple(float(item) for item in values)
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == length and all(map(math.isfinite, numbers)) else None
