"""Pieces of air, lung and other, from which the check of regions learns.

In a chest series lung is what hangs together over the slices; other air in it is gas of stomach and bowel,
windpipe, and folds. All air of scans of other regions is other air. Parts of slices of all sizes are cut out
and varied as scanners vary.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from models.imaging.lung import air_within
from models.ingest.ct_check.air import pieces_of_air
from training.ct_check.ct import drawn_chest
from training.ct_check.drawings import cloud_noise

FIELDS_MM = (50, 260)
LUNG_SHARE, OTHER_SHARE = 0.6, 0.1  # of a piece in the lungs: it is lung, or other air
LARGEST = 0.1  # of the largest piece of air of a series: those as large are lung
DRAWN_MM = 0.6
View = tuple[np.ndarray, np.ndarray, tuple[float, float]]  # HU, lung, spacing


@dataclass(frozen=True)
class Pieces:
    """Features of many pieces of air; of each its source, whether it is lung, and whether by the rules."""

    names: tuple[str, ...]
    features: np.ndarray
    source: np.ndarray
    is_lung: np.ndarray
    by_rules: np.ndarray

    @classmethod
    def of(cls, found: Iterable[tuple[str, dict[str, float], bool, bool]]) -> "Pieces":
        """Of (source, features, is_lung, by_rules) each."""
        sources, features, is_lung, by_rules = zip(*found, strict=True)
        rows = np.array([list(each.values()) for each in features], np.float32)
        columns = (np.array(column) for column in (sources, is_lung, by_rules))
        return cls(tuple(features[0]), rows, *columns)

    def __getitem__(self, chosen: np.ndarray) -> "Pieces":
        columns = (self.features, self.source, self.is_lung, self.by_rules)
        return Pieces(self.names, *(column[chosen] for column in columns))


def lungs_of(volume: np.ndarray, spacing_mm: tuple[float, float]) -> np.ndarray:
    """Which voxels of a chest series are lung: pieces of air that hang together and are large; bool."""
    air = np.zeros(volume.shape, bool)
    for hu, marked in zip(volume, air, strict=True):
        for piece, box, is_lung in air_within(hu, spacing_mm):
            if is_lung:
                marked[box] |= piece
    coarse = air[:, ::3, ::3]
    parts, _ = ndimage.label(coarse, np.ones((3, 3, 3)))
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    large = np.isin(parts, np.flatnonzero(sizes >= LARGEST * max(sizes.max(), 1)))
    large = large.repeat(3, axis=1).repeat(3, axis=2)[:, : volume.shape[1], : volume.shape[2]]
    return air & large


def pieces(
    hu: np.ndarray, lung: np.ndarray, spacing_mm: tuple[float, float]
) -> Iterator[tuple[dict[str, float], bool, bool]]:
    """Features of each piece of air of a slice, and whether it is lung; doubtful ones are left out."""
    for piece in pieces_of_air(hu, spacing_mm):
        share = lung[piece.box][piece.mask].mean()
        if share >= LUNG_SHARE or share <= OTHER_SHARE:
            yield piece.features, share >= LUNG_SHARE, piece.by_rules


def views(
    volume: np.ndarray,
    lung: np.ndarray,
    spacing_mm: tuple[float, float],
    every: int,
    count: int,
    rng: np.random.Generator,
) -> Iterator[View]:
    """Slices of a scan, whole and in parts, each with its lung and spacing, varied."""
    for index in range(rng.integers(every), len(volume), every):
        hu, here = np.asarray(volume[index], np.float32), lung[index]
        yield hu, here, spacing_mm
        for _ in range(count):
            yield varied(*part(hu, here, spacing_mm, rng), spacing_mm, rng)


def part(
    hu: np.ndarray, lung: np.ndarray, spacing_mm: tuple[float, float], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A square field around a point of the body, or of its air."""
    edge = rng.uniform(*FIELDS_MM)
    rows, cols = np.nonzero(hu > -900 if rng.random() < 0.5 else _inner_air(hu))
    if not len(rows):
        return hu, lung
    chosen = rng.integers(len(rows))
    box = []
    for centre, length, spacing in zip((rows[chosen], cols[chosen]), hu.shape, spacing_mm, strict=True):
        start = int(np.clip(centre - edge / spacing * rng.uniform(0.3, 0.7), 0, length - 20))
        box.append(slice(start, min(length, start + max(24, round(edge / spacing)))))
    return hu[tuple(box)], lung[tuple(box)]


def _inner_air(hu: np.ndarray) -> np.ndarray:
    return (hu < -400) & ndimage.binary_fill_holes(ndimage.binary_opening(hu > -300, iterations=2))


