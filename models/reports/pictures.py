"""The pictures of a result, with scale bars: the slice, the nodule enlarged, the patch's close field."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.imaging.display import data_uri, to_grey, to_png
from models.imaging.patch import CLOSE_MM, WIDE_MM
from models.inference.correction import ends_of
from models.inference.finding import Finding
from models.reports.viewport import mm_per_shown_pixel, shown_box, slice_picture, to_shown

PATCH_SHOWN = 384  # pixels
BARS_MM = (50, 20, 10, 5, 2)


def pictures(finding: Finding) -> dict[str, Any]:
    """The slice, its enlarged part and the close field of the patch, with mark, outline and scale bars.

    Returns
    -------
    dict
        What `marks` gives, and pictures as addresses that hold them; locations on the patch are in mm.
    """
    scan, mm = finding.scan, CLOSE_MM
    patch = np.ascontiguousarray(scan.orientation.shown(finding.patch[..., 0]))
    return marks(finding) | {
        "picture": data_uri(slice_picture(scan, finding.reading.roi.slice)),
        "patch_bar": scale_bar(0, 0, mm, mm, 1.0),
        "patch": data_uri(to_png(to_grey(patch, False), (PATCH_SHOWN, PATCH_SHOWN))),
        "patch_mm": mm,
        "wide_mm": WIDE_MM,
    }


def marks(finding: Finding) -> dict[str, Any]:
    """Mark, outline, axes and scale bars of a finding on its slice as it is shown, and on a part of it.

    Returns
    -------
    dict
        Locations (x, y) are in pixels of the shown slice, of which ``close_up`` is a part. ``axes``: the four
        ends (x, y) of the long and of the short axis; ``shown_mm``: mm per pixel of the shown slice.
    """
    scan, reading, roi = finding.scan, finding.reading, finding.reading.roi
    width, height = shown_box(scan)
    x, y = to_shown(scan, roi.row, roi.col)
    scale = mm_per_shown_pixel(scan)
    outline = [to_shown(scan, row, col) for row, col in reading.outline or ()]
    axes = None
    if reading.outline:
        axes = [to_shown(scan, row, col) for row, col in ends_of(reading, scan.spacing_mm)]
    reach = [*outline, *(axes or ())]
    view = close_up(x, y, width, height, _reach(x, y, reach, CLOSE_MM / scale))
    return {
        "width": width,
        "height": height,
        "mark": {"cx": x, "cy": y, "r": min(CLOSE_MM / 2 / scale, 0.48 * min(width, height))},
        "outline": " ".join(f"{x:.1f},{y:.1f}" for x, y in outline),
        "axes": axes,
        "shown_mm": scale,
        "close_up": view,
        "close_up_mm": view and view["side"] * scale,
        "bar": scale_bar(0, 0, width, height, scale),
        "close_up_bar": view and scale_bar(view["x"], view["y"], view["side"], view["side"], scale),
        "has_sides": scan.positions_mm is not None,
    }


def _reach(x: float, y: float, outline: Sequence[tuple[float, float]], least: float) -> float:
    """Edge of a square around (x, y) that holds the outline, with a margin."""
    farthest = max((max(abs(px - x), abs(py - y)) for px, py in outline), default=0)
    return max(least, 2.4 * farthest)


def close_up(x: float, y: float, width: int, height: int, side: float) -> dict[str, float] | None:
    """Top left corner and side of a square around (x, y); None where the picture is hardly larger."""
    if side > 0.6 * min(width, height):
        return None
    return {
        "x": min(max(x - side / 2, 0), width - side),
        "y": min(max(y - side / 2, 0), height - side),
        "side": side,
    }


def scale_bar(left: float, top: float, width: float, height: float, mm_per_unit: float) -> dict[str, float]:
    """A bar of round length in the bottom left corner of a picture: mm, ends, height and size of its label.

    The lengths are in the picture's own units, of which each is `mm_per_unit` mm.
    """
    unit = min(width, height)
    mm = next((mm for mm in BARS_MM if mm / mm_per_unit <= 0.4 * unit), BARS_MM[-1])
    x, y = left + 0.05 * unit, top + height - 0.05 * unit
    return {"mm": mm, "x1": x, "x2": x + mm / mm_per_unit, "y": y, "text": 0.06 * unit, "unit": unit}
