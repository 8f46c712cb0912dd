"""What a volume is, whichever format it comes in: stored values and where they lie."""

import math
from dataclasses import dataclass

import numpy as np

from models.errors import UserError


@dataclass(frozen=True)
class Grid:
    """A volume as stored.

    Attributes
    ----------
    stored : ndarray of shape (i, j, k)
        In the file's order of axes.
    affine : ndarray of shape (4, 4)
        Places (i, j, k, 1) to mm in the patient: x to the left, y to the back, z to the head.
    slope, intercept : float
        Values are stored * slope + intercept.
    is_placed : bool
        Whether the file says how the volume lies in the patient.
    """

    stored: np.ndarray
    affine: np.ndarray
    slope: float = 1.0
    intercept: float = 0.0
    is_placed: bool = True


def check_shape(sizes, limits) -> tuple[int, int, int]:
    """The three sizes of a volume, within bounds; others must be 1.

    Raises
    ------
    UserError
        ``corrupt_file``, ``too_large``, or ``mixed_series`` for several volumes in one file.
    """
    sizes = [int(size) for size in sizes]
    while len(sizes) > 3 and sizes[-1] == 1:
        sizes.pop()
    if not sizes or min(sizes) < 1:
        raise damaged()
    if len(sizes) > 3:
        raise UserError(
            "mixed_series", "The file holds several volumes (phases or channels); send one of them."
        )
    sizes += [1] * (3 - len(sizes))
    limits.check_frames(min(sizes))
    limits.check_slices(*sizes[::-1])
    return tuple(sizes)


def array_of(data: bytes, dtype: np.dtype, sizes) -> np.ndarray:
    """Stored values, the first axis running fastest; UserError ``corrupt_file`` where there are too few."""
    count = math.prod(sizes)
    if len(data) < count * dtype.itemsize:
        raise damaged()
    return np.frombuffer(data, dtype, count).reshape(sizes, order="F")


def affine_of(directions, origin) -> np.ndarray:
    """The affine map of three vectors (mm a step along i, j and k) and the first value's place."""
    affine = np.eye(4)
    affine[:3, :3] = np.asarray(directions, float).T
    affine[:3, 3] = origin
    return affine


def damaged() -> UserError:
    """The refusal of a file that breaks off or contradicts itself."""
    return UserError("corrupt_file", "The volume is damaged or cut short and cannot be read.")


def not_read(what: str) -> UserError:
    """The refusal of what a format allows but is not read here."""
    return UserError(
        "unsupported_file", f"{what}; export the CT as DICOM, or as NIfTI in one file (.nii.gz)."
    )
