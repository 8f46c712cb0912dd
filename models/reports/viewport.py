"""A scan's slices as they are shown: pictures of square millimetres, and locations in them.

Anterior is up and the patient's right on the left; (x, y) count from the picture's top left corner. All
other coordinates are (row, col) in the file's own pixels.
"""

import numpy as np

from models.imaging.display import LUNG_WINDOW, shown_size, to_grey, to_png
from models.imaging.field import slice_in_hu
from models.imaging.lung import lung_mask
from models.imaging.planes import Plane, Slab, plane_values, slab_values
from models.imaging.scan import Scan

TILE = 256  # pixels a side of a part of a slice whose values are sent
LUNGS_LOOKED_AT = 9  # slices
LUNGS_MARGIN_MM = 12.0
Box = tuple[float, float, float, float]


def shown_box(scan: Scan) -> tuple[int, int]:
    """(width, height) of the scan's pictures: small crops enlarged, huge pictures reduced."""
    turned = scan.orientation
    rows, cols = turned.shown_shape((scan.rows, scan.cols))
    down, across = turned.shown_spacing(scan.spacing_mm)
    finest = min(down, across)
    return shown_size(rows * down / finest, cols * across / finest)


def mm_per_shown_pixel(scan: Scan) -> float:
    """Edge of a pixel of the scan's pictures."""
    _, cols = scan.orientation.shown_shape((scan.rows, scan.cols))
    return scan.orientation.shown_spacing(scan.spacing_mm)[1] * cols / shown_box(scan)[0]


def to_shown(scan: Scan, row: float, col: float) -> tuple[float, float]:
    """Where (x, y) a location lies in the scan's pictures."""
    shape, (width, height) = (scan.rows, scan.cols), shown_box(scan)
    row, col = scan.orientation.to_shown(row, col, shape)
    rows, cols = scan.orientation.shown_shape(shape)
    return (col + 0.5) * width / cols, (row + 0.5) * height / rows


def from_click(scan: Scan, x: float, y: float, size: tuple[float, float]) -> tuple[float, float]:
    """The location (row, col) under a click on pixel (x, y) of a picture of that size (width, height)."""
    shape, (width, height) = (scan.rows, scan.cols), size
    rows, cols = scan.orientation.shown_shape(shape)
    row, col = (y + 0.5) * rows / height - 0.5, (x + 0.5) * cols / width - 0.5
    return scan.orientation.from_shown(row, col, shape)


def slice_picture(
    scan: Scan,
    index: int,
    level: float | None = None,
    width: float | None = None,
    slab: Slab | None = None,
) -> bytes:
    """A slice as it is shown, or a slab around it, as the bytes of a PNG file.

    Level and width are a window in HU, of a scan in HU; default the lung window. A picture is shown from its
    darkest to its brightest value.
    """
    pixels = scan.slices[index] if slab is None else slab_values(scan, index, slab)
    grey = to_grey(np.asarray(pixels, np.float32), scan.is_hu, _window(level, width))
    turned = np.ascontiguousarray(scan.orientation.shown(grey))
    # quick: it is made anew for each slice that someone looks at
    return to_png(turned, shown_box(scan))


def plane_picture(
    scan: Scan,
    plane: Plane,
    index: int,
    level: float | None = None,
    width: float | None = None,
    slab: Slab | None = None,
) -> bytes:
    """A coronal or sagittal plane in its own pixels, as the bytes of a PNG file; see `slice_picture`."""
    values = plane_values(scan, plane, index, slab)
    return to_png(to_grey(values, scan.is_hu, _window(level, width)))


def _window(level: float | None, width: float | None) -> tuple[float, float]:
    return LUNG_WINDOW if level is None or width is None else (level, width)


def tile_values(scan: Scan, index: int, top: int, left: int, slab: Slab | None = None) -> bytes:
    """Values of a part of a slice, or of a slab around it, row by row, little-endian.

    The part is of `TILE` x `TILE` of the file's pixels, less at the slice's edges, from (top, left) on. The
    type is that of the scan's slices: int16 or float32.
    """
    part = slice(top, top + TILE), slice(left, left + TILE)
    values = scan.slices[index][part] if slab is None else slab_values(scan, index, slab, part)
    kind = scan.slices.dtype.newbyteorder("<")
    values = np.rint(values) if kind.kind in "iu" else values
    return np.ascontiguousarray(values, kind).tobytes()


def lungs_box(scan: Scan) -> Box | None:
    """The part (x, y, width, height) of the scan's pictures that holds the lungs of all slices.

    It has a margin. None where no lung is found, or where the images show no whole chest.
    """
    if not scan.is_whole_slice:
        return None
    looked_at = np.unique(np.linspace(0, len(scan.slices) - 1, LUNGS_LOOKED_AT).round().astype(int))
    lungs = np.any([lung_mask(slice_in_hu(scan, index), scan.spacing_mm) for index in looked_at], axis=0)
    if not lungs.any():
        return None
    shown = scan.orientation.shown(lungs)
    shape, size = shown.shape, shown_box(scan)[::-1]
    spacing = scan.orientation.shown_spacing(scan.spacing_mm)
    sides = []
    for axis in (1, 0):
        hit = np.flatnonzero(shown.any(axis=1 - axis))
        margin, scale = LUNGS_MARGIN_MM / spacing[axis], size[axis] / shape[axis]
        low, high = max(hit[0] - margin, 0), min(hit[-1] + 1 + margin, shape[axis])
        sides.append((float(low * scale), float((high - low) * scale)))
    (x, width), (y, height) = sides
    return x, y, width, height
