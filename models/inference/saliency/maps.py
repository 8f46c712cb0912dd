"""Maps over the close field of a patch: gathered from shifted views, smoothed, scaled, combined.

Knows no network.
"""

from collections.abc import Sequence

import numpy as np

from models.imaging.patch import CLOSE_MM, PATCH
from models.inference.views import VIEWS, turned_back

SMOOTH_MM = 1.0  # standard deviation
LEAST = 1e-3  # log odds: a view whose evidence adds up to less says nothing
FLOOR = 1e-3  # of a map's maximum, so that no layer alone can rule a place out


def enlarged(maps: np.ndarray, pixels: int = PATCH.pixels) -> np.ndarray:
    """Square maps (..., n, n) on the patch's grid, interpolated bilinearly."""
    size = maps.shape[-1]
    at = ((np.arange(pixels) + 0.5) * size / pixels - 0.5).clip(0, size - 1)
    weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(size)))
    return weights @ maps @ weights.T


def smoothed(maps: np.ndarray, sigma_mm: float = SMOOTH_MM) -> np.ndarray:
    """Maps (..., pixels, pixels) smoothed by a Gaussian that does not reach beyond the patch."""
    at = np.arange(PATCH.pixels) * CLOSE_MM / PATCH.pixels
    weights = np.exp(-(np.subtract.outer(at, at) ** 2) / (2 * sigma_mm**2))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights @ maps @ weights.T


def scaled(values: np.ndarray) -> np.ndarray:
    """A map with maximum 1, float32; 0 everywhere where it has no finite positive maximum."""
    top = values.max()
    if not (np.isfinite(top) and top > 0):
        return np.zeros(values.shape, np.float32)
    return (values / top).clip(0, 1).astype(np.float32)


def combined(maps: Sequence[np.ndarray]) -> np.ndarray:
    """Geometric mean of maps in [0, 1], scaled; empty where one of them is."""
    if not all(one.any() for one in maps):
        return np.zeros(maps[0].shape, np.float32)
    return scaled(np.exp(np.mean(np.log(np.maximum(maps, FLOOR)), axis=0)))


def spread(times: int, reach: int) -> np.ndarray:
    """Shifts (row, col) in pixels for each view, `times` a view, evenly over a square of +-`reach`.

    A low-discrepancy sequence (Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018).

    Returns
    -------
    ndarray of shape (times, 8, 2), int
    """
    plastic = 1.32471795724474602596  # root of x^3 = x + 1
    steps = np.arange(1, VIEWS * times + 1)[:, None] / plastic ** np.array([1, 2])
    return np.rint((2 * ((0.5 + steps) % 1) - 1) * reach).astype(int).reshape(times, VIEWS, 2)


def shifted(patches: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Each of eight views at each of its shifts, (8 times, rows, cols, fields); mirrored beyond its edge.

    All fields are shifted by the same number of pixels, the wide one therefore farther than the close one.
    """
    margin, size = int(np.abs(shifts).max()), patches.shape[1]
    wide = np.pad(patches, ((0, 0), (margin, margin), (margin, margin), (0, 0)), mode="reflect")
    return np.stack(
        [wide[v, r : r + size, c : c + size] for turn in shifts + margin for v, (r, c) in enumerate(turn)]
    )


def gathered(evidence: np.ndarray, shifts: np.ndarray, robust: bool = False) -> np.ndarray:
    """One map from the evidence in shifted views, shape (8 times, n, n): the mean of those that show a place.

    A view says how it shares out its evidence, not how much it has.

    Returns
    -------
    ndarray of shape (pixels, pixels), float32
        See `Saliency.map`; smoothed.
    """
    amount = evidence.sum(axis=(1, 2), keepdims=True)
    shares = enlarged(np.where(amount > LEAST, evidence / np.maximum(amount, LEAST), 0))
    shares = np.sqrt(smoothed(shares, SMOOTH_MM / 2)) if robust else shares
    size, margin = PATCH.pixels, int(np.abs(shifts).max())
    total = np.zeros((2, VIEWS, size + 2 * margin, size + 2 * margin))
    for turn, part in zip(shifts + margin, shares.reshape(*shifts.shape[:2], size, size), strict=True):
        for v, (r, c) in enumerate(turn):
            total[0, v, r : r + size, c : c + size] += part[v]
            total[1, v, r : r + size, c : c + size] += 1
    inner = slice(margin, margin + size)
    found, seen = (turned_back(one).sum(axis=0) for one in total[..., inner, inner])
    return scaled(smoothed(found / seen.clip(1)))
