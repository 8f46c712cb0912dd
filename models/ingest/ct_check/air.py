"""Features of air within the body: how large and thick it is, how dark and uneven within, what is around it.

They tell lung from gas, sinuses and airways. Lung has vessels, so that it is less even than the noise of the
scan makes it; gas and sinuses have none, and are walled by mucosa or bone. They are taken on a grid of
about 1 mm.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from models.imaging.lung import air_within

FINE_MM, COARSE_MM = 1.0, 2.0
TISSUE_ABOVE_HU, BONE_ABOVE_HU = -300, 250
CORE_MM = 3.0  # from the wall on, where the scan's blur has ended
RING_MM = (2.0, 7.0)  # around the air: its wall and what is behind it
MARGIN = 12  # steps of the grid, more than the ring is wide
FEW = 20  # points; fewer say nothing


class PieceOfAir(NamedTuple):
    """One piece: what of a box of the slice it fills, and its features.

    `by_rules` says whether the rules of `models.imaging.lung` take it for lung. The features are finite, in a
    fixed order; ``area_mm2`` is among them.
    """

    mask: np.ndarray
    box: tuple[slice, slice]
    by_rules: bool
    features: dict[str, float]


def pieces_of_air(hu: np.ndarray, spacing_mm: tuple[float, float]) -> Iterator[PieceOfAir]:
    """What may be lung in an axial slice of shape (rows, cols), or in a part of it, piece by piece."""
    context = None
    for mask, box, by_rules in air_within(hu, spacing_mm):
        context = context or _context(hu, spacing_mm)
        yield PieceOfAir(mask, box, by_rules, _features(hu, spacing_mm, mask, box) | context)


def _features(
    hu: np.ndarray, spacing_mm: tuple[float, float], mask: np.ndarray, box: tuple[slice, slice]
) -> dict[str, float]:
    steps = [max(1, round(FINE_MM / spacing)) for spacing in spacing_mm]
    spacing = [step * spacing for step, spacing in zip(steps, spacing_mm, strict=True)]
    values, air = _means(hu[box], steps), _means(mask, steps) > 0.5
    cut = [
        (MARGIN * (side.start <= 0), MARGIN * (side.stop >= n)) for side, n in zip(box, hu.shape, strict=True)
    ]
    values, air = (np.pad(part, cut, mode="edge") for part in (values, air))  # beyond the image it goes on
    filled = ndimage.binary_fill_holes(air)
    depth = _distance(filled, spacing)
    off = _distance(~filled, spacing)
    return (
        _shape(air, filled, depth, spacing)
        | _inside(values, air, filled, depth, spacing)
        | _around(values, off, spacing)
    )


def _context(hu: np.ndarray, spacing_mm: tuple[float, float]) -> dict[str, float]:
    """Of the whole slice: how much of it is bone, and how much tissue there is."""
    coarse = _means(hu, [max(1, round(COARSE_MM / spacing)) for spacing in spacing_mm])
    tissue = max((coarse > TISSUE_ABOVE_HU).sum(), 1)
    return {"bone": (coarse > BONE_ABOVE_HU).sum() / tissue, "tissue": tissue / coarse.size}


def _means(values: np.ndarray, steps: Sequence[int]) -> np.ndarray:
    """Means over blocks; what is left at the end is left out."""
    rows, cols = (max(1, length // step) for length, step in zip(values.shape, steps, strict=True))
    steps = [min(step, length) for step, length in zip(steps, values.shape, strict=True)]
    values = np.asarray(values[: rows * steps[0], : cols * steps[1]], np.float32)
    return values.reshape(rows, steps[0], cols, steps[1]).mean(axis=(1, 3))


def _distance(mask: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """To the nearest point outside, in mm; 100 where there is none."""
    return (
        np.full(mask.shape, 100.0) if mask.all() else ndimage.distance_transform_edt(mask, sampling=spacing)
    )


def _shape(
    air: np.ndarray, filled: np.ndarray, depth: np.ndarray, spacing: Sequence[float]
) -> dict[str, float]:
    area = max(air.sum(), 1) * np.prod(spacing)
    contour = (air[1:] != air[:-1]).sum() * spacing[1] + (air[:, 1:] != air[:, :-1]).sum() * spacing[0]
    return {
        "area_mm2": float(area),
        "thick_mm": depth.max(),
        "holes": 1 - air.sum() / max(filled.sum(), 1),
        "contour": contour / np.sqrt(area),
    }


def _inside(
    values: np.ndarray, air: np.ndarray, filled: np.ndarray, depth: np.ndarray, spacing: Sequence[float]
) -> dict[str, float]:
    core = air & (depth > CORE_MM)
    core = core if core.sum() >= FEW else air if air.any() else np.ones_like(air)
    within = values[core]
    q10, q25, q50, q75, q90 = np.percentile(within, (10, 25, 50, 75, 90))
    fine = values - ndimage.gaussian_filter(values, [2 / step for step in spacing])
    rim, deep = values[filled & (depth > 2) & (depth <= 4)], values[filled & (depth > 6)]
    inner = values[filled & (depth > CORE_MM + 1)]
    smooth = ndimage.gaussian_filter(values, [1 / step for step in spacing])[core]
    low, middle, high = np.percentile(smooth, (2, 50, 98))
    deviation = max(within.std(), 1)
    return {
        "median": q50,
        "q10": q10 - q50,
        "q25": q25 - q50,
        "q75": q75 - q50,
        "q90": q90 - q50,
        "deviation": deviation,
        "skew": np.clip(((within - within.mean()) ** 3).mean() / deviation**3, -5, 5),
        "vessels": (within > q50 + 100).mean(),
        "bright": (inner > q50 + 250).mean() if inner.size else 0.0,
        "rim": np.median(rim) - np.median(deep) if rim.size and deep.size else 0.0,
        "fine": fine[core].std(),
        "up": high - middle,
        "tail": (high - middle) / (middle - low + 10),
    }


def _around(values: np.ndarray, off: np.ndarray, spacing: Sequence[float]) -> dict[str, float]:
    ring = values[(off > RING_MM[0]) & (off <= RING_MM[1])]
    ring = ring if ring.size else values.ravel()
    tissue = (off > RING_MM[0]) & (np.abs(values) < 200)
    fine = values - ndimage.gaussian_filter(values, [2 / step for step in spacing])
    low, half, high = np.percentile(ring, (10, 50, 90))
    return {
        "ring_10": low,
        "ring_50": half,
        "ring_90": high,
        "ring_bone": (ring > 200).mean(),
        "ring_fat": ((ring > -150) & (ring < -30)).mean(),
        "ring_air": (ring < -400).mean(),
        "ring_fine": fine[tissue].std() if tissue.sum() >= FEW else 0.0,
    }
