"""From a nodule's polygon to numbers: axes, diameters, mean HU, texture."""

from dataclasses import dataclass, replace

import numpy as np

from models.imaging.scan import Scan
from models.inference.measurement.outline import area, within
from models.inference.measurement.texture import Texture, texture_of


@dataclass(frozen=True)
class Measurement:
    """One nodule in one slice; each value is None where it cannot be known. Views round.

    Attributes
    ----------
    long_axis_mm : float or None
        The largest distance between two points of the outline.
    short_axis_mm : float or None
        The longest chord perpendicular to the long axis.
    mean_diameter_mm : float or None
        Mean of the two, the size by which Fleischner Society and Lung-RADS v2022 sort nodules.
    equivalent_diameter_mm : float or None
        Of the disc of the same area.
    mean_hu : float or None
        Of the pixels whose centre lies in the outline.
    texture : str or None
        An impression, see `models.inference.measurement.texture`.
    volume_mm3 : float or None
        Over all slices that show it, see `models.inference.measurement.nodule`.
    volume_diameter_mm : float or None
        Of the sphere of that volume.
    solid_long_axis_mm : float or None
        Of the solid part of a part-solid nodule.
    """

    long_axis_mm: float | None = None
    short_axis_mm: float | None = None
    mean_diameter_mm: float | None = None
    equivalent_diameter_mm: float | None = None
    mean_hu: float | None = None
    texture: Texture | None = None
    volume_mm3: float | None = None
    volume_diameter_mm: float | None = None
    solid_long_axis_mm: float | None = None


def measure(polygon: np.ndarray, scan: Scan, index: int) -> Measurement:
    """Measure an outlined nodule.

    Lengths are None where the pixel spacing was assumed, mean HU and texture where the pixels are not HU.

    Parameters
    ----------
    polygon : ndarray of shape (n, 2)
        Vertices (row, col) in the file's pixels, as `models.inference.measurement.outline.contour` gives
        them.
    scan : Scan
    index : int
        The slice.
    """
    sizes = Measurement() if scan.spacing_assumed else _sizes(polygon * scan.spacing_mm)
    if not scan.is_hu:
        return sizes
    hu, inside = _pixels(polygon, scan.slices[index])
    mean = sizes.mean_diameter_mm
    return replace(
        sizes,
        mean_hu=float(hu[inside].mean()) if inside.any() else None,
        texture=None if mean is None else texture_of(hu, inside, scan.spacing_mm, mean),
    )


def axes(polygon: np.ndarray) -> tuple[float, float]:
    """Long and short axis of a polygon (n, 2), in its unit.

    As radiologists measure: the long axis, and perpendicular to it the short axis, in one slice (Bankier
    et al., Radiology 285, 584, 2017; Lung-RADS v2022). The long axis may leave a bent nodule; the
    short axis does not, so that a gap between two arms does not belong to it.
    """
    first, second, *chord = axis_ends(polygon)
    return float(np.hypot(*(second - first))), float(np.hypot(*(chord[1] - chord[0])))


def axis_ends(polygon: np.ndarray) -> np.ndarray:
    """Both ends of the long axis of a polygon (n, 2) and then of the short one, shape (4, 2); see `axes`."""
    first, second = _farthest(polygon)
    along = (second - first) / np.hypot(*(second - first))
    across = np.array([-along[1], along[0]])
    at, low, high = _longest_chord((polygon - first) @ along, (polygon - first) @ across)
    return np.stack([first, second, first + at * along + low * across, first + at * along + high * across])


def _sizes(polygon_mm: np.ndarray) -> Measurement:
    long, short = axes(polygon_mm)
    return Measurement(long, short, (long + short) / 2, float(2 * np.sqrt(area(polygon_mm) / np.pi)))


def _farthest(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two points that are farthest apart, one row of distances at a time: a polygon may be long."""
    squares = np.empty(len(points))
    partners = np.empty(len(points), int)
    for i, point in enumerate(points):
        distances = ((points - point) ** 2).sum(axis=1)
        partners[i] = distances.argmax()
        squares[i] = distances[partners[i]]
    first = squares.argmax()
    return points[first], points[partners[first]]


def _longest_chord(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """The longest stretch of a line of constant x that lies within the polygon (x, y): x, and y from and to.

    Between two neighbouring vertices in x the same edges are crossed and the length of each stretch changes
    linearly, so that the longest one is found at a vertex, approached from the left or from the right.
    """
    ends_x, ends_y = np.roll(x, -1), np.roll(y, -1)
    low, high = np.minimum(x, ends_x), np.maximum(x, ends_x)
    stops = np.unique(x)
    longest = (0.0, 0.0, 0.0)
    for left, right in zip(stops[:-1], stops[1:], strict=True):
        over = (low <= left) & (high >= right)
        slope = (ends_y[over] - y[over]) / (ends_x[over] - x[over])
        crossings = y[over] + slope * (np.array([[left], [right]]) - x[over])
        crossings = crossings[:, crossings.sum(axis=0).argsort()]  # sorted by height in the middle
        lengths = crossings[:, 1::2] - crossings[:, ::2]
        side, nth = np.unravel_index(lengths.argmax(), lengths.shape)
        if lengths[side, nth] > longest[2] - longest[1]:
            begin, end = crossings[side, 2 * nth : 2 * nth + 2]
            longest = (float((left, right)[side]), float(begin), float(end))
    return longest


def _pixels(polygon: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """HU around the polygon, and which of these pixels lie in it."""
    first = np.clip(np.floor(polygon.min(axis=0)).astype(int), 0, None)
    last = np.ceil(polygon.max(axis=0)).astype(int)
    hu = np.asarray(pixels[first[0] : last[0] + 1, first[1] : last[1] + 1], np.float32)
    return hu, within(polygon - first, hu.shape)
