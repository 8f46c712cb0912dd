"""Two square fields about one location, as the classifiers and the recognition network see them.

A close one shows the texture of a nodule, a wide one what it lies in (after the multi-view patches of Setio
et al., IEEE Trans. Med. Imaging 35, 1160, 2016). The recognition network's input is of three adjacent slices,
in the localiser's window of HU; that of the classifiers, `models.imaging.patch`, of one.
"""

from collections.abc import Sequence

import numpy as np

from models.imaging.field import adjacent_slices, cut_field, field_box, slice_in_hu, to_unit
from models.imaging.scan import Scan

FIELDS_MM = (32.0, 80.0)
PIXELS = 48  # of each field's edge
APART_MM = 3.0  # adjacent slices farther away may miss a nodule altogether, and do not take part
SHAPE = (PIXELS, PIXELS, 3 * len(FIELDS_MM))


def cut_fields(
    slices: Sequence[np.ndarray],
    spacing_mm: tuple[float, float],
    row: float,
    col: float,
    fields_mm: tuple[float, ...] = FIELDS_MM,
    n: int = PIXELS,
) -> np.ndarray:
    """Cut fields from slices, by default both from three slices in HU.

    Parameters
    ----------
    slices : sequence of ndarrays of shape (rows, cols)
        Adjacent ones from below.
    row, col
        In pixels; (0, 0) is the centre of the top left pixel.
    fields_mm, n
        Edges of the fields in mm, and in pixels of the result.

    Returns
    -------
    ndarray of shape (n, n, channels), float32
        In the slices' grey scale; first the channels of the first field. What lies beyond the slice is its
        mirror image.
    """
    fields = [
        cut_field(pixels, field_box(spacing_mm, row, col, field_mm), (n, n))
        for field_mm in fields_mm
        for pixels in slices
    ]
    return np.stack(fields, axis=-1)


def cut_close(
    pixels: np.ndarray, spacing_mm: tuple[float, float], row: float, col: float, n: int
) -> np.ndarray:
    """The close field of anything on a slice's grid, with `n` pixels a side; float32."""
    return cut_field(pixels, field_box(spacing_mm, row, col, FIELDS_MM[0]), (n, n))


def fields_at(
    scan: Scan, row: float, col: float, index: int, shown: tuple[int, int] | None = None
) -> np.ndarray:
    """The network's input at a location of a scan: shape `SHAPE`, float32, 0 to 1.

    Of an outlined nodule `shown` are the first and the last slice that show it. Slices beyond are replaced,
    as at the ends of the crops that the network has learnt from: they would say that there is nothing.
    """
    first, last = shown or (0, len(scan.slices) - 1)
    if (scan.slice_spacing_mm or 0) > APART_MM:
        first = last = index
    order = [min(max(i, first), last) for i in adjacent_slices(len(scan.slices), index)]
    hu = {i: slice_in_hu(scan, i) for i in set(order)}
    return to_unit(cut_fields([hu[i] for i in order], scan.spacing_mm, row, col))
