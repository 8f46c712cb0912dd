"""Locations without a nodule, by kind: in whole slices, and beside nodules in the crops of LIDC-IDRI-slices.

What no reader outlined is taken for no nodule. What lies near a marked nodule is left out, whoever marked it.
"""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from models.imaging.lung import lung_mask

KINDS = ("air outside", "chest wall", "bone", "soft tissue", "lung", "vessel", "hilum", "beside a nodule")
OUTSIDE_LUNG = ("air outside", "chest wall", "bone", "soft tissue")
AIR_BELOW_HU, LUNG_BELOW_HU, TISSUE_HU, BONE_ABOVE_HU = -850.0, -600.0, (-150.0, 200.0), 250.0
BRIGHT_ABOVE_HU = -500.0  # within lung: vessels, and what is no lung
WALL_MM = 8.0  # tissue so near to a lung is chest wall, diaphragm or border of the mediastinum
PLAIN_MM = 4.0  # around a location of plain lung nothing is bright
VESSEL_MM2, HILUM_MM2 = (4.0, 120.0), 120.0  # area in one slice of what is bright within the lungs
CLEAR_MM = 8.0  # from any reader's outline
EDGE_MM = 6.0  # of a crop: a location lies no nearer
THIN = 2  # only every second row and column is looked at
EACH = 6  # locations of a kind in a slice

Location = np.dtype(
    [("source", np.int32), ("slice", np.int32), ("row", np.float32), ("col", np.float32), ("kind", np.int8)]
)


def in_slice(
    hu: np.ndarray, spacing_mm: tuple[float, float], forbidden: np.ndarray, rng: Generator, each: int = EACH
) -> list[tuple[str, float, float]]:
    """Random locations of a whole slice without a nodule.

    Parameters
    ----------
    hu : ndarray of shape (rows, cols)
    forbidden : ndarray of bool, shape (rows, cols)
        Where a nodule is or may be.
    each : int
        At most so many of a kind.

    Returns
    -------
    list of (str, float, float)
        Kind, row, col.
    """
    found = []
    for kind, candidates in _candidates(hu, spacing_mm).items():
        shuffled = (candidates[i] for i in rng.permutation(len(candidates)))
        free = (location for location in shuffled if not forbidden[_pixel(location)])
        found += [(kind, float(location[0]), float(location[1])) for location in itertools.islice(free, each)]
    return found


def beside_nodules(
    hu: np.ndarray, spacing_mm: tuple[float, float], outlined: np.ndarray, rng: Generator, each: int = EACH
) -> list[tuple[str, float, float]]:
    """Random locations of a crop, at least `CLEAR_MM` from what any reader outlined; half of them bright."""
    edge = [int(np.ceil(EDGE_MM / mm)) for mm in spacing_mm]
    free = ndimage.distance_transform_edt(~outlined, sampling=spacing_mm) >= CLEAR_MM
    free[: edge[0]], free[-edge[0] :], free[:, : edge[1]], free[:, -edge[1] :] = (False,) * 4
    bright = [
        location
        for location in _small_bright(hu, spacing_mm, np.ones(hu.shape, bool))
        if free[_pixel(location)]
    ]
    anywhere = np.argwhere(free)
    locations = [bright[i] for i in rng.permutation(len(bright))[: each // 2]]
    locations += (
        [anywhere[i] for i in rng.integers(len(anywhere), size=each - len(locations))]
        if len(anywhere)
        else []
    )
    return [("beside a nodule", float(location[0]), float(location[1])) for location in locations]


def _candidates(hu: np.ndarray, spacing_mm: tuple[float, float]) -> dict[str, Sequence | np.ndarray]:
    """Locations of each kind, as arrays or lists of (row, col)."""
    lung = lung_mask(hu, spacing_mm)
    if not lung.any():
        return {}
    every = (slice(None, None, THIN), slice(None, None, THIN))
    smooth = ndimage.gaussian_filter(np.asarray(hu, np.float32), [1.0 / mm for mm in spacing_mm])[every]
    lung_pixels, spacing = lung[every], (THIN * spacing_mm[0], THIN * spacing_mm[1])
    to_lung = ndimage.distance_transform_edt(~lung_pixels, sampling=spacing)
    body = ndimage.binary_fill_holes(smooth > TISSUE_HU[0])
    tissue = (smooth > TISSUE_HU[0]) & (smooth < TISSUE_HU[1]) & ~lung_pixels
    bright = lung_pixels & (smooth > BRIGHT_ABOVE_HU)
    clear = ndimage.distance_transform_edt(~bright, sampling=spacing) > PLAIN_MM
    masks = {
        "air outside": (smooth < AIR_BELOW_HU) & ~body & (to_lung > WALL_MM),
        "chest wall": tissue & (to_lung < WALL_MM),
        "bone": (smooth > BONE_ABOVE_HU) & ~lung_pixels,
        "soft tissue": tissue & (to_lung >= WALL_MM),
        "lung": lung_pixels & clear & (smooth < LUNG_BELOW_HU),
        "hilum": _large(bright, spacing),
    }
    found = {kind: THIN * np.argwhere(mask) for kind, mask in masks.items()}
    return found | {"vessel": _small_bright(hu, spacing_mm, lung)}


def _small_bright(
    hu: np.ndarray, spacing_mm: tuple[float, float], region: np.ndarray
) -> list[tuple[float, float]]:
    """Middles of the small bright parts of a region, which are vessels for the most part."""
    parts, n = ndimage.label(
        (ndimage.gaussian_filter(np.asarray(hu, np.float32), 0.5) > BRIGHT_ABOVE_HU) & region
    )
    areas = ndimage.sum_labels(np.ones(hu.shape), parts, range(1, n + 1)) * np.prod(spacing_mm)
    chosen = 1 + np.flatnonzero((areas >= VESSEL_MM2[0]) & (areas <= VESSEL_MM2[1]))
    return ndimage.center_of_mass(parts > 0, parts, chosen) if len(chosen) else []


def _large(bright: np.ndarray, spacing_mm: tuple[float, float]) -> np.ndarray:
    """The large parts of what is bright within the closed lungs: hilum, and great vessels."""
    parts, n = ndimage.label(bright)
    areas = ndimage.sum_labels(np.ones(bright.shape), parts, range(1, n + 1)) * np.prod(spacing_mm)
    return np.isin(parts, 1 + np.flatnonzero(areas > HILUM_MM2))


def _pixel(location: Sequence[float] | np.ndarray) -> tuple[int, ...]:
    return tuple(np.rint(location).astype(int))
