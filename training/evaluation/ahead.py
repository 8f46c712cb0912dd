"""By how much the models are ahead of a ruler and of version 0.5's networks: paired differences of AUCs."""

from pathlib import Path

import numpy as np

from training.data.dataset import Nodules, find
from training.evaluation.calibrate import with_consensus
from training.evaluation.metrics import auc_difference
from training.evaluation.predict import HELD_OUT, read_scores

BEFORE = HELD_OUT.with_name("version_0_5.csv")  # of patients whom version 0.5's networks had not seen


def ahead(
    nodules: Nodules, indices: np.ndarray, scores: np.ndarray, before: Path = BEFORE
) -> list[dict[str, dict[str, float]]]:
    """What the scores are ahead of, on the nodules with a clear rating.

    Parameters
    ----------
    indices : ndarray of int
        The nodules that have the scores.
    scores : ndarray of shape (n, 6)
        Of the five models and the consensus.
    before : Path
        Scores of version 0.5; nothing is said of it where these nodules are not among its own.

    Returns
    -------
    list of dict
        For each model ``diameter`` and ``version_0_5``, each as `auc_difference` gives it.
    """
    others = {
        "diameter": np.repeat(nodules.diameter_mm[indices, None], scores.shape[1], axis=1),
        "version_0_5": _of_before(nodules, before)[indices],
    }
    patients, labels = nodules.patient[indices], nodules.label[indices]
    result: list[dict[str, dict[str, float]]] = [{} for _ in scores.T]
    for name, columns in others.items():
        chosen = (labels >= 0) & np.isfinite(columns).all(axis=1)
        if len(set(labels[chosen].tolist())) == 2:
            for row, ours, theirs in zip(result, scores[chosen].T, columns[chosen].T, strict=True):
                row[name] = auc_difference(patients[chosen], labels[chosen], ours, theirs)
    return result


def _of_before(nodules: Nodules, before: Path) -> np.ndarray:
    """Version 0.5's scores of all nodules, shape (nodules, 6); NaN for those that its networks had seen."""
    rows, scores = read_scores(before)
    known = set(zip(nodules.patient.tolist(), nodules.nodule.tolist(), strict=True))
    there = [(row["patient"], row["nodule"]) in known for row in rows]
    columns = np.full((len(nodules), scores.shape[1] + 1), np.nan)
    if any(there):
        own = find(nodules, [row for row, is_there in zip(rows, there, strict=True) if is_there])
        columns[own] = with_consensus(scores[there])
    return columns
