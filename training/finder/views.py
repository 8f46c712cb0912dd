"""Random windows of crops and of whole slices: nodules anywhere, and what must not be taken for one.

Each crop of LIDC-IDRI-slices has its nodule in the middle. A window lies anywhere within the crop, never
beyond it, so that nothing tells where the middle is. What no reader outlined counts as no nodule.
"""

from argparse import Namespace
from collections.abc import Sequence

import keras
import numpy as np
from numpy.random import Generator

from models.imaging.field import FINDER_REDUCTION, GRID_MM, Box, adjacent_slices, cut_field
from training.data.outlines import Outlines
from training.localiser.views import other_view, random_slices, times
from training.recognition.sources import Source

FIELD = 64  # pixels a side, 48 mm
OUTLINE = FIELD // FINDER_REDUCTION
SCALE = 0.3  # natural logarithm: patients and assumed spacings differ
COARSE = 0.25  # share of windows that show as much as the crop allows, as on the coarse grid of large lesions
AGAIN = 0.3  # share of windows about what was mistaken before, once mined
WHOLE = 0.15  # share of windows of whole slices

View = tuple[np.ndarray, np.ndarray]


class Mistaken:
    """Locations that a network took for nodules where there is none (hard negatives).

    Attributes
    ----------
    crops : ndarray of float, shape (n, 3)
        Nodule whose crop it is in, row and column.
    whole : ndarray of float, shape (n, 4)
        Source, slice, row and column.
    """

    def __init__(self) -> None:
        self.crops, self.whole = np.empty((0, 3)), np.empty((0, 4))


def crop_view(
    outlines: Outlines, nodule: int, rng: Generator, near: tuple[float, float] | None = None
) -> View:
    """A random window of a crop and what its readers say of each pixel.

    Parameters
    ----------
    near : (float, float), optional
        Row and column that the window shows; default: it lies anywhere.

    Returns
    -------
    field : ndarray of shape (FIELD, FIELD, 3), float32
    share : ndarray of shape (OUTLINE, OUTLINE, 1), float32
        Share of the nodule's readers who count a pixel to the nodule.
    """
    first = outlines.first[nodule]
    index, order = random_slices(outlines.n_slices[nodule], rng)
    box = random_box(outlines.grey.shape[1:], float(outlines.spacing_mm[nodule]), rng, near)
    slices = [cut_field(outlines.slice_hu(first + i), box, (FIELD, FIELD)) for i in order]
    share = cut_field(outlines.share(first + index), box, (OUTLINE, OUTLINE))[..., None]
    return other_view(np.stack(slices, axis=-1), share, rng)


def random_box(
    shape: tuple[int, ...], spacing_mm: float, rng: Generator, near: tuple[float, float] | None = None
) -> Box:
    """Edges (top, left, bottom, right) in pixels of a random window within a crop."""
    most = min(shape)
    wanted = FIELD * GRID_MM / spacing_mm * np.exp(rng.uniform(-SCALE, SCALE))
    size = min(most, rng.uniform(wanted, max(wanted, most)) if rng.random() < COARSE else wanted)
    edges = []
    for axis, length in enumerate(shape):
        low, high = 0.0, length - size
        if near is not None:
            low, high = np.clip([near[axis] - 0.9 * size, near[axis] - 0.1 * size], 0, high)
        edges.append(rng.uniform(low, high))
    top, left = edges
    return top, left, top + size, left + size


def whole_view(
    source: Source, lungs: np.ndarray, index: int, rng: Generator, near: tuple[float, float] | None = None
) -> View:
    """A random window of a whole slice without nodules, in its lungs or about a location; its truth is 0.

    Parameters
    ----------
    lungs : ndarray of shape (n, 2)
        Rows and columns of the lungs in that slice.
    """
    row, col = lungs[rng.integers(len(lungs))] if near is None else near
    factor = np.exp(rng.uniform(-SCALE, SCALE)) * (rng.uniform(1, 2) if rng.random() < COARSE else 1)
    off = rng.uniform(-0.4, 0.4, 2)
    sizes = [FIELD * GRID_MM * factor / spacing for spacing in source.spacing_mm]
    top, left = (at - size * (0.5 + o) for at, size, o in zip((row, col), sizes, off, strict=True))
    box = (top, left, top + sizes[0], left + sizes[1])
    order = adjacent_slices(len(source.hu), index)
    slices = [cut_field(source.hu[i].astype(np.float32), box, (FIELD, FIELD)) for i in order]
    return other_view(np.stack(slices, axis=-1), np.zeros((OUTLINE, OUTLINE, 1), np.float32), rng)


class Windows(keras.utils.PyDataset):
    """One epoch of random windows, the same ones for the same seed and epoch.

    An item is (fields, shares, weights). A nodule weighs as the square root of its number of readers (up to
    four), since what one of four radiologists saw says less. Nodules of kinds that are few are drawn more
    often, see `training.localiser.views.times`.

    Parameters
    ----------
    nodules : ndarray of int
        Those that take part.
    whole : sequence of (Source, int, ndarray)
        Whole slices without nodules: source, slice, and rows and columns of their lungs.
    args : Namespace
        ``seed``, ``steps`` and ``batch``.
    """

    def __init__(
        self,
        outlines: Outlines,
        nodules: np.ndarray,
        whole: Sequence[tuple[Source, int, np.ndarray]],
        mistaken: Mistaken,
        epoch: int,
        args: Namespace,
    ) -> None:
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=8)
        self.outlines, self.whole, self.mistaken = outlines, whole, mistaken
        self.args, self.epoch = args, epoch
        self.drawn = np.repeat(nodules, times(outlines)[nodules])
        self.weight = np.sqrt(np.minimum(outlines.n_readers, 4) / 4).astype(np.float32)

    def __len__(self) -> int:
        return self.args.steps

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng((self.args.seed, self.epoch, number))
        views, weights = zip(*(self._random(rng) for _ in range(self.args.batch)), strict=True)
        fields, shares = zip(*views, strict=True)
        return np.stack(fields), np.stack(shares), np.array(weights, np.float32)

    def _random(self, rng: Generator) -> tuple[View, float]:
        kind = rng.random()
        if kind < WHOLE and self.whole:
            return self._of_whole(rng), 1.0
        if kind > 1 - AGAIN and len(self.mistaken.crops):
            nodule, row, col = self.mistaken.crops[rng.integers(len(self.mistaken.crops))]
            return crop_view(self.outlines, int(nodule), rng, (row, col)), self.weight[int(nodule)]
        chosen = rng.choice(self.drawn)
        return crop_view(self.outlines, chosen, rng), self.weight[chosen]

    def _of_whole(self, rng: Generator) -> View:
        if len(self.mistaken.whole) and rng.random() < 0.5:
            chosen, _, row, col = self.mistaken.whole[rng.integers(len(self.mistaken.whole))]
            source, index, lungs = self.whole[int(chosen)]
            return whole_view(source, lungs, index, rng, (row, col))
        source, index, lungs = self.whole[int(rng.integers(len(self.whole)))]
        return whole_view(source, lungs, index, rng)
