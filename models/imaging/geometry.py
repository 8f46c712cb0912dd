"""Where slices lie in the patient (DICOM PS3.3 C.7.6.2.1.1): normals, display, order, gaps, tilt.

The patient's axes: x to the left, y to the back, z to the head, in mm.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from models.imaging.scan import Orientation

AXIAL_COSINE = 0.85  # the slice normal may be tilted by some 30 degrees (gantry tilt)
SAME_AXES_COSINE = 0.9998  # cosine of 1 degree
SAME_POSITION_MM = 0.01  # positions are written with two decimals or more
GAP = 1.5  # of the median distance: more is a missing slice
UNEVEN = 0.1  # of the median distance: slices this much nearer or farther are irregular


def axes(orientation: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of the pixel grid.

    Parameters
    ----------
    orientation
        Image Orientation (Patient): six cosines.

    Returns
    -------
    across, down : ndarray of shape (3,)
        Directions in which columns and rows are counted.
    """
    across, down = np.asarray(orientation, dtype=float).reshape(2, 3)
    return across / np.linalg.norm(across), down / np.linalg.norm(down)


def normal(orientation: Sequence[float]) -> np.ndarray:
    """Unit vector across the slice that points to the head."""
    vector = np.cross(*axes(orientation))
    vector /= np.linalg.norm(vector)
    return -vector if vector[2] < 0 else vector


def is_axial(orientation: Sequence[float]) -> bool:
    """Whether the slice lies across the body, gantry tilt included."""
    return bool(normal(orientation)[2] >= AXIAL_COSINE)


def plane_of(orientation: Sequence[float]) -> str:
    """The plane of a slice: axial, coronal, sagittal, or oblique."""
    left, back, head = np.abs(normal(orientation))
    planes = {"axial": head, "coronal": back, "sagittal": left}
    return next((plane for plane, cosine in planes.items() if cosine >= AXIAL_COSINE), "oblique")


def same_orientation(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two pixel grids are turned alike, to a degree."""
    cosines = [float(a @ b) for a, b in zip(axes(one), axes(other), strict=True)]
    return min(cosines) >= SAME_AXES_COSINE


def display_orientation(orientation: Sequence[float]) -> Orientation:
    """The one of the eight turns that best brings anterior up and the patient's right to the left."""
    across, down = axes(orientation)
    transpose = bool(abs(across[0]) + abs(down[1]) < abs(across[1]) + abs(down[0]))
    if transpose:
        across, down = down, across
    return Orientation(transpose, bool(down[1] < 0), bool(across[0] < 0))


def along_normal(positions: ArrayLike, orientation: Sequence[float]) -> np.ndarray:
    """Distances of slices along their normal, from the patient's origin.

    Parameters
    ----------
    positions : array_like of shape (n, 3)
        Image Position (Patient) of each slice.
    orientation
        Of all of them.

    Returns
    -------
    ndarray of shape (n,)
        In mm; larger is nearer to the head.
    """
    return np.asarray(positions, dtype=float).reshape(-1, 3) @ normal(orientation)


def tilt_degrees(positions: Sequence[Sequence[float]] | np.ndarray, orientation: Sequence[float]) -> float:
    """Gantry tilt: the slices' own, or the slant of the stack that they make, whichever is larger.

    Either shows it where Gantry/Detector Tilt is silent: slices are tilted against the body's axis, or
    upright slices (after a conversion) are shifted against one another.

    Parameters
    ----------
    positions : array_like of shape (n, 3)
        In order, feet to head.
    """
    across = normal(orientation)
    step = np.asarray(positions[-1], dtype=float) - np.asarray(positions[0], dtype=float)
    length = np.linalg.norm(step)
    cosines = [across[2], abs(step @ across) / length if length > 0 else 1.0]
    return float(np.degrees(np.arccos(np.clip(min(cosines), -1, 1))))


def gaps(positions_mm: ArrayLike) -> list[tuple[float, float]]:
    """Neighbours between which slices are missing.

    Parameters
    ----------
    positions_mm : array_like of shape (n,)
        Ascending.

    Returns
    -------
    list of (float, float)
        Positions below and above each gap of more than 1.5 times the median distance.
    """
    positions = np.asarray(positions_mm, dtype=float)
    steps = np.diff(positions)
    if steps.size == 0:
        return []
    wide = np.flatnonzero(steps > GAP * np.median(steps))
    return [(float(positions[i]), float(positions[i + 1])) for i in wide]


def uneven(positions_mm: ArrayLike) -> tuple[float, float] | None:
    """Smallest and largest distance of neighbours, gaps aside, where they differ; else None."""
    steps = np.diff(np.asarray(positions_mm, dtype=float))
    if steps.size == 0:
        return None
    median = float(np.median(steps))
    steps = steps[steps <= GAP * median]
    slack = UNEVEN * median + 2 * SAME_POSITION_MM
    if max(abs(steps - median)) <= slack:
        return None
    return float(steps.min()), float(steps.max())
