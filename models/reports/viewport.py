"""A scan's slices as they are shown: pictures of square millimetres, and locations in them.

Anterior is up and the patient's right on the left; (x, y) count from the picture's top left corner. All
other coordinates are (row, col) in the file's own pixels.
"""

import numpy as np

from models.imaging.display import LUNG_WINDOW, shown_size, to_grey, to_png
from models.imaging.scan import Scan


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


def slice_picture(scan: Scan, index: int, level: float | None = None, width: float | None = None) -> bytes:
    """A slice as it is shown, as the bytes of a PNG file.

    Level and width are a window in HU, of a scan in HU; default the lung window. A picture is shown from its
    darkest to its brightest value.
    """
    window = LUNG_WINDOW if level is None or width is None else (level, width)
    grey = to_grey(np.asarray(scan.slices[index], np.float32), scan.is_hu, window)
    turned = np.ascontiguousarray(scan.orientation.shown(grey))
    # quick: it is made anew for each slice that someone looks at
    return to_png(turned, shown_box(scan))
