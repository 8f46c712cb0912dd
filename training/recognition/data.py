"""Nodules and places of the patients who train, and how often each is drawn."""

import numpy as np

from training.recognition.locations import KINDS
from training.recognition.views import crop_place_view, nodule_view, source_place_view

CROPS = 0.35  # share of places that lie beside a nodule in its crop
SHARES = {  # of the other places, by kind
    "air outside": 0.05,
    "chest wall": 0.2,
    "bone": 0.1,
    "soft tissue": 0.15,
    "lung": 0.1,
    "vessel": 0.25,
    "hilum": 0.15,
}
HARD = 0.5  # share of places that are drawn by how much they look like a nodule


class Data:
    """What one run learns from.

    Parameters
    ----------
    outlines : Outlines
    sources : list of Source
    crop_places, source_places : ndarray of Location
    nodules : ndarray of int
        The nodules that take part.
    """

    def __init__(self, outlines, sources, crop_places, source_places, nodules):
        self.outlines, self.sources, self.nodules = outlines, sources, nodules
        self.crop_places, self.source_places = crop_places, source_places
        self.readers = np.sqrt(np.minimum(outlines.n_readers, 4) / 4).astype(np.float32)
        large = outlines.diameter_mm[nodules] >= 12
        self._nodule_share = _normal(1.0 + 1.0 * large)
        self._crop_share = _normal(np.ones(len(crop_places)))
        by_kind = np.array([SHARES.get(kind, 0) for kind in KINDS])
        counts = np.bincount(source_places["kind"], minlength=len(KINDS))
        self._source_share = _normal((by_kind / np.maximum(counts, 1))[source_places["kind"]])

    def nodule(self, rng):
        """A view of a random nodule, and its weight: what one of four readers saw says less."""
        number = rng.choice(self.nodules, p=self._nodule_share)
        return nodule_view(self.outlines, number, rng), self.readers[number]

    def place(self, rng):
        """A view of a random place without a nodule."""
        if rng.random() < CROPS:
            chosen = self.crop_places[rng.choice(len(self.crop_places), p=self._crop_share)]
            return crop_place_view(self.outlines, chosen, rng)
        chosen = self.source_places[rng.choice(len(self.source_places), p=self._source_share)]
        return source_place_view(self.sources[chosen["source"]], chosen, rng)

    def mine(self, score):
        """Draw places that a network takes for nodules more often (Felzenszwalb et al., TPAMI 2010).

        Parameters
        ----------
        score : callable
            From a list of views to probabilities, shape (n,).
        """
        rng = np.random.default_rng(0)
        crops = score(crop_place_view(self.outlines, place, rng)[0] for place in self.crop_places)
        self._crop_share = (1 - HARD) * self._crop_share + HARD * _normal(crops)
        sources = score(
            source_place_view(self.sources[place["source"]], place, rng)[0] for place in self.source_places
        )
        self._source_share = (1 - HARD) * self._source_share + HARD * _normal(sources)


def _normal(weights):
    weights = np.asarray(weights, np.float64) + 1e-9
    return weights / weights.sum()
