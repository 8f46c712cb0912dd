"""Places without a nodule in CT: chest wall, heart and other soft tissue, vessels, plain lung.

The patch around such a place lies within the image and shows nothing that any reader outlined. In the crops
of LIDC-IDRI-slices it may still show a nodule that has a crop of its own, or one that no reader marked.
"""

import numpy as np
from scipy import ndimage

from models.imaging.lung import lung_mask
from models.imaging.patch import PATCH, adjacent_slices, cut_patch

STEP_MM = 3.0  # between the places looked at
LUNG_BELOW_HU, TISSUE_ABOVE_HU, BONE_ABOVE_HU = -600.0, -150.0, 250.0
VESSEL_ABOVE_HU, VESSEL_MM2 = -500.0, (6.0, 150.0)  # bright within lung, and its area
NEAR_MM = 4.0  # around the middle
KINDS = ("chest wall", "heart and other soft tissue", "vessel", "lung")


def places(hu, spacing_mm, outlined):
    """All places of one slice, by kind.

    Parameters
    ----------
    hu : ndarray of shape (rows, cols)
    spacing_mm : (float, float)
    outlined : ndarray of bool, shape (rows, cols)
        What the patch may not show.

    Returns
    -------
    dict of str to list of (float, float)
        (row, col) of places of each of `KINDS`, in order of rows.
    """
    sizes = [max(1, round(PATCH.field_mm / mm)) for mm in spacing_mm]
    parts = {
        "lung": hu < LUNG_BELOW_HU,
        "tissue": (hu > TISSUE_ABOVE_HU) & (hu < BONE_ABOVE_HU),
        "bone": hu > BONE_ABOVE_HU,
        "outlined": outlined,
    }
    share = {name: ndimage.uniform_filter(part.astype(np.float32), sizes) for name, part in parts.items()}
    found = {"vessel": [place for place in _vessels(hu, spacing_mm) if _fits(place, share, sizes, hu.shape)]}
    found["vessel"] = [place for place in found["vessel"] if _at(share["lung"], place) > 0.6]
    middle = ndimage.uniform_filter(hu.astype(np.float32), [max(1, round(NEAR_MM / mm)) for mm in spacing_mm])
    steps = [max(1, round(STEP_MM / mm)) for mm in spacing_mm]
    grid = [(r, c) for r in range(0, hu.shape[0], steps[0]) for c in range(0, hu.shape[1], steps[1])]
    for place in grid:
        kind = _kind(_at(middle, place), {name: _at(values, place) for name, values in share.items()})
        if kind and _fits(place, share, sizes, hu.shape):
            found.setdefault(kind, []).append(place)
    return {kind: found.get(kind, []) for kind in KINDS}


def _kind(middle, share):
    """What a place is called by the HU in its middle and the shares of its patch; None where unclear."""
    if share["bone"] > 0.02 and 0.15 < share["lung"] < 0.7 and middle > TISSUE_ABOVE_HU:
        return "chest wall"
    if share["tissue"] > 0.95 and share["bone"] < 0.01:
        return "heart and other soft tissue"
    return "lung" if share["lung"] > 0.85 and middle < LUNG_BELOW_HU else None


def _vessels(hu, spacing_mm):
    """Middles of bright parts of the size of vessels."""
    parts, n = ndimage.label(ndimage.gaussian_filter(hu.astype(np.float32), 0.5) > VESSEL_ABOVE_HU)
    areas = ndimage.sum_labels(np.ones(hu.shape), parts, range(1, n + 1)) * np.prod(spacing_mm)
    chosen = 1 + np.flatnonzero((areas >= VESSEL_MM2[0]) & (areas <= VESSEL_MM2[1]))
    return ndimage.center_of_mass(parts > 0, parts, chosen)


def _at(values, place):
    return float(values[round(place[0]), round(place[1])])


def _fits(place, share, sizes, shape):
    """Whether the patch lies within the image and shows nothing outlined."""
    inside = all(size / 2 <= x < n - size / 2 for x, size, n in zip(place, sizes, shape, strict=True))
    return inside and _at(share["outlined"], place) < 1e-6


def patches_of_crops(outlines, chosen, rng, at_most):
    """Patches around places in the middle slices of nodules' crops, one a nodule and kind.

    Parameters
    ----------
    outlines : training.data.outlines.Outlines
    chosen : sequence of int
        Which nodules.
    rng : numpy.random.Generator
    at_most : int
        Patches of each kind.

    Returns
    -------
    dict of str to list of ndarray
        By kind.
    """
    found = {kind: [] for kind in KINDS}
    for nodule in rng.permutation(chosen):
        first, n_slices = outlines.first[nodule], outlines.n_slices[nodule]
        numbers = first + np.array(adjacent_slices(n_slices, n_slices // 2))
        slices = [outlines.slice_hu(number) for number in numbers]
        spacing = (float(outlines.spacing_mm[nodule]),) * 2
        around = places(slices[1], spacing, outlines.readers[first : first + n_slices].any(axis=0))
        _choose(found, around, slices, spacing, rng, at_most)
    return found


def patches_of_slices(slices, rng, at_most, each=8):
    """Patches around places in whole slices without a nodule, up to `each` of a kind in a slice.

    Parameters
    ----------
    slices : sequence of (Scan, int)
        Scan in HU, and which of its slices.
    rng, at_most
        See `patches_of_crops`.
    """
    found = {kind: [] for kind in KINDS}
    for scan, index in slices:
        channels = [scan.slices[i].astype(np.float32) for i in adjacent_slices(len(scan.slices), index)]
        around = places(channels[1], scan.spacing_mm, np.zeros(channels[1].shape, bool))
        lung = lung_mask(channels[1], scan.spacing_mm)
        for kind in ("vessel", "lung"):  # not the air around the body, nor skin and blankets in it
            around[kind] = [place for place in around[kind] if _at(lung, place)]
        for _ in range(each):
            _choose(found, around, channels, scan.spacing_mm, rng, at_most)
    return found


def _choose(found, around, slices, spacing_mm, rng, at_most):
    """Add one random place of each kind that has one and is not yet complete."""
    for kind, choices in around.items():
        if choices and len(found[kind]) < at_most:
            place = choices[rng.integers(len(choices))]
            found[kind].append(cut_patch(slices, spacing_mm, *place))
