"""What is shown of a volume beside its slices: slabs of them, and coronal and sagittal planes.

A plane is cut through the slices as they are displayed: anterior at the top of a slice, the patient's right
on its left. A coronal plane has the patient's right on its left, a sagittal one anterior; the head is at the
top of both. Between slices it is interpolated linearly; slices are taken to lie upright over one another, so
that a tilted gantry makes a plane lean.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.errors import UserError
from models.imaging.scan import Scan
from models.messages import Message

Plane = Literal["coronal", "sagittal"]
PLANES: tuple[Plane, ...] = ("coronal", "sagittal")
MOST_ROWS = 1024  # of a plane


@dataclass(frozen=True)
class Slab:
    """A stack of adjacent slices shown as one: the brightest value at each pixel (MIP), or the mean."""

    kind: Literal["mip", "mean"]
    mm: float


SLABS = {f"{kind}-{mm}": Slab(kind, mm) for kind in ("mip", "mean") for mm in (5, 10, 15)}


def has_planes(scan: Scan) -> bool:
    """Whether the slices make a volume: several, at positions that are known."""
    return scan.positions_mm is not None and len(scan.positions_mm) > 1


def slab_range(scan: Scan, index: int, mm: float) -> tuple[int, int]:
    """First and last slice of a slab of that thickness around a slice: those whose middles lie in it.

    Raises
    ------
    UserError
        ``bad_field`` where it is not known how far apart the slices are.
    """
    positions = _positions(scan)
    within = np.flatnonzero(np.abs(positions - positions[index]) <= mm / 2 + 1e-3)
    return int(within[0]), int(within[-1])


def slab_values(
    scan: Scan, index: int, slab: Slab, part: tuple[slice, slice] = (slice(None), slice(None))
) -> np.ndarray:
    """A slab around a slice, or a part of it (slices of rows and of columns), in the file's own pixels.

    In a mean, slices at the two faces of the slab count with as much of them as lies within.

    Returns
    -------
    ndarray of shape (rows, cols)
        Of the scan's own type for a MIP; float32 for a mean.
    """
    first, last = slab_range(scan, index, slab.mm)
    stack = scan.slices[(slice(first, last + 1), *part)]
    if slab.kind == "mip":
        return stack.max(axis=0)
    weights = _overlaps(_positions(scan), index, slab.mm)[first : last + 1]
    weights = (weights / weights.sum()).astype(np.float32)
    return np.tensordot(weights, stack.astype(np.float32), axes=1)


def brightest_slice(scan: Scan, index: int, slab: Slab, row: float, col: float) -> int:
    """The slice of a slab from which its brightest value around (row, col) comes, within a pixel."""
    first, last = slab_range(scan, index, slab.mm)
    rows, cols = (
        slice(max(round(at) - 1, 0), min(round(at) + 2, n)) for at, n in ((row, scan.rows), (col, scan.cols))
    )
    means = scan.slices[first : last + 1, rows, cols].astype(np.float32).mean(axis=(1, 2))
    return first + int(np.argmax(means))


@dataclass(frozen=True)
class PlaneGeometry:
    """The pixels of a plane: rows from the head down, `step_mm` apart from `top_mm` on, and columns."""

    rows: int
    cols: int
    step_mm: float
    col_mm: float
    top_mm: float


def plane_geometry(scan: Scan, plane: Plane) -> PlaneGeometry:
    """How a plane is sampled: in square pixels as large as the slices' own, unless it is very long."""
    positions = _positions(scan)
    down_mm, across_mm = scan.orientation.shown_spacing(scan.spacing_mm)
    rows, cols = scan.orientation.shown_shape((scan.rows, scan.cols))
    col_mm, n_cols = (across_mm, cols) if plane == "coronal" else (down_mm, rows)
    length = float(positions[-1] - positions[0])
    step = max(col_mm, length / (MOST_ROWS - 1))
    return PlaneGeometry(int(length / step) + 1, n_cols, step, col_mm, float(positions[-1]))


def plane_values(scan: Scan, plane: Plane, index: int, slab: Slab | None = None) -> np.ndarray:
    """A plane through a volume.

    Parameters
    ----------
    index : int
        Of the row (coronal) or column (sagittal) of the displayed slices.
    slab
        Several adjacent planes shown as one.

    Returns
    -------
    ndarray of shape (rows, cols) of `plane_geometry`, float32

    Raises
    ------
    UserError
        ``roi_outside``, or ``bad_field`` where there is no volume.
    """
    geometry, positions = plane_geometry(scan, plane), _positions(scan)
    volume = _as_displayed(scan)
    axis = 1 if plane == "coronal" else 2
    if not 0 <= index < volume.shape[axis]:
        raise UserError("roi_outside", _no_plane(plane, index))
    stack = np.moveaxis(volume, axis, 0)
    values = _thick_plane(stack, index, slab, scan.orientation.shown_spacing(scan.spacing_mm)[axis - 1])
    at = geometry.top_mm - geometry.step_mm * np.arange(geometry.rows)
    above = np.clip(np.searchsorted(positions, at), 1, len(positions) - 1)
    share = (at - positions[above - 1]) / (positions[above] - positions[above - 1])
    share = np.clip(share, 0, 1).astype(np.float32)[:, None]
    return values[above - 1] * (1 - share) + values[above] * share


def _no_plane(plane: Plane, index: int) -> Message:
    if plane == "coronal":
        return Message("There is no coronal plane {index} in this scan.", index=index)
    return Message("There is no sagittal plane {index} in this scan.", index=index)


def _thick_plane(stack: np.ndarray, index: int, slab: Slab | None, step_mm: float) -> np.ndarray:
    """One plane of a stack (planes, slices, cols), or the brightest or the mean of those around it."""
    reach = 0 if slab is None else int(slab.mm / 2 / step_mm)
    part = stack[max(index - reach, 0) : index + reach + 1]
    if slab is not None and slab.kind == "mip":
        return part.max(axis=0).astype(np.float32)
    return part.mean(axis=0, dtype=np.float32)


def _as_displayed(scan: Scan) -> np.ndarray:
    """View of the volume (slices, rows, cols) with its slices turned for display."""
    return np.moveaxis(scan.orientation.shown(np.moveaxis(scan.slices, 0, 2)), 2, 0)


def _positions(scan: Scan) -> np.ndarray:
    if scan.positions_mm is None or len(scan.positions_mm) < 2:
        raise UserError("bad_field", "The slice spacing of this scan is not known.")
    return np.asarray(scan.positions_mm, float)


def _overlaps(positions: np.ndarray, index: int, mm: float) -> np.ndarray:
    """How many mm of each slice lie in a slab around one of them; a slice reaches half way to the next."""
    middles = (positions[:-1] + positions[1:]) / 2
    step = float(np.median(np.diff(positions)))
    low = np.concatenate([[positions[0] - step / 2], middles])
    high = np.concatenate([middles, [positions[-1] + step / 2]])
    at = positions[index]
    return np.clip(np.minimum(high, at + mm / 2) - np.maximum(low, at - mm / 2), 0, None)
