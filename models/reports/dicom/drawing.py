"""The slice as it is shown, with what was found drawn in and a caption below, for the Secondary Capture."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from models.imaging.patch import CLOSE_MM
from models.inference.finding import Finding
from models.reports.overlay import overlay
from models.reports.pictures import scale_bar
from models.reports.viewport import mm_per_shown_pixel, shown_box, slice_picture, to_shown

LONGEST = 1024  # pixels; smaller pictures are enlarged by a whole number, so that thin lines stay thin
NARROWEST = 512  # pixels; a caption needs room
MOST_OPAQUE = 0.6  # of the overlay: it cannot be switched off here
LINE, HALO = "#ffffff", "#000000"  # tell apart on lung, on tissue and on every colour of the overlay
TEXT_SHARE = 40  # characters' height: the picture's width over this


Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Point = tuple[float, float]


def draw(finding: Finding, caption: str) -> tuple[np.ndarray, float]:
    """Draw outline, ring, overlay, scale bar and caption.

    Parameters
    ----------
    finding : Finding
    caption : str
        Written below the image, so that it covers nothing; line breaks are kept.

    Returns
    -------
    pixels : ndarray of shape (rows, cols, 3), uint8
    mm_per_pixel : float
    """
    scan, reading = finding.scan, finding.reading
    factor = max(1, LONGEST // max(shown_box(scan)))
    scale = mm_per_shown_pixel(scan) / factor
    picture = Image.open(io.BytesIO(slice_picture(scan, reading.roi.slice))).convert("RGB")
    size = (picture.width * factor, picture.height * factor)
    picture = picture.resize(size, Image.Resampling.BICUBIC)

    def in_picture(row: float, col: float) -> Point:
        x, y = to_shown(scan, row, col)
        return factor * x, factor * y

    centre = in_picture(reading.roi.row, reading.roi.col)
    _lay_over(picture, finding, centre, round(CLOSE_MM / scale))
    lines = _Lines(picture)
    lines.ring(centre, CLOSE_MM / 2 / scale)
    if reading.outline:
        lines.polygon([in_picture(row, col) for row, col in reading.outline])
    if not scan.spacing_assumed:
        lines.bar(scale_bar(0, 0, *size, scale))
    return np.asarray(_with_caption(picture, caption)), scale


def _lay_over(picture: Image.Image, finding: Finding, centre: Point, side: int) -> None:
    """Colours of the saliency map over the field that the networks saw; nothing where the map is empty."""
    found = finding.saliency
    if found is None or found.is_empty:
        return
    rgba = overlay(found.map, finding.scan.orientation, side)
    mask = Image.fromarray(np.round(rgba[..., 3] * MOST_OPAQUE).astype(np.uint8))
    corner = round(centre[0] - side / 2), round(centre[1] - side / 2)
    picture.paste(Image.fromarray(np.ascontiguousarray(rgba[..., :3])), corner, mask)


class _Lines:
    """Light lines with a dark rim on a picture."""

    def __init__(self, picture: Image.Image):
        self._draw, self._width = ImageDraw.Draw(picture), max(1, round(picture.width / 1024))

    def _strokes(self) -> tuple[tuple[str, int], ...]:
        return (HALO, 3 * self._width), (LINE, self._width)

    def ring(self, centre: Point, radius: float) -> None:
        for colour, width in self._strokes():
            self._draw.circle(centre, radius + width / 2, outline=colour, width=width)

    def polygon(self, vertices: Sequence[Point]) -> None:
        for colour, width in self._strokes():
            self._draw.line([*vertices, vertices[0]], fill=colour, width=width, joint="curve")

    def bar(self, bar: dict[str, float]) -> None:
        for colour, width in self._strokes():
            self._draw.line([(bar["x1"], bar["y"]), (bar["x2"], bar["y"])], fill=colour, width=width)
        where, font = (bar["x1"], bar["y"] - 3 * self._width), ImageFont.load_default(bar["text"] / 2)
        text, rim = f"{bar['mm']} mm", self._width
        self._draw.text(where, text, LINE, font, "ls", stroke_width=rim, stroke_fill=HALO)


def _with_caption(picture: Image.Image, caption: str) -> Image.Image:
    """The picture on black, with the caption below it."""
    width = max(picture.width, NARROWEST)
    font = ImageFont.load_default(width / TEXT_SHARE)
    margin, step = round(width / TEXT_SHARE), round(1.4 * width / TEXT_SHARE)
    lines = [line for text in caption.splitlines() for line in _wrapped(text, font, width - 2 * margin)]
    page = Image.new("RGB", (width, picture.height + 2 * margin + step * len(lines)))
    page.paste(picture, (0, 0))
    for number, line in enumerate(lines):
        ImageDraw.Draw(page).text((margin, picture.height + margin + number * step), line, LINE, font)
    return page


def _wrapped(text: str, font: Font, width: float) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
