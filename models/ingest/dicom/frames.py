"""The frames of a DICOM CT object: one in a classic file, many in an Enhanced one (PS3.3 C.7.6.16)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom import Dataset

from models.errors import UserError
from models.imaging.scan import SPACING_BOUNDS_MM
from models.ingest.dicom.file_header import HEADER
from models.ingest.dicom.numbers import makes_no_sense, numbers, oddity, whole_in, written
from models.ingest.limits import MOST_FRAMES, refusing_damage
from models.messages import Message

UNASSIGNED = (
    "Unassigned{}ConvertedAttributesSequence"  # where Legacy Converted CT keeps what it could not place
)


@dataclass(frozen=True)
class Frame:
    """Where one frame lies.

    Attributes
    ----------
    number
        0-based, in the order of the file.
    position
        Image Position (Patient), three coordinates in mm: the centre of the frame's first pixel.
    orientation
        Image Orientation (Patient): three direction cosines of a row, then of a column;
        None where they are not two directions.
    spacing_mm
        Between rows, then between columns; None where it is absent or absurd.
    thickness_mm
        Nominal slice thickness.
    location_mm
        Slice Location, which counts along the body in a direction that is not told.
    odd
        Sentences on numbers that are not written as they should be.
    """

    number: int
    position: tuple[float, ...] | None = None
    orientation: tuple[float, ...] | None = None
    spacing_mm: tuple[float, float] | None = None
    thickness_mm: float | None = None
    location_mm: float | None = None
    odd: tuple[Message, ...] = ()


@refusing_damage(HEADER)
def frames_of(dataset: Dataset) -> tuple[Frame, ...]:
    """The frames that a header describes, in the order of the file.

    What an Enhanced CT object says in its functional groups comes first, what the whole object says
    second; a classic file with several frames says nothing about where each lies.

    Raises
    ------
    UserError
        ``corrupt_file`` or ``too_large``, where Number of Frames makes no sense.
    """
    count = count_frames(dataset)
    has_positions = count == 1 or "PerFrameFunctionalGroupsSequence" in dataset
    return tuple(_frame(dataset, number, has_positions) for number in range(count))


@refusing_damage(HEADER)
def count_frames(dataset: Dataset) -> int:
    """Number of Frames (0028,0008), 1 where it is absent, empty or 0."""
    count = whole_in(dataset, "NumberOfFrames")
    if count is None and (text := written(dataset, "NumberOfFrames")):
        raise UserError("corrupt_file", makes_no_sense("NumberOfFrames", text))
    count = count or 1
    if count < 1:
        raise UserError("corrupt_file", "The DICOM file's number of frames is negative.")
    if count > MOST_FRAMES:
        raise UserError(
            "too_large", Message("The DICOM file claims more than {most} frames.", most=MOST_FRAMES)
        )
    return count


def frame_value(
    dataset: Dataset,
    number: int,
    sequence: str,
    keyword: str,
    get: Callable[[Dataset, str], Any] = Dataset.get,
) -> Any:
    """What is said of one frame: by its own functional group, the shared one, or the whole object.

    Parameters
    ----------
    number
        0-based number of the frame.
    sequence
        Keyword of the macro's sequence, e.g. ``PixelMeasuresSequence``.
    keyword
        Keyword of the attribute within it.
    get
        Gives an attribute of a dataset by its keyword: its value, or as `numbers.written` what is written.
    """
    for groups, index, legacy in (
        ("PerFrameFunctionalGroupsSequence", number, "PerFrame"),
        ("SharedFunctionalGroupsSequence", 0, "Shared"),
    ):
        items = dataset.get(groups) or ()
        if index < len(items):
            for name in (sequence, UNASSIGNED.format(legacy)):
                for item in items[index].get(name) or ():
                    if (value := get(item, keyword)) not in (None, ""):
                        return value
    return get(dataset, keyword)


def _frame(dataset: Dataset, number: int, has_positions: bool) -> Frame:
    odd = []

    def floats(
        sequence: str,
        keyword: str,
        length: int,
        makes_sense: Callable[[tuple[float, ...]], bool] = lambda values: True,
    ) -> tuple[float, ...] | None:
        text = frame_value(dataset, number, sequence, keyword, written)
        values = numbers(text, length)
        is_used = values is not None and makes_sense(values)
        odd.append(oddity(keyword, text, length, is_used))
        return values if is_used else None

    position = floats("PlanePositionSequence", "ImagePositionPatient", 3) if has_positions else None
    orientation = floats("PlaneOrientationSequence", "ImageOrientationPatient", 6, _is_grid)
    thickness = floats("PixelMeasuresSequence", "SliceThickness", 1)
    spacing = floats("PixelMeasuresSequence", "PixelSpacing", 2, _is_sane)
    location = floats("PlanePositionSequence", "SliceLocation", 1) if has_positions else None
    return Frame(
        number,
        position,
        orientation,
        (spacing[0], spacing[1]) if spacing else None,
        thickness[0] if thickness and thickness[0] > 0 else None,
        location[0] if location else None,
        tuple(filter(None, odd)),
    )


def _is_sane(spacing: tuple[float, ...]) -> bool:
    low, high = SPACING_BOUNDS_MM
    return all(low <= value <= high for value in spacing)


def _is_grid(orientation: tuple[float, ...]) -> bool:
    """Whether the six cosines are two directions about at right angles."""
    across, down = np.reshape(orientation, (2, 3))
    lengths = np.linalg.norm(across), np.linalg.norm(down)
    return bool(min(lengths) > 0.5 and np.linalg.norm(np.cross(across, down)) > 0.9 * lengths[0] * lengths[1])
