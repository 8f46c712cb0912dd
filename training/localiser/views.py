"""Random fields around nodules: what the localiser must not mind, and where it must not look first.

The nodule may lie anywhere in a field, at its edge, or outside it, so that "in the middle" is not what is
learnt. What lies beyond the crop is its mirror image, nodules included.
"""

from argparse import Namespace

import keras
import numpy as np
from numpy.random import Generator

from models.imaging.field import GRID_MM, adjacent_slices, cut_field, to_unit
from training.data.outlines import Outlines
from training.localiser.healthy import HealthySlices

FIELD = 80  # pixels a side, 60 mm
OFF_MM = 36.0  # the field's middle is at most so far from the nodule's, in rows and in columns
NEAR_MM = 12.0  # half of the fields are at most so far off
SINGLE_SLICE = 0.3  # share of fields that know one slice only, as when one picture is uploaded
SCALE = 0.2  # natural logarithm: patients and spacings differ
SHIFT_HU, GAIN, NOISE_HU = 60.0, 0.12, 30.0  # errors of estimated HU, other kernels and doses
SUBSOLID, LARGE_MM = 3.5, 15.0  # mean texture (1 ground glass, 5 solid) at most, diameter at least
HEALTHY, NOBODY = 6, -1  # one field in so many shows no nodule's crop; what stands for it among nodules
WINDOWED = 0.25  # share of fields seen through a display window that saturates
WINDOW_HU = ((-1350.0, -900.0), (150.0, 400.0))  # its lower and upper end are drawn from these


def random_field(outlines: Outlines, nodule: int, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """A random field of a nodule's slices and what its readers say of each pixel.

    Returns
    -------
    field : ndarray of shape (FIELD, FIELD, 3), float32
    share : ndarray of shape (FIELD, FIELD, 1), float32
        Share of the nodule's readers who count a pixel to the nodule.
    """
    first = outlines.first[nodule]
    index, order = random_slices(outlines.n_slices[nodule], rng)
    box = random_box(outlines.grey.shape[1:], outlines.spacing_mm[nodule], rng)
    slices = [cut_field(outlines.slice_hu(first + i), box, (FIELD, FIELD)) for i in order]
    share = cut_field(outlines.share(first + index), box, (FIELD, FIELD))[..., None]
    return other_view(np.stack(slices, axis=-1), share, rng)


def random_slices(n: int, rng: Generator) -> tuple[int, tuple[int, ...]]:
    """One of n slices, and the three that are shown for it: itself alone, or between its neighbours."""
    index = int(rng.integers(n))
    order = (index,) * 3 if rng.random() < SINGLE_SLICE else adjacent_slices(n, index)
    return index, order[::-1] if rng.random() < 0.5 else order


def healthy_field(healthy: HealthySlices, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """A random field of a slice without nodules and its truth, which is 0 everywhere."""
    field = healthy.random_field(FIELD, SCALE, SINGLE_SLICE, rng)
    return other_view(field, np.zeros((FIELD, FIELD, 1), np.float32), rng)


def other_view(field: np.ndarray, share: np.ndarray, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """A field in HU and its truth, turned, mirrored and by another scanner; the field in [0, 1]."""
    turns, mirror = int(rng.integers(4)), rng.random() < 0.5
    field, share = (np.rot90(a, turns)[:: -1 if mirror else 1] for a in (field, share))
    return to_unit(other_scanner(field, rng)), np.ascontiguousarray(share)


def random_box(
    shape: tuple[int, ...], spacing_mm: float, rng: Generator
) -> tuple[float, float, float, float]:
    """Edges (top, left, bottom, right) of a random field in a crop's pixels; may reach beyond the crop."""
    size = FIELD * GRID_MM / spacing_mm * np.exp(rng.uniform(-SCALE, SCALE))
    off = NEAR_MM if rng.random() < 0.5 else OFF_MM
    row, col = np.array(shape) / 2 + rng.uniform(-off, off, 2) / spacing_mm
    return row - size / 2, col - size / 2, row + size / 2, col + size / 2


def other_scanner(hu: np.ndarray, rng: Generator) -> np.ndarray:
    """The same field by another scanner or in another display, in HU."""
    hu = hu * np.exp(rng.uniform(-GAIN, GAIN)) + rng.uniform(-SHIFT_HU, SHIFT_HU)
    hu = hu + rng.normal(0, NOISE_HU * rng.random(), hu.shape)
    if rng.random() < WINDOWED:
        hu = np.clip(hu, rng.uniform(*WINDOW_HU[0]), rng.uniform(*WINDOW_HU[1]))
    return hu


def times(outlines: Outlines) -> np.ndarray:
    """How often each nodule is drawn: subsolid and large ones are few and look unlike the rest."""
    subsolid, large = outlines.texture <= SUBSOLID, outlines.diameter_mm >= LARGE_MM
    return 1 + subsolid.astype(int) + large.astype(int)


class RandomFields(keras.utils.PyDataset):
    """One epoch: `views` random fields of each nodule, the same ones whenever seed and epoch are the same.

    Nodules of kinds that are few are drawn more often, see `times`. An item is (fields, shares, weights). A
    nodule weighs as the square root of its number of readers (up to four), since what one of four
    radiologists saw says less.

    Parameters
    ----------
    indices : ndarray of int
        The nodules that take part.
    args : Namespace
        ``seed``, ``views`` and ``batch``.
    healthy : HealthySlices, optional
        One field in `HEALTHY` is then one of these.
    """

    def __init__(
        self,
        outlines: Outlines,
        indices: np.ndarray,
        epoch: int,
        args: Namespace,
        healthy: HealthySlices | None = None,
    ) -> None:
        super().__init__(workers=2)
        self.outlines, self.seed, self.epoch, self.healthy = outlines, args.seed, epoch, healthy
        rng = np.random.default_rng((args.seed, epoch))
        drawn = np.repeat(indices, times(outlines)[indices])
        order = np.concatenate([rng.permutation(drawn) for _ in range(args.views)])
        if healthy:
            order = rng.permutation(np.concatenate([order, np.full(len(order) // (HEALTHY - 1), NOBODY)]))
        self.batches = [order[i : i + args.batch] for i in range(0, len(order), args.batch)]
        self.weight = np.sqrt(np.minimum(outlines.n_readers, 4) / 4).astype(np.float32)

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng((self.seed, self.epoch, number))
        chosen = self.batches[number]
        fields, shares = zip(*(self._field(i, rng) for i in chosen), strict=True)
        return np.stack(fields), np.stack(shares), np.where(chosen == NOBODY, 1, self.weight[chosen])

    def _field(self, nodule: int, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
        if nodule == NOBODY and self.healthy:
            return healthy_field(self.healthy, rng)
        return random_field(self.outlines, nodule, rng)
