"""Nodules and locations of the patients who train, and how often each is drawn."""

from argparse import Namespace
from collections.abc import Callable, Iterable

import keras
import numpy as np
from numpy.random import Generator

from models.imaging.two_fields import SHAPE
from training.data.outlines import Outlines
from training.recognition.locations import KINDS
from training.recognition.sources import Source
from training.recognition.views import OUTLINE, View, crop_view, nodule_view, source_view

CROPS = 0.35  # share of locations that lie beside a nodule in its crop
SHARES = {  # of the other locations, by kind
    "air outside": 0.05,
    "chest wall": 0.2,
    "bone": 0.1,
    "soft tissue": 0.15,
    "lung": 0.1,
    "vessel": 0.25,
    "hilum": 0.15,
}
HARD = 0.5  # share of locations that are drawn by how much they look like a nodule


class Data:
    """What one run learns from.

    Parameters
    ----------
    crop_locations, source_locations : ndarray of Location
    nodules : ndarray of int
        The nodules that take part.
    """

    def __init__(
        self,
        outlines: Outlines,
        sources: list[Source],
        crop_locations: np.ndarray,
        source_locations: np.ndarray,
        nodules: np.ndarray,
    ) -> None:
        self.outlines, self.sources, self.nodules = outlines, sources, nodules
        self.crop_locations, self.source_locations = crop_locations, source_locations
        self.readers = np.sqrt(np.minimum(outlines.n_readers, 4) / 4).astype(np.float32)
        large = outlines.diameter_mm[nodules] >= 12
        self._nodule_share = normal(1.0 + 1.0 * large)
        self._crop_share = normal(np.ones(len(crop_locations)))
        by_kind = np.array([SHARES.get(kind, 0) for kind in KINDS])
        counts = np.bincount(source_locations["kind"], minlength=len(KINDS))
        self._source_share = normal((by_kind / np.maximum(counts, 1))[source_locations["kind"]])

    def nodule(self, rng: Generator) -> tuple[View, float]:
        """A view of a random nodule, and its weight: what one of four readers saw says less."""
        number = rng.choice(self.nodules, p=self._nodule_share)
        return nodule_view(self.outlines, number, rng), self.readers[number]

    def negative(self, rng: Generator) -> View:
        """A view of a random location without a nodule."""
        if rng.random() < CROPS:
            chosen = self.crop_locations[rng.choice(len(self.crop_locations), p=self._crop_share)]
            return crop_view(self.outlines, chosen, rng)
        chosen = self.source_locations[rng.choice(len(self.source_locations), p=self._source_share)]
        return source_view(self.sources[chosen["source"]], chosen, rng)

    def mine(self, score: Callable[[Iterable[np.ndarray]], np.ndarray]) -> None:
        """Draw locations that a network takes for nodules more often (Felzenszwalb et al., TPAMI 2010).

        Parameters
        ----------
        score : callable
            From a list of views to probabilities, shape (n,).
        """
        rng = np.random.default_rng(0)
        crops = score(crop_view(self.outlines, location, rng)[0] for location in self.crop_locations)
        self._crop_share = (1 - HARD) * self._crop_share + HARD * normal(crops)
        sources = score(
            source_view(self.sources[location["source"]], location, rng)[0]
            for location in self.source_locations
        )
        self._source_share = (1 - HARD) * self._source_share + HARD * normal(sources)


def normal(weights: np.ndarray) -> np.ndarray:
    """Weights that sum to 1, none of them 0."""
    weights = np.asarray(weights, np.float64) + 1e-9
    return weights / weights.sum()


class Views(keras.utils.PyDataset):
    """One epoch of views, half of them nodules; the same ones whenever seed and epoch are the same.

    Parameters
    ----------
    data : Data
        See `training.recognition.data`.
    args : Namespace
        ``seed``, ``steps`` and ``batch``.
    """

    def __init__(self, data: Data, epoch: int, args: Namespace) -> None:
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=8)
        self.data, self.epoch, self.args = data, epoch, args

    def __len__(self) -> int:
        return self.args.steps

    def __getitem__(self, number: int) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
        rng = np.random.default_rng((self.args.seed, self.epoch, number))
        n = self.args.batch
        views, shares = np.empty((n, *SHAPE), np.float32), np.empty((n, *OUTLINE), np.float32)
        truth, weights = np.arange(n) % 2, np.ones(n, np.float32)
        for i, is_nodule in enumerate(truth):
            view, weights[i] = self.data.nodule(rng) if is_nodule else (self.data.negative(rng), 1)
            views[i], shares[i] = view
        return views, {"nodule": truth[:, None].astype(np.float32), "outline": shares}, weights
