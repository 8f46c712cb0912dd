"""A volume, in whichever format, to slices in HU, turned as DICOM slices of a patient on the back."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from nibabel import orientations
from numpy.typing import ArrayLike

from models.errors import UserError
from models.imaging.geometry import along_normal, is_axial, tilt_degrees
from models.imaging.scan import Notice
from models.ingest.dicom.hounsfield import AIR_HU, PADDING_BELOW_HU
from models.ingest.limits import Limits
from models.messages import Message

DAMAGED = Message("The volume is damaged or incomplete and cannot be read.")
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
LOWEST_HU, HIGHEST_HU = -(2**15), 2**15 - 1  # padding and metal reach as far
AIR_AT_MOST_HU = -500  # some value of a CT is as low
HU_ASSUMED = Message("The file does not say what its values are; they were read as Hounsfield units.")
ORIENTATION_ASSUMED = Message(
    "The file does not give the patient's position; supine, head first was assumed. Sides may be swapped."
)


@dataclass(frozen=True)
class StoredVolume:
    """A volume as stored.

    Attributes
    ----------
    stored : ndarray of shape (i, j, k)
        In the file's order of axes.
    affine : ndarray of shape (4, 4)
        Indices (i, j, k, 1) to mm in the patient: x to the left, y to the back, z to the head.
    slope, intercept
        Values are stored * slope + intercept.
    is_oriented
        Whether the file says how the volume lies in the patient.
    """

    stored: np.ndarray
    affine: np.ndarray
    slope: float = 1.0
    intercept: float = 0.0
    is_oriented: bool = True


def check_shape(sizes: Iterable[int | str], limits: Limits) -> tuple[int, int, int]:
    """The three sizes of a volume, within bounds; others must be 1.

    Raises
    ------
    UserError
        ``corrupt_file``, ``too_large``, or ``mixed_series`` for several volumes in one file.
    """
    found = [int(size) for size in sizes]
    while len(found) > 3 and found[-1] == 1:
        found.pop()
    if not found or min(found) < 1:
        raise damaged()
    if len(found) > 3:
        raise UserError(
            "mixed_series", "The file contains several volumes (phases or channels); send one of them."
        )
    i, j, k = found + [1] * (3 - len(found))
    limits.check_frames(min(i, j, k))
    limits.check_slices(k, j, i)
    return i, j, k


def array_of(data: bytes, dtype: np.dtype, sizes: tuple[int, int, int]) -> np.ndarray:
    """Stored values, the first axis running fastest; UserError ``corrupt_file`` where there are too few."""
    count = math.prod(sizes)
    if len(data) < count * dtype.itemsize:
        raise damaged()
    return np.frombuffer(data, dtype, count).reshape(sizes, order="F")


def affine_of(directions: ArrayLike, origin: ArrayLike) -> np.ndarray:
    """The affine map of three vectors (mm a step along i, j and k) and the first value's position."""
    affine = np.eye(4)
    affine[:3, :3] = np.asarray(directions, float).T
    affine[:3, 3] = origin
    return affine


def damaged() -> UserError:
    """The refusal of a file that breaks off or contradicts itself."""
    return UserError("corrupt_file", DAMAGED)


def not_read(what: Message) -> UserError:
    """The refusal of what a format allows but is not read here; `what` is a clause that says what it is."""
    message = Message("{what}; export the CT as DICOM, or as NIfTI in one file (.nii.gz).", what=what)
    return UserError("unsupported_file", message)


@dataclass(frozen=True)
class Slices:
    """Slices of a volume, feet to head: rows to the back, columns to the left.

    Attributes
    ----------
    pixels : ndarray of shape (n, rows, cols)
        HU, int16 where all are whole numbers, else float32.
    spacing_mm
        Between rows, then between columns.
    orientation
        As Image Orientation (Patient).
    positions : ndarray of shape (n, 3)
        Of each slice's first pixel, in mm.
    notices
        ``units_assumed``, and ``order_assumed`` where the file does not say how the patient lies.
    """

    pixels: np.ndarray
    spacing_mm: tuple[float, float]
    orientation: tuple[float, ...]
    positions: np.ndarray
    notices: tuple[Notice, ...]

    @property
    def positions_mm(self) -> tuple[float, ...]:
        """Of each slice along the normal."""
        return tuple(map(float, along_normal(self.positions, self.orientation)))

    @property
    def tilt_degrees(self) -> float:
        """See `models.imaging.geometry.tilt_degrees`."""
        return tilt_degrees(self.positions, self.orientation)


def slices_of(grid: StoredVolume) -> Slices:
    """Turn a volume, and convert it to HU.

    Raises
    ------
    UserError
        ``corrupt_file``; ``not_axial``, where its axes are far from the body's; ``not_ct``, where its values
        are not HU.
    """
    if not np.isfinite(grid.affine).all() or abs(np.linalg.det(grid.affine)) < 1e-9:
        raise damaged()
    axes = orientations.io_orientation(RAS_TO_LPS @ grid.affine)
    if np.isnan(axes).any():  # two of them run along one direction of the body
        raise damaged()
    turn = orientations.ornt_transform(axes, orientations.axcodes2ornt("LPS"))
    affine = grid.affine @ orientations.inv_ornt_aff(turn, grid.stored.shape)
    turned = orientations.apply_orientation(grid.stored, turn).transpose(2, 1, 0)
    col, row, step, origin = affine[:3].T
    spacing = float(np.linalg.norm(row)), float(np.linalg.norm(col))
    orientation = (*(col / spacing[1]), *(row / spacing[0]))
    if not is_axial(orientation):
        raise UserError("not_axial", "The volume is oblique to the body; send one with axial slices.")
    positions = origin + np.arange(len(turned))[:, None] * step
    notices = [Notice("units_assumed", HU_ASSUMED)]
    if not grid.is_oriented:
        notices.append(Notice("order_assumed", ORIENTATION_ASSUMED))
    return Slices(_in_hu(turned, grid), spacing, tuple(map(float, orientation)), positions, tuple(notices))


def _in_hu(turned: np.ndarray, grid: StoredVolume) -> np.ndarray:
    pixels, low, high = np.empty(turned.shape, np.int16), np.inf, -np.inf
    for index, stored in enumerate(turned):
        values = stored * np.float64(grid.slope) + grid.intercept
        if not np.isfinite(values).all():
            raise damaged()
        low, high = min(low, values.min()), max(high, values.max())
        if low < LOWEST_HU or high > HIGHEST_HU:
            break
        values[values < PADDING_BELOW_HU] = AIR_HU
        if pixels.dtype == np.int16 and not np.array_equal(values, np.rint(values)):
            pixels = pixels.astype(np.float32)
        pixels[index] = values
    if not LOWEST_HU <= low <= AIR_AT_MOST_HU or high > HIGHEST_HU:
        raise UserError(
            "not_ct",
            "The volume's values are not Hounsfield units: in a chest CT, air is about -1000. Export it "
            "again without rescaling.",
        )
    return pixels
