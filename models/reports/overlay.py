"""A saliency map as colours over the patch, readable by colour-blind people and in print without colour."""

import textwrap

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from models.imaging.scan import Orientation

# Viridis (van der Walt and Smith, 2015, CC0) at nine even steps. Its lightness rises evenly, so that it reads
# alike for all kinds of colour vision and in grey; unlike cividis it has no grey, which looks like tissue.
VIRIDIS = ("#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725")
OPACITY = 0.85  # where the map is at its highest
CHARACTERS = 28  # in a line of what stands in place of a map
FAINT = 0.15  # what is lower than this share of the highest value is left clear


def overlay(saliency_map: np.ndarray, orientation: Orientation, side: int) -> np.ndarray:
    """The picture to lay over the patch.

    Parameters
    ----------
    saliency_map : ndarray of shape (rows, cols)
        In [0, 1], in the file's orientation, as `models.inference.saliency.saliency.Saliency.map`; not empty.
    orientation : Orientation
        Turns it as the patch is turned for display.
    side : int
        Edge of the picture in pixels.

    Returns
    -------
    ndarray of shape (side, side, 4), uint8
        Red, green, blue and alpha: where the map is weak, the patch shows through.
    """
    shown = np.ascontiguousarray(orientation.shown(np.asarray(saliency_map, np.float32)))
    values = np.asarray(Image.fromarray(shown).resize((side, side), Image.Resampling.BILINEAR))
    rgba = np.concatenate([_colours(values), 255 * _alpha(values)[..., None]], axis=-1)
    return np.round(rgba).astype(np.uint8)


def saying(text: str, side: int) -> np.ndarray:
    """A picture to lay over the patch in place of a map: words in its middle; RGBA as of `overlay`."""
    picture = Image.new("RGBA", (side, side))
    draw, lines = ImageDraw.Draw(picture), "\n".join(textwrap.wrap(text, CHARACTERS))
    font = ImageFont.load_default(1.6 * side / CHARACTERS)
    middle = (side / 2, side / 2)
    draw.text(middle, lines, "white", font, "mm", align="center", stroke_width=2, stroke_fill="black")
    return np.asarray(picture)


def legend() -> list[tuple[str, float]]:
    """The colours from little to much, with their opacity: pairs (colour, opacity) of the nine steps."""
    alphas = _alpha(np.linspace(0, 1, len(VIRIDIS)))
    return [
        (colour, round(float(alpha), 2)) for colour, alpha in zip(VIRIDIS, alphas, strict=True) if alpha > 0
    ]


def _colours(values: np.ndarray) -> np.ndarray:
    """RGB 0 to 255 of values in [0, 1], between the steps of the table."""
    steps = np.linspace(0, 1, len(VIRIDIS))
    table = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in VIRIDIS])
    return np.stack([np.interp(values, steps, channel) for channel in table.T], axis=-1)


def _alpha(values: np.ndarray) -> np.ndarray:
    return OPACITY * np.clip((values - FAINT) / (0.5 - FAINT), 0, 1)
