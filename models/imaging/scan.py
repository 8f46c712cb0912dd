"""A scan: the slices of one upload in one grey scale, and a location in it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np

from models.errors import UserError
from models.imaging.study_header import StudyHeader
from models.messages import Message, as_message

ASSUMED_SPACING_MM = 0.7
SPACING_BOUNDS_MM = (0.1, 5.0)
STEP_BOUNDS_MM = (0.1, 20.0)  # of neighbouring slices
CROP_AT_MOST = 160  # pixels a side: an image this small is taken for a nodule crop
WHOLE_SLICE_MM = 200.0  # only a field this wide shows a chest from side to side
SpacingSource = Literal["file", "given", "estimated", "assumed"]
Number = TypeVar("Number", int, float)
Coordinate = TypeVar("Coordinate", float, np.ndarray)


@dataclass(frozen=True)
class Notice:
    """A warning that goes with the answer: a code for programs, a sentence for people."""

    code: str
    text: Message | str  # made a message of

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", as_message(self.text))

    @property
    def message(self) -> str:
        """The sentence in English."""
        return str(self.text)


@dataclass(frozen=True)
class Orientation:
    """How a file's pixels are turned for display: anterior up, the patient's right on the left.

    The eight ways to turn and mirror a grid: transposed first, then flipped. Coordinates may be
    fractional, and arrays of them are turned alike.
    """

    transpose: bool = False
    flip_rows: bool = False
    flip_cols: bool = False

    def shown(self, pixels: np.ndarray) -> np.ndarray:
        """View of pixels (rows, cols) of the file as they are displayed."""
        pixels = np.swapaxes(pixels, 0, 1) if self.transpose else pixels
        return pixels[:: -1 if self.flip_rows else 1, :: -1 if self.flip_cols else 1]

    def to_shown(
        self, row: Coordinate, col: Coordinate, shape: tuple[int, int]
    ) -> tuple[Coordinate, Coordinate]:
        """Displayed location of a location in the file's pixels; `shape` is the file's (rows, cols)."""
        row, col = (col, row) if self.transpose else (row, col)
        return self._flipped(row, col, shape)

    def from_shown(
        self, row: Coordinate, col: Coordinate, shape: tuple[int, int]
    ) -> tuple[Coordinate, Coordinate]:
        """Location in the file's pixels of a displayed one; `shape` is the file's (rows, cols)."""
        row, col = self._flipped(row, col, shape)
        return (col, row) if self.transpose else (row, col)

    def shown_shape(self, shape: tuple[Number, Number]) -> tuple[Number, Number]:
        """(rows, cols) of the displayed slice."""
        rows, cols = shape
        return (cols, rows) if self.transpose else (rows, cols)

    def shown_spacing(self, spacing_mm: tuple[float, float]) -> tuple[float, float]:
        """Row and column spacing of the displayed slice."""
        return self.shown_shape(spacing_mm)

    def _flipped(
        self, row: Coordinate, col: Coordinate, shape: tuple[int, int]
    ) -> tuple[Coordinate, Coordinate]:
        rows, cols = self.shown_shape(shape)
        return (rows - 1 - row if self.flip_rows else row), (cols - 1 - col if self.flip_cols else col)


@dataclass(frozen=True)
class ImagePlane:
    """Where a slice lies in the patient, as its file says it (PS3.3 C.7.6.2 and C.7.4.1).

    Attributes
    ----------
    frame_of_reference_uid
        Names the coordinate system.
    position
        Image Position (Patient): x, y and z of the first pixel's centre, in mm.
    orientation
        Image Orientation (Patient): three direction cosines of a row, then of a column.
    """

    frame_of_reference_uid: str
    position: tuple[float, float, float]
    orientation: tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Reference:
    """A slice among DICOM objects: identifiers that name objects, and nothing about the patient.

    Attributes
    ----------
    study_uid, series_uid, sop_class_uid, sop_instance_uid
        Unique identifiers as PS3.5 section 9.1 allows them.
    frame
        1-based number within a file of several frames; None where the file is one image.
    plane
        None where the file does not say where it lies; no part of what tells two references apart.
    """

    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    frame: int | None = None
    plane: ImagePlane | None = field(default=None, compare=False)


def references_of(found: Iterable[Reference | None]) -> tuple[Reference, ...] | None:
    """The references of a scan's slices, or None where they do not name every slice, each by its own.

    Parameters
    ----------
    found
        In the order of the slices.
    """
    references = []
    for reference in found:
        if reference is None:
            return None
        references.append(reference)
    images = {(reference.sop_instance_uid, reference.frame) for reference in references}
    return tuple(references) if len(images) == len(references) else None


@dataclass(frozen=True)
class Scan:
    """Decoded slices.

    Attributes
    ----------
    slices : ndarray of shape (n, rows, cols)
        Feet to head, or in the order of the pictures' names; in the file's own pixels. int16 where all
        HU are whole numbers, else float32. May be a read-only memory map: convert a slice, never all.
    spacing_mm
        Row and column spacing.
    spacing_assumed
        True where neither the file nor the user gave a spacing.
    is_hu
        True where the values are Hounsfield units; False where they are a picture's grey values.
    orientation
        Turns the file's pixels for display.
    positions_mm
        Of each slice along the slice normal, feet to head; None where the files do not say (pictures).
    given_step_mm
        Distance of neighbouring slices, as the user gave it for a stack of pictures.
    thickness_mm
        Nominal slice thickness.
    references
        Of each slice: the DICOM image it came from. None for pictures, or where any file lacks a proper name.
    contrast
        Whether contrast agent was given, as far as the files say so; None for pictures.
    spacing_source
        Where the spacing comes from; ``estimated`` and ``assumed`` only where `spacing_assumed`.
    header
        Whose study it is, from the decoding of the files to the store; a scan from the store has none.
    day
        Number of the day of the study, where the files agree on one; only differences mean anything, and
        in the store it is counted from a secret day.
    """

    slices: np.ndarray
    spacing_mm: tuple[float, float]
    spacing_assumed: bool
    is_hu: bool
    notices: tuple[Notice, ...] = ()
    orientation: Orientation = Orientation()
    positions_mm: tuple[float, ...] | None = None
    thickness_mm: float | None = None
    references: tuple[Reference, ...] | None = None
    contrast: bool | None = None
    day: int | None = None
    given_step_mm: float | None = None
    spacing_source: SpacingSource = "file"
    header: StudyHeader | None = field(default=None, repr=False, compare=False)

    @property
    def spacing_guess(self) -> Literal["estimated", "assumed"] | None:
        """How the spacing was guessed; None where the file or a person gave it."""
        if not self.spacing_assumed:
            return None
        return "estimated" if self.spacing_source == "estimated" else "assumed"

    @property
    def spacing_can_be_set(self) -> bool:
        """Whether the file leaves it open how large a pixel is, so that a person may say."""
        return self.spacing_assumed or self.spacing_source == "given"

    @property
    def rows(self) -> int:
        """Height in pixels."""
        return self.slices.shape[1]

    @property
    def cols(self) -> int:
        """Width in pixels."""
        return self.slices.shape[2]

    @property
    def slice_spacing_mm(self) -> float | None:
        """Median distance of adjacent slices; None for one slice, or where positions are unknown."""
        if self.depths_mm is None or len(self.depths_mm) < 2:
            return None
        return float(np.median(np.diff(self.depths_mm)))

    @property
    def depths_mm(self) -> tuple[float, ...] | None:
        """Positions of the slices, or such as follow from the distance that the user gave."""
        if self.positions_mm is None and self.given_step_mm is not None:
            return tuple(self.given_step_mm * index for index in range(len(self.slices)))
        return self.positions_mm

    @property
    def is_crop(self) -> bool:
        """Whether the image is small enough to be a crop with its nodule in the middle."""
        return max(self.rows, self.cols) <= CROP_AT_MOST

    @property
    def is_whole_slice(self) -> bool:
        """Whether the images are wide enough to show a chest from side to side."""
        return shows_whole_slice((self.rows, self.cols), self.spacing_mm)


def shows_whole_slice(shape: tuple[int, int], spacing_mm: tuple[float, float]) -> bool:
    """Whether an image of that shape (rows, cols) is not a crop and wide enough to show a whole chest."""
    field = min(length * spacing for length, spacing in zip(shape, spacing_mm, strict=True))
    return max(shape) > CROP_AT_MOST and field >= WHOLE_SLICE_MM


def describe(scan: Scan) -> dict[str, Any]:
    """What a scan says beside its slices, as JSON values, for the disk; whose study it is stays out."""
    description = msgspec.to_builtins(scan, enc_hook=_plain)
    del description["slices"], description["header"]
    return description


def scan_of(description: Any, slices: np.ndarray) -> Scan:
    """The scan of a description of `describe` and its slices; ValueError or TypeError where it is none."""
    return msgspec.convert({**description, "slices": slices, "header": None}, Scan)


def _plain(value: object) -> object:
    """A value of numpy as one of Python; None for slices."""
    return value.item() if isinstance(value, np.generic) else None


@dataclass(frozen=True)
class Roi:
    """Where the nodule is: (row, col) in pixels of the uploaded image, slice, and who said so."""

    row: float
    col: float
    slice: int
    source: str  # given | centre | suggested

    @property
    def location(self) -> tuple[int, str, str]:
        """Slice, row and column to a tenth of a pixel; what has the same is at one location."""
        return self.slice, f"{self.row:.1f}", f"{self.col:.1f}"


def locate(scan: Scan, row: float | None = None, col: float | None = None, index: int | None = None) -> Roi:
    """The region of interest: the given one, else the centre of a crop.

    Raises
    ------
    UserError
        ``bad_number``, ``roi_outside``, or ``nodule_not_found`` for a whole slice without a location.
    """
    n_slices = len(scan.slices)
    if index is None:
        index = n_slices // 2
    elif not 0 <= index < n_slices:
        message = Message(
            "Slice {index} is outside the scan, which has slices 0 to {last}.", index=index, last=n_slices - 1
        )
        raise UserError("roi_outside", message)
    if (row is None) != (col is None):
        raise UserError("bad_number", "Give both row and col of the nodule, or neither.")
    if row is None or col is None:
        if not scan.is_crop:
            message = Message(
                "The image is {rows} x {cols} pixels, a whole slice rather than a nodule crop: say where the "
                "nodule is with row and col.",
                rows=scan.rows,
                cols=scan.cols,
            )
            raise UserError("nodule_not_found", message)
        return Roi((scan.rows - 1) / 2, (scan.cols - 1) / 2, index, "centre")
    if not (-0.5 <= row <= scan.rows - 0.5 and -0.5 <= col <= scan.cols - 0.5):
        message = Message(
            "Row {row:g}, column {col:g} is outside the image of {rows} rows and {cols} columns.",
            row=row,
            col=col,
            rows=scan.rows,
            cols=scan.cols,
        )
        raise UserError("roi_outside", message)
    return Roi(row, col, index, "given")