def varied(
    hu: np.ndarray, lung: np.ndarray, spacing_mm: tuple[float, float], rng: np.random.Generator
) -> View:
    """As another scanner and another patient have it: size, sharpness, noise, scale."""
    if rng.random() < 0.5:
        spacing_mm = spacing_mm[0] * rng.uniform(0.65, 1.1), spacing_mm[1] * rng.uniform(0.65, 1.1)
    if rng.random() < 0.4:
        hu = ndimage.gaussian_filter(hu, rng.uniform(0.3, 1.5))
    if rng.random() < 0.5:
        noise = ndimage.gaussian_filter(rng.normal(size=hu.shape), rng.uniform(0, 1.5))
        hu = hu + noise / noise.std() * rng.uniform(5, 90)
    if rng.random() < 0.3:
        hu = hu * rng.uniform(0.97, 1.03) + rng.uniform(-15, 15)
    if rng.random() < 0.3:
        hu = np.maximum(hu, rng.choice([-1024, -1000]))
    if rng.random() < 0.3:
        factor = rng.uniform(0.6, 1.6)
        size = [max(24, round(length * factor)) for length in reversed(hu.shape)]
        spacing_mm = spacing_mm[0] * hu.shape[0] / size[1], spacing_mm[1] * hu.shape[1] / size[0]
        hu = np.asarray(Image.fromarray(np.asarray(hu, np.float32)).resize(size, Image.Resampling.BILINEAR))
        lung = np.asarray(Image.fromarray(lung).resize(size, Image.Resampling.NEAREST))
    return np.asarray(hu, np.float32), lung, spacing_mm


def drawn_gas(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A part of a body without lung: sinuses walled by bone, bowel with gas, air and stool, cells."""
    size = int(rng.integers(120, 420))
    hu = rng.uniform(-10, 60) + 25 * cloud_noise(rng, size, 1.5)
    hu = np.where(cloud_noise(rng, size, 1.8) > rng.uniform(0.5, 1), rng.uniform(-120, -70), hu)
    for _ in range(rng.integers(0, 8)):
        hu = _with_bone(hu, rng)
    clouds = [cloud_noise(rng, size, power) for power in (2, rng.uniform(0.4, 1.4))]
    for _ in range(rng.integers(1, 7)):
        smooth, rough = (np.roll(each, rng.integers(size, size=2), (0, 1)) for each in clouds)
        hu = _with_pocket(hu, smooth, rough, rng)
    if rng.random() < 0.6:
        rows, cols = np.mgrid[:size, :size] / size - 0.5
        outside = (rows / rng.uniform(0.35, 0.6)) ** 2 + (cols / rng.uniform(0.35, 0.6)) ** 2 > 1
        hu = np.where(outside, -1000, hu)
    hu = ndimage.gaussian_filter(hu, rng.uniform(0.4, 1.5))
    noise = ndimage.gaussian_filter(rng.normal(size=hu.shape), rng.uniform(0, 1.2))
    hu = hu + noise / noise.std() * rng.uniform(3, 90)
    return np.maximum(hu, rng.choice([-1024, -1000, -3000])).astype(np.float32), np.zeros(hu.shape, bool)


def _with_bone(hu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    rows, cols = np.mgrid[: len(hu), : len(hu)] / len(hu)
    row, col, down, across = *rng.uniform(0, 1, 2), *rng.uniform(0.02, 0.2, 2)
    off = np.hypot((rows - row) / down, (cols - col) / across)
    return np.where(np.abs(off - 1) < rng.uniform(0.05, 1), rng.uniform(300, 1500), hu)


def _with_pocket(
    hu: np.ndarray, smooth: np.ndarray, rough: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    size = len(hu)
    radius = rng.uniform(7, 28) / DRAWN_MM
    rows, cols = np.mgrid[:size, :size].astype(float)
    row, col = rng.uniform(0.1, 0.9, 2) * size
    turn, flat = rng.uniform(0, np.pi), rng.uniform(0.4, 1)
    along = (rows - row) * np.cos(turn) + (cols - col) * np.sin(turn)
    across = (cols - col) * np.cos(turn) - (rows - row) * np.sin(turn)
    off = np.hypot(along, across / flat) / radius + (smooth - 0.5) * rng.uniform(0, 1)
    wall = rng.uniform(1, 5) / DRAWN_MM / radius
    hu = np.where(off < 1 + wall, rng.choice([40, 40, 600, 1200]), hu)
    level = rng.uniform(-1000, -950) if rng.random() < 0.6 else rng.uniform(-950, -550)
    inside = np.full(hu.shape, level)
    kind = rng.choice(["gas", "gas", "stool", "cells", "level"])
    if kind == "stool":
        inside = np.clip(-1000 + 1100 * rough, level, 80)
    elif kind == "cells":
        septa = np.abs(rough - 0.5) < rng.uniform(0.01, 0.04)
        inside = np.where(septa, rng.uniform(0, 900), inside)
    elif kind == "level":
        inside = np.where(rows > row + rng.uniform(-0.5, 0.8) * radius, rng.uniform(-20, 60), inside)
    return np.where(off < 1, inside, hu)


def drawn_lung(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A drawn chest, or a part of it, and where its lungs are; see `drawn_chest`."""
    hu = drawn_chest(rng)
    body = ndimage.binary_fill_holes(hu > -300)
    lung = ndimage.binary_closing((hu < -400) & body, iterations=3)
    return part(hu, lung, (DRAWN_MM, DRAWN_MM), rng) if rng.random() < 0.6 else (hu, lung)
