"""Slices and patches as 8-bit pictures for people."""

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

LUNG_WINDOW = (-600.0, 1500.0)  # level and width in HU


def to_grey(pixels: np.ndarray, is_hu: bool, window: tuple[float, float] = LUNG_WINDOW) -> np.ndarray:
    """Grey values 0 to 255 of a slice: HU in a window, a picture from its darkest to its brightest."""
    if is_hu:
        level, width = window
        low, high = level - width / 2, level + width / 2
    else:
        low, high = float(pixels.min()), float(pixels.max())
    scaled = (pixels - low) / max(high - low, 1e-6)
    return (np.clip(scaled, 0, 1) * 255 + 0.5).astype(np.uint8)


def shown_size(rows: float, cols: float, smallest: int = 384, largest: int = 1024) -> tuple[int, int]:
    """(width, height) at which a slice is shown: small crops enlarged, huge pictures reduced."""
    longest = max(rows, cols)
    factor = max(1, round(smallest / longest)) if longest < smallest else min(1, largest / longest)
    return max(1, round(cols * factor)), max(1, round(rows * factor))


def to_png(grey: np.ndarray, size: tuple[int, int] | None = None, **options: Any) -> bytes:
    """PNG bytes of a picture, resampled to `size` (width, height); `options` are Pillow's for PNG.

    Packed quickly: packed tightly, slices of a CT are a sixth smaller and take several times as long.
    """
    image = Image.fromarray(grey)
    if size and size != image.size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    image.save(stream, "png", **{"compress_level": 1} | options)
    return stream.getvalue()


def data_uri(png: bytes) -> str:
    """A PNG as an address that holds the picture itself."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
