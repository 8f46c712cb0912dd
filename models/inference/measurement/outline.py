"""A nodule's outline: from a map of probabilities to a polygon, and which pixels lie in it."""

from dataclasses import dataclass

import numpy as np
from contourpy import contour_generator


@dataclass(frozen=True)
class Outline:
    """One nodule, as a segmentation network sees it in one slice.

    Attributes
    ----------
    probability : ndarray of shape (h, w), float32
        Of being nodule, in the file's own pixels; 0 where it is another nodule's. Around the nodule the
        values below `level` belong to it: they say where between two pixels the edge runs.
    top, left : int
        Row and column of ``probability[0, 0]`` in the file.
    level : float
        Inside is what reaches it.
    """

    probability: np.ndarray
    top: int
    left: int
    level: float


def contour(outline: Outline) -> np.ndarray | None:
    """The polygon on which the probability is `level`, linearly interpolated between the pixels.

    Of several polygons it is the one of the largest area, so that holes and crumbs do not count. Beyond the
    window the probability is taken for 0, so that the polygon is closed at its edges too.

    Returns
    -------
    ndarray of shape (n, 2), float64, or None
        Vertices (row, col) in the file's pixels; (0, 0) is the centre of the top left pixel, and the last
        vertex is joined to the first. None where nothing reaches above the level.
    """
    padded = np.pad(np.asarray(outline.probability, np.float64), 1)
    polygons = map(np.asarray, contour_generator(z=padded).lines(outline.level))
    largest = max(polygons, key=area, default=None)
    if largest is None or area(largest) == 0:
        return None
    return largest[:-1, ::-1] + (outline.top - 1, outline.left - 1)


def area(polygon: np.ndarray) -> float:
    """Area within a polygon (n, 2) in the square of its unit (Gauss's shoelace formula)."""
    x, y = (polygon - polygon[0]).T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def reaches_edge(polygon: np.ndarray, shape: tuple[int, int]) -> bool:
    """Whether a polygon takes in a pixel at the edge of an image (rows, cols), and may go on beyond it."""
    return bool((polygon < 0).any() or (polygon > np.array(shape) - 1).any())


def within(polygon: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Which pixels of an image have their centre in a polygon.

    Parameters
    ----------
    polygon : ndarray of shape (n, 2)
        Vertices (row, col).
    shape : (int, int)
        Rows and columns of the image; the polygon may reach beyond it.

    Returns
    -------
    ndarray of bool of that shape
    """
    inside = np.zeros(shape, bool)
    ends = np.roll(polygon, -1, axis=0)
    low, high = polygon[:, 0].min(), polygon[:, 0].max()
    cols = np.arange(shape[1])
    for row in range(max(0, int(np.ceil(low))), min(shape[0] - 1, int(np.floor(high))) + 1):
        crossed = (polygon[:, 0] <= row) != (ends[:, 0] <= row)  # an end counts for one of its two edges
        a, b = polygon[crossed], ends[crossed]
        at = a[:, 1] + (row - a[:, 0]) / (b[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
        inside[row] = np.searchsorted(np.sort(at), cols) % 2 == 1  # odd: entered and not yet left
    return inside
