"""What the second network of the search sees of a candidate: one definition for training and for serving.

A close field in seven slices shows whether a bright spot ends as a nodule does, or goes on as a vessel does;
a wide one in three slices shows what it lies in (after the multi-view patches of Setio et al., IEEE Trans.
Med. Imaging 35, 1160, 2016). Slices beyond those in which the candidate was seen do not take part,
since the crops that trained the network end there.
"""

from collections.abc import Mapping

import numpy as np

from models.imaging.field import Box, cut_field, field_box, slice_in_hu, to_unit
from models.imaging.scan import Scan

CLOSE_MM, WIDE_MM = 32.0, 60.0
PIXELS = 48  # of each field's edge
CLOSE, WIDE = (-3, -2, -1, 0, 1, 2, 3), (-1, 0, 1)  # slices, in steps of `STEP_MM` or of the scan
SHAPE = (PIXELS, PIXELS, len(CLOSE) + len(WIDE))
STEP_MM = 2.0  # slices that take part are so far apart, or all do where they are farther


def step_of(slice_spacing_mm: float | None) -> int:
    """How many slices make a step."""
    return max(1, int(STEP_MM / slice_spacing_mm)) if slice_spacing_mm else 1


def chosen_slices(index: int, first: int, last: int, step: int) -> tuple[int, ...]:
    """The slices of all channels for a candidate in slice `index` that is seen from `first` to `last`."""
    return tuple(min(max(index + step * offset, first), last) for offset in CLOSE + WIDE)


def cut_candidate(
    slices: Mapping[int, np.ndarray],
    order: tuple[int, ...],
    spacing_mm: tuple[float, float],
    row: float,
    col: float,
) -> np.ndarray:
    """Both fields of a candidate in HU, shape `SHAPE`, float32; what lies beyond the slice is mirrored.

    Parameters
    ----------
    slices : mapping of int to ndarray of shape (rows, cols)
        In HU, by index.
    order : tuple of int
        As of `chosen_slices`.
    """
    close, wide = (field_box(spacing_mm, row, col, field_mm) for field_mm in (CLOSE_MM, WIDE_MM))
    boxes = [close] * len(CLOSE) + [wide] * len(WIDE)
    cut: dict[tuple[int, Box], np.ndarray] = {}
    for index, box in zip(order, boxes, strict=True):
        if (index, box) not in cut:
            cut[index, box] = cut_field(slices[index], box, (PIXELS, PIXELS))
    return np.stack([cut[index, box] for index, box in zip(order, boxes, strict=True)], axis=-1)


def candidate_fields(
    scan: Scan, row: float, col: float, index: int, extent: tuple[int, int], scale: float = 1.0
) -> np.ndarray:
    """The network's input for a candidate of a scan, shape `SHAPE`, float32 in [0, 1].

    Parameters
    ----------
    extent : (int, int)
        The first and the last slice that show the candidate.
    scale : float
        Of both fields: 2 for what was found on the coarse grid.
    """
    order = chosen_slices(index, *extent, step_of(scan.slice_spacing_mm))
    slices = {i: slice_in_hu(scan, i) for i in set(order)}
    spacing = scan.spacing_mm[0] / scale, scan.spacing_mm[1] / scale
    return to_unit(cut_candidate(slices, order, spacing, row, col))
