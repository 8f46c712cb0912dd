"""Places without a nodule, by kind: in whole slices, and beside nodules in the crops of LIDC-IDRI-slices.

What no reader outlined is taken for no nodule. What lies near a marked nodule is left out, whoever marked it.
"""

import itertools

import numpy as np
from scipy import ndimage

from models.imaging.lung import lung_mask

KINDS = ("air outside", "chest wall", "bone", "soft tissue", "lung", "vessel", "hilum", "beside a nodule")
OUTSIDE_LUNG = ("air outside", "chest wall", "bone", "soft tissue")
AIR_BELOW_HU, LUNG_BELOW_HU, TISSUE_HU, BONE_ABOVE_HU = -850.0, -600.0, (-150.0, 200.0), 250.0
BRIGHT_ABOVE_HU = -500.0  # within lung: vessels, and what is no lung
WALL_MM = 8.0  # tissue so near to a lung is chest wall, diaphragm or border of the mediastinum
PLAIN_MM = 4.0  # around a place of plain lung nothing is bright
VESSEL_MM2, HILUM_MM2 = (4.0, 120.0), 120.0  # area in one slice of what is bright within the lungs
CLEAR_MM = 8.0  # from any reader's outline
EDGE_MM = 6.0  # of a crop: a place lies no nearer
THIN = 2  # only every second row and column is looked at
EACH = 6  # places of a kind in a slice

Location = np.dtype(
    [("source", np.int32), ("slice", np.int32), ("row", np.float32), ("col", np.float32), ("kind", np.int8)]
)


def in_slice(hu, spacing_mm, forbidden, rng, each=EACH):
    """Random places of a whole slice without a nodule.

    Parameters
    ----------
    hu : ndarray of shape (rows, cols)
    spacing_mm : (float, float)
    forbidden : ndarray of bool, shape (rows, cols)
        Where a nodule is or may be.
    rng : numpy.random.Generator
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
        free = (place for place in shuffled if not forbidden[_pixel(place)])
        found += [(kind, *map(float, place)) for place in itertools.islice(free, each)]
    return found


def beside_nodules(hu, spacing_mm, outlined, rng, each=EACH):
    """Random places of a crop, at least `CLEAR_MM` from what any reader outlined; half of them bright."""
    edge = [int(np.ceil(EDGE_MM / mm)) for mm in spacing_mm]
    free = ndimage.distance_transform_edt(~outlined, sampling=spacing_mm) >= CLEAR_MM
    free[: edge[0]], free[-edge[0] :], free[:, : edge[1]], free[:, -edge[1] :] = (False,) * 4
    bright = [
        place for place in _small_bright(hu, spacing_mm, np.ones(hu.shape, bool)) if free[_pixel(place)]
    ]
    anywhere = np.argwhere(free)
    places = [bright[i] for i in rng.permutation(len(bright))[: each // 2]]
    places += (
        [anywhere[i] for i in rng.integers(len(anywhere), size=each - len(places))] if len(anywhere) else []
    )
    return [("beside a nodule", *map(float, place)) for place in places]


def _candidates(hu, spacing_mm):
    """Places of each kind, as arrays or lists of (row, col)."""
    lung = lung_mask(hu, spacing_mm)
    if not lung.any():
        return {}
    every = (slice(None, None, THIN), slice(None, None, THIN))
    smooth = ndimage.gaussian_filter(np.asarray(hu, np.float32), [1.0 / mm for mm in spacing_mm])[every]
    lung_pixels, spacing = lung[every], tuple(THIN * mm for mm in spacing_mm)
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


def _small_bright(hu, spacing_mm, region):
    """Middles of the small bright parts of a region, which are vessels for the most part."""
    parts, n = ndimage.label(
        (ndimage.gaussian_filter(np.asarray(hu, np.float32), 0.5) > BRIGHT_ABOVE_HU) & region
    )
    areas = ndimage.sum_labels(np.ones(hu.shape), parts, range(1, n + 1)) * np.prod(spacing_mm)
    chosen = 1 + np.flatnonzero((areas >= VESSEL_MM2[0]) & (areas <= VESSEL_MM2[1]))
    return ndimage.center_of_mass(parts > 0, parts, chosen) if len(chosen) else []


def _large(bright, spacing_mm):
    """The large parts of what is bright within the closed lungs: hilum, and great vessels."""
    parts, n = ndimage.label(bright)
    areas = ndimage.sum_labels(np.ones(bright.shape), parts, range(1, n + 1)) * np.prod(spacing_mm)
    return np.isin(parts, 1 + np.flatnonzero(areas > HILUM_MM2))


def _pixel(place):
    return tuple(np.rint(place).astype(int))
