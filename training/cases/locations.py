"""Locations without a nodule in CT: chest wall, heart and other soft tissue, vessels, plain lung.

The close field around such a location lies within the image and shows nothing that any reader outlined. In
crops of LIDC-IDRI-slices it may still show a nodule that has a crop of its own, or one that no reader marked.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from models.imaging.lung import lung_mask
from models.imaging.patch import CLOSE_MM, cut_patch
from models.imaging.scan import Scan
from training.data.outlines import Outlines

Location = tuple[float, float]  # row, col
STEP_MM = 3.0  # between the locations looked at
LUNG_BELOW_HU, TISSUE_ABOVE_HU, BONE_ABOVE_HU = -600.0, -150.0, 250.0
VESSEL_ABOVE_HU, VESSEL_MM2 = -500.0, (6.0, 150.0)  # bright within lung, and its area
NEAR_MM = 4.0  # around the middle
KINDS = ("chest wall", "heart and other soft tissue", "vessel", "lung")


def locations_by_kind(
    hu: np.ndarray, spacing_mm: tuple[float, float], outlined: np.ndarray
) -> dict[str, list[Location]]:
    """All locations of one slice, by kind.

    Parameters
    ----------
    hu : ndarray of shape (rows, cols)
    outlined : ndarray of bool, shape (rows, cols)
        What the close field may not show.

    Returns
    -------
    dict of str to list of (float, float)
        (row, col) of locations of each of `KINDS`, in order of rows.
    """
    sizes = [max(1, round(CLOSE_MM / mm)) for mm in spacing_mm]
    parts = {
        "lung": hu < LUNG_BELOW_HU,
        "tissue": (hu > TISSUE_ABOVE_HU) & (hu < BONE_ABOVE_HU),
        "bone": hu > BONE_ABOVE_HU,
        "outlined": outlined,
    }
    share = {name: ndimage.uniform_filter(part.astype(np.float32), sizes) for name, part in parts.items()}
    found = {
        "vessel": [
            location for location in _vessels(hu, spacing_mm) if _fits(location, share, sizes, hu.shape)
        ]
    }
    found["vessel"] = [location for location in found["vessel"] if _at(share["lung"], location) > 0.6]
    middle = ndimage.uniform_filter(hu.astype(np.float32), [max(1, round(NEAR_MM / mm)) for mm in spacing_mm])
    steps = [max(1, round(STEP_MM / mm)) for mm in spacing_mm]
    grid = [(r, c) for r in range(0, hu.shape[0], steps[0]) for c in range(0, hu.shape[1], steps[1])]
    for location in grid:
        kind = _kind(_at(middle, location), {name: _at(values, location) for name, values in share.items()})
        if kind and _fits(location, share, sizes, hu.shape):
            found.setdefault(kind, []).append(location)
    return {kind: found.get(kind, []) for kind in KINDS}


def _kind(middle: float, share: Mapping[str, float]) -> str | None:
    """What a location is called by HU in its middle and shares of its close field; None where unclear."""
    if share["bone"] > 0.02 and 0.15 < share["lung"] < 0.7 and middle > TISSUE_ABOVE_HU:
        return "chest wall"
    if share["tissue"] > 0.95 and share["bone"] < 0.01:
        return "heart and other soft tissue"
    return "lung" if share["lung"] > 0.85 and middle < LUNG_BELOW_HU else None


def _vessels(hu: np.ndarray, spacing_mm: tuple[float, float]) -> list[Location]:
    """Middles of bright parts of the size of vessels."""
    parts, n = ndimage.label(ndimage.gaussian_filter(hu.astype(np.float32), 0.5) > VESSEL_ABOVE_HU)
    areas = ndimage.sum_labels(np.ones(hu.shape), parts, range(1, n + 1)) * np.prod(spacing_mm)
    chosen = 1 + np.flatnonzero((areas >= VESSEL_MM2[0]) & (areas <= VESSEL_MM2[1]))
    return ndimage.center_of_mass(parts > 0, parts, chosen)


def _at(values: np.ndarray, location: Location) -> float:
    return float(values[round(location[0]), round(location[1])])


def _fits(
    location: Location, share: Mapping[str, np.ndarray], sizes: list[int], shape: tuple[int, ...]
) -> bool:
    """Whether the close field lies within the image and shows nothing outlined."""
    inside = all(size / 2 <= x < n - size / 2 for x, size, n in zip(location, sizes, shape, strict=True))
    return inside and _at(share["outlined"], location) < 1e-6


def patches_of_crops(
    outlines: Outlines, chosen: Sequence[int] | np.ndarray, rng: Generator, at_most: int
) -> dict[str, list[np.ndarray]]:
    """Patches around locations in the middle slices of nodules' crops, one a nodule and kind.

    Parameters
    ----------
    chosen : sequence of int
        Which nodules.
    at_most : int
        Patches of each kind.

    Returns
    -------
    dict of str to list of ndarray
        By kind.
    """
    found: dict[str, list[np.ndarray]] = {kind: [] for kind in KINDS}
    for nodule in rng.permutation(chosen):
        first, n_slices = outlines.first[nodule], outlines.n_slices[nodule]
        hu = outlines.slice_hu(first + n_slices // 2)
        spacing = (float(outlines.spacing_mm[nodule]),) * 2
        around = locations_by_kind(hu, spacing, outlines.outlined(nodule))
        _choose(found, around, hu, spacing, rng, at_most)
    return found


def patches_of_slices(
    slices: Iterable[tuple[Scan, int]], rng: Generator, at_most: int, each: int = 8
) -> dict[str, list[np.ndarray]]:
    """Patches around locations in whole slices without a nodule, up to `each` of a kind in a slice.

    Parameters
    ----------
    slices : sequence of (Scan, int)
        Scan in HU, and which of its slices.
    rng, at_most
        See `patches_of_crops`.
    """
    found: dict[str, list[np.ndarray]] = {kind: [] for kind in KINDS}
    for scan, index in slices:
        hu = scan.slices[index].astype(np.float32)
        around = locations_by_kind(hu, scan.spacing_mm, np.zeros(hu.shape, bool))
        lung = lung_mask(hu, scan.spacing_mm)
        for kind in ("vessel", "lung"):  # not the air around the body, nor skin and blankets in it
            around[kind] = [location for location in around[kind] if _at(lung, location)]
        for _ in range(each):
            _choose(found, around, hu, scan.spacing_mm, rng, at_most)
    return found


def _choose(
    found: dict[str, list[np.ndarray]],
    around: Mapping[str, Sequence[Location]],
    hu: np.ndarray,
    spacing_mm: tuple[float, float],
    rng: Generator,
    at_most: int,
) -> None:
    """Add one random location of each kind that has one and is not yet complete."""
    for kind, choices in around.items():
        if choices and len(found[kind]) < at_most:
            location = choices[int(rng.integers(len(choices)))]
            found[kind].append(cut_patch(hu, spacing_mm, *location))
