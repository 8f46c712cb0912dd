"""AUC and what belongs to an operating point, with bootstrap intervals by patient."""

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve


def auc(labels, scores):
    """Area under the ROC curve of `scores` for `labels` (0 or 1); ValueError for one class only."""
    if len(np.unique(labels)) < 2:
        raise ValueError("An AUC needs both classes.")
    return float(roc_auc_score(labels, scores))


def youden_threshold(labels, scores):
    """The operating point that maximises sensitivity + specificity - 1 (Youden, Cancer 3, 32, 1950)."""
    false_positive, true_positive, thresholds = roc_curve(labels, scores)
    best = 1 + int(np.argmax((true_positive - false_positive)[1:]))
    above = thresholds[best]
    below = scores[scores < above].max(initial=0.0)
    return float((above + below) / 2)


def confusion(labels, scores, threshold):
    """Accuracy, sensitivity and specificity when scores at or above `threshold` are called malignant."""
    labels, called = np.asarray(labels) == 1, np.asarray(scores) >= threshold
    return {
        "accuracy": float((labels == called).mean()),
        "sensitivity": float(called[labels].mean()),
        "specificity": float((~called[~labels]).mean()),
    }


def bootstrap_by_patient(statistic, patients, *arrays, repeats=2000, seed=0):
    """95 % interval of a statistic, drawing patients with replacement.

    Nodules of one patient are not independent, so patients are drawn, each with all its nodules (Efron
    and Tibshirani, An Introduction to the Bootstrap, 1993, percentile interval).

    Parameters
    ----------
    statistic : callable
        Takes the arrays, returns a number; draws in which it is undefined (ValueError) are drawn again.
    patients : ndarray of shape (n,)
    *arrays : ndarrays of shape (n, ...)

    Returns
    -------
    (float, float)
    """
    rng = np.random.default_rng(seed)
    groups = [np.flatnonzero(patients == patient) for patient in np.unique(patients)]
    values = []
    while len(values) < repeats:
        chosen = np.concatenate([groups[i] for i in rng.integers(len(groups), size=len(groups))])
        try:
            values.append(statistic(*(array[chosen] for array in arrays)))
        except ValueError:
            continue
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
