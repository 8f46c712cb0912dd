"""Random views of nodules and of locations without one: what the recognition network must not mind.

Both kinds go through the same changes, so that none of them tells which it is: crops end at random distances
(what lies beyond is mirrored), and either may be enlarged, since a mass of 80 mm is to be known as a lesion.
"""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from models.imaging.two_fields import PIXELS, cut_close, cut_fields
from models.networks.recognition import REDUCTION
from training.data.outlines import Outlines
from training.localiser.views import other_view
from training.recognition.sources import Source

View = tuple[np.ndarray, np.ndarray]  # fields and share, see `random_view`
OUTLINE = (PIXELS // REDUCTION, PIXELS // REDUCTION, 1)
SCALE = 0.25  # natural logarithm: spacings that are assumed may be wrong by as much
ENLARGED_FROM_MM, UP_TO_MM, MOST = 12.0, 80.0, 4.0  # lesions of that size are shown as large as these
ENLARGED, ENLARGED_NEGATIVES = 0.35, 0.2  # share of their views; other locations are enlarged as well
OFF_MM = 1.5  # standard deviation of a location that is taken for the middle of a nodule
ANYWHERE = 0.4  # share of nodules seen from anywhere in the outline
SINGLE_SLICE = 0.3
CUT, CUT_MM = 0.6, (14.0, 60.0)  # share of sides on which the image ends, and so far from the location


def nodule_view(outlines: Outlines, nodule: int, rng: Generator) -> View:
    """A random view of a nodule, and what its readers outlined in it; see `random_view`."""
    first, n = outlines.first[nodule], outlines.n_slices[nodule]
    index = int(rng.integers(n))
    outlined = np.argwhere(outlines.readers[first + index])
    if len(outlined) == 0:
        index = n // 2
        outlined = np.argwhere(outlines.outlined(nodule))
    spacing = float(outlines.spacing_mm[nodule])
    middle = outlined.mean(axis=0) + rng.normal(0, OFF_MM / spacing, 2)
    if rng.random() < ANYWHERE:
        middle = outlined[rng.integers(len(outlined))]
    factor = 1.0
    if (size := outlines.diameter_mm[nodule]) >= ENLARGED_FROM_MM and rng.random() < ENLARGED:
        factor = rng.uniform(1.2, max(1.2, min(MOST, UP_TO_MM / size)))
    slices = outlines.slices_hu(nodule, index)
    return random_view(slices, outlines.share(first + index), (spacing, spacing), middle, factor, rng)


def crop_view(outlines: Outlines, location: np.void, rng: Generator) -> View:
    """A random view of a location beside a nodule, which may lie in the view."""
    nodule = location["source"]
    first, slices = outlines.first[nodule], outlines.slices_hu(nodule, int(location["slice"]))
    spacing = (float(outlines.spacing_mm[nodule]),) * 2
    return _negative_view(slices, outlines.share(first + int(location["slice"])), spacing, location, rng)


def source_view(source: Source, location: np.void, rng: Generator) -> View:
    """A random view of a location of a series or picture without nodules."""
    slices = source.slices(int(location["slice"]))
    return _negative_view(slices, np.zeros(slices[0].shape, np.float32), source.spacing_mm, location, rng)


def _negative_view(
    slices: list[np.ndarray],
    share: np.ndarray,
    spacing_mm: tuple[float, float],
    location: np.void,
    rng: Generator,
) -> View:
    middle = np.array([location["row"], location["col"]]) + rng.normal(0, OFF_MM, 2) / spacing_mm
    factor = rng.uniform(1.2, MOST) if rng.random() < ENLARGED_NEGATIVES else 1.0
    return random_view(slices, share, spacing_mm, middle, factor, rng)


def random_view(
    slices: list[np.ndarray],
    share: np.ndarray,
    spacing_mm: tuple[float, float],
    middle: Sequence[float] | np.ndarray,
    factor: float,
    rng: Generator,
) -> View:
    """Three slices in HU about a location, cut off, scaled by `factor` and a little more, turned, rescanned.

    Returns
    -------
    fields : ndarray of shape `SHAPE`, float32
        In [0, 1].
    share : ndarray of shape `OUTLINE`, float32
        What of `share`, the readers' share of the middle slice, lies in the close field.
    """
    if rng.random() < SINGLE_SLICE:
        slices = [slices[1]] * 3
    elif rng.random() < 0.5:
        slices = slices[::-1]
    factor *= np.exp(rng.uniform(-SCALE, SCALE))
    (*slices, share), (row, col) = _cut_off([*slices, share], spacing_mm, middle, rng)
    spacing_mm = factor * spacing_mm[0], factor * spacing_mm[1]
    share = cut_close(share, spacing_mm, row, col, OUTLINE[0])[..., None]
    return other_view(cut_fields(slices, spacing_mm, row, col), share, rng)


def _cut_off(
    slices: list[np.ndarray],
    spacing_mm: tuple[float, float],
    middle: Sequence[float] | np.ndarray,
    rng: Generator,
) -> tuple[list[np.ndarray], list[float]]:
    """The same slices, ending at random distances from the location; and the location in them."""
    edges, shifted = [], []
    for at, mm, n in zip(middle, spacing_mm, slices[0].shape, strict=True):
        low, high = (rng.uniform(*CUT_MM) / mm if rng.random() < CUT else n for _ in range(2))
        first, last = max(0, int(at - low)), min(n, int(np.ceil(at + high)) + 1)
        edges.append(slice(first, last))
        shifted.append(at - first)
    return [pixels[tuple(edges)] for pixels in slices], shifted
