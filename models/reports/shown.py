"""A scan's slices as they are shown: pictures of square millimetres, and places in them.

Anterior is up and the patient's right on the left; (x, y) count from the picture's top left corner. All
other coordinates are (row, col) in the file's own pixels.
"""

import base64
import io

import numpy as np
from PIL import Image

from models.imaging.display import shown_size, to_grey


def shown_box(scan):
    """(width, height) of the scan's pictures: small crops enlarged, huge pictures reduced."""
    turned = scan.orientation
    rows, cols = turned.shown_shape((scan.rows, scan.cols))
    down, across = turned.shown_spacing(scan.spacing_mm)
    finest = min(down, across)
    return shown_size(rows * down / finest, cols * across / finest)


def mm_per_shown_pixel(scan):
    """Edge of a pixel of the scan's pictures."""
    _, cols = scan.orientation.shown_shape((scan.rows, scan.cols))
    return scan.orientation.shown_spacing(scan.spacing_mm)[1] * cols / shown_box(scan)[0]


def to_shown(scan, row, col):
    """Where (x, y) a place lies in the scan's pictures."""
    shape, (width, height) = (scan.rows, scan.cols), shown_box(scan)
    row, col = scan.orientation.to_shown(row, col, shape)
    rows, cols = scan.orientation.shown_shape(shape)
    return (col + 0.5) * width / cols, (row + 0.5) * height / rows


def from_click(scan, x, y, size):
    """The place under a click on pixel (x, y) of a picture of that size (width, height)."""
    shape, (width, height) = (scan.rows, scan.cols), size
    rows, cols = scan.orientation.shown_shape(shape)
    row, col = (y + 0.5) * rows / height - 0.5, (x + 0.5) * cols / width - 0.5
    return scan.orientation.from_shown(row, col, shape)


def slice_picture(scan, index, level=None, width=None):
    """A slice as it is shown, as the bytes of a PNG file.

    Parameters
    ----------
    index : int
    level, width : float, optional
        Window in HU, of a scan in HU; default the lung window. A picture is shown from its darkest to its
        brightest value.
    """
    pixels = np.asarray(scan.slices[index], np.float32)
    if scan.is_hu and width is not None:
        scaled = (pixels - (level - width / 2)) * (255 / width)
        grey = (np.clip(scaled, 0, 255) + 0.5).astype(np.uint8)
    else:
        grey = to_grey(pixels, scan.is_hu)
    image = Image.fromarray(np.ascontiguousarray(scan.orientation.shown(grey)))
    if image.size != shown_box(scan):
        image = image.resize(shown_box(scan), Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    image.save(stream, "png", compress_level=1)  # quick: it is made anew for each slice that someone looks at
    return stream.getvalue()


def as_uri(png):
    """A PNG as an address that holds the picture itself."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
