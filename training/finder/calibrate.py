"""Probability and thresholds of the finder: how they follow from what it says of nodules and of other things.

Nodules are those of validation patients, in crops, seen as the app sees them (`nodules_in_crops`); other
things are all that is proposed in whole scans and is none (`training.finder.evaluate` collects them). A
nodule counts as often as a patient has nodules, another thing as often as a scan has it, so that the
probability is that of a mark in a whole scan.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from models.imaging.scan import Scan
from models.inference.detection.finder import FEATURES, Finder, probability
from models.inference.detection.search import Proposal, propose, slices_to_search
from training.data.outlines import Outlines, scan_of
from training.finder.proposals import NODULE, label_of

FALSE_MARKS = 0.8  # a scan, at the threshold of series
PICTURES = 0.1  # share of healthy pictures that may have a mark
RIDGE = 0.05  # keeps coefficients of features that say little small; in nodules a patient

Features = dict[str, np.ndarray]  # `FEATURES`, each of shape (n,)


@dataclass(frozen=True)
class Seen:
    """Features of some candidates, which of them are nodules, and how often each occurs in a scan."""

    features: Features
    is_nodule: np.ndarray
    weight: np.ndarray

    @classmethod
    def joined(cls, nodules: Features, n_patients: int, others: list[Features]) -> "Seen":
        """Nodules of so many patients, and the other candidates of some scans, a scan each."""
        names = [*others, nodules]
        features = {name: np.concatenate([one[name] for one in names]) for name in FEATURES}
        n_others, n_nodules = (sum(len(one["finder"]) for one in part) for part in (others, [nodules]))
        weight = np.r_[np.full(n_others, 1 / max(1, len(others))), np.full(n_nodules, 1 / n_patients)]
        return cls(features, np.arange(n_others + n_nodules) >= n_others, weight)


def nodules_in_crops(
    finder: Finder, outlines: Outlines, nodules: np.ndarray, single: bool = False
) -> Features:
    """Features of the nodules that are proposed in their crops, the best proposal of each.

    With `single` of the largest slice alone, as in a picture.
    """
    found = []
    for nodule in nodules:
        scan = scan_of(outlines, nodule)
        if single:
            index = outlines.largest_slice(nodule)
            scan = replace(scan, slices=scan.slices[index : index + 1], positions_mm=None)
        hits = [one for one in proposals_of(scan, finder) if label_of(outlines, nodule, one.chain) == NODULE]
        if hits:
            features = features_of(finder, scan, hits)
            best = (features["finder"] + features["judge"]).argmax()
            found.append({name: values[best] for name, values in features.items()})
    return {name: np.array([one[name] for one in found]) for name in FEATURES}


def proposals_of(scan: Scan, finder: Finder) -> list[Proposal]:
    """All that the first network proposes in a scan."""
    return [one for _, some in propose(scan, finder, slices_to_search(scan)) for one in some]


def features_of(finder: Finder, scan: Scan, proposals: list[Proposal]) -> Features:
    """Features of proposals, in their order."""
    ones = [finder.features(scan, [one.chain], one.scale) for one in proposals]
    return {name: np.concatenate([one[name] for one in ones] or [np.zeros(0)]) for name in FEATURES}


def fit(seen: Seen) -> dict[str, float]:
    """Weighted logistic regression of nodule or not on the features; its coefficients."""
    x = np.stack([seen.features[name] for name in FEATURES], axis=1)
    sign = np.where(seen.is_nodule, 1, -1)

    def loss(c: np.ndarray) -> float:
        z = c[0] + x @ c[1:]
        return float((seen.weight * np.logaddexp(0, -sign * z)).sum() + RIDGE * (c[1:] ** 2).sum())

    best = minimize(loss, np.zeros(1 + len(FEATURES)), method="L-BFGS-B").x
    return dict(zip(("intercept", *FEATURES), map(float, best), strict=True))


def series_threshold(seen: Seen, calibration: dict[str, float]) -> float:
    """The least probability at which a scan has `FALSE_MARKS` false marks."""
    p = probability(seen.features, calibration)[~seen.is_nodule]
    order = np.argsort(-p)
    over = np.flatnonzero(np.cumsum(seen.weight[~seen.is_nodule][order]) > FALSE_MARKS)
    return float(p[order][over[0]]) + 1e-6 if len(over) else 0.0


def picture_threshold(scores: np.ndarray) -> float:
    """The least probability that at most `PICTURES` of the scores reach."""
    return float(np.sort(scores)[::-1][int(PICTURES * len(scores))] + 1e-6)
