"""What a verdict adds to the size of a nodule, counted on held-out nodules: ``weights/reliability.json``."""

import numpy as np

from models.inference.reliability import SIZES_MM, group_of
from training.evaluation.calibrate import Answers
from training.intervals import clopper_pearson


def reliability_table(
    diameters_mm: np.ndarray, labels: np.ndarray, answers: Answers, keys: tuple[str, ...]
) -> dict:
    """Counts by model and size.

    Parameters
    ----------
    diameters_mm : ndarray of shape (n,)
    labels : ndarray of shape (n,)
        1 malignant, 0 benign; others do not count.
    answers : Answers
        Of choices that other patients made.
    keys : sequence of str
        The columns of the answers.

    Returns
    -------
    dict
        ``models``: for each key a row for each of `SIZES_MM`: ``size_mm``, ``nodules``,
        ``malignant``, ``recognised`` and ``verdicts``; see `models.inference.reliability.Reliability`.
    """
    group = np.array([group_of(diameter) for diameter in diameters_mm])
    return {
        "models": {
            key: [
                _row(size, labels[chosen], answers.balanced[chosen, m], answers.deferred[chosen, m])
                for i, size in enumerate(SIZES_MM)
                for chosen in [(group == i) & (labels >= 0)]
            ]
            for m, key in enumerate(keys)
        }
    }


def _row(
    size: tuple[float, float | None], labels: np.ndarray, called: np.ndarray, deferred: np.ndarray
) -> dict:
    """One size of one model: whom it called what, where it gave a verdict at all."""
    malignant = labels == 1
    share = float(malignant.mean()) if len(labels) else 0.0
    verdicts = {"benign": ~called & ~deferred, "malignant": called & ~deferred}
    return {
        "size_mm": list(size),
        "nodules": len(labels),
        "malignant": int(malignant.sum()),
        "recognised": int((malignant & verdicts["malignant"]).sum()),
        "verdicts": {name: _verdict(name, malignant[chosen], share) for name, chosen in verdicts.items()},
    }


def _verdict(verdict: str, malignant: np.ndarray, share: float) -> dict:
    """Whether a verdict adds something: its exact interval against the share of the size."""
    n, k = len(malignant), int(malignant.sum())
    low, high = clopper_pearson(k, n)
    adds = high < share if verdict == "benign" else low > share
    return {"nodules": n, "malignant": k, "low": low, "high": high, "adds": adds}
