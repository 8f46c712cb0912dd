"""AUC, calibration and what belongs to an operating point, with bootstrap intervals by patient."""

import numpy as np
from scipy.stats import rankdata
from sklearn.metrics import roc_curve

BINS = 15  # of the calibration error


def auc(labels, scores):
    """Area under the ROC curve of `scores` for `labels` (0 or 1); ValueError for one class only.

    By the ranks of the malignant ones (Hanley and McNeil, Radiology 143, 29, 1982), which is quick
    enough for thousands of bootstrap draws.
    """
    malignant = np.asarray(labels) == 1
    n_malignant = int(malignant.sum())
    n_benign = malignant.size - n_malignant
    if n_malignant == 0 or n_benign == 0:
        raise ValueError("An AUC needs both classes.")
    ranks = rankdata(scores)[malignant].sum() - n_malignant * (n_malignant + 1) / 2
    return float(ranks / (n_malignant * n_benign))


def brier(labels, probabilities):
    """Mean squared error of probabilities (Brier, Monthly Weather Review 78, 1, 1950)."""
    return float(np.mean((np.asarray(probabilities) - np.asarray(labels)) ** 2))


def reliability(labels, probabilities, bins=BINS):
    """Mean probability and share of malignant cases in bins of equal mass.

    Returns
    -------
    list of dict
        ``predicted``, ``observed`` and ``n`` of each bin, by rising probability.
    """
    order = np.argsort(probabilities, kind="stable")
    return [
        {
            "predicted": float(np.mean(probabilities[part])),
            "observed": float(np.mean(labels[part])),
            "n": len(part),
        }
        for part in np.array_split(order, min(bins, len(order)))
    ]


def calibration_error(labels, probabilities, bins=BINS):
    """Expected calibration error over bins of equal mass (Guo et al., ICML 2017, equation 3)."""
    parts = reliability(np.asarray(labels), np.asarray(probabilities), bins)
    return float(
        sum(part["n"] * abs(part["predicted"] - part["observed"]) for part in parts) / len(probabilities)
    )


def calibration_noise(probabilities, draws=200, seed=0):
    """Mean calibration error of perfectly calibrated probabilities on this number of cases.

    Bins of few cases scatter even where nothing is wrong (Roelofs et al., AISTATS 2022): an error of
    this size is no error. Labels are drawn with the probabilities themselves.
    """
    rng = np.random.default_rng(seed)
    labels = rng.random((draws, len(probabilities))) < probabilities
    return float(np.mean([calibration_error(drawn, probabilities) for drawn in labels]))


def youden_threshold(labels, scores):
    """The operating point that maximises sensitivity + specificity - 1 (Youden, Cancer 3, 32, 1950)."""
    false_positive, true_positive, thresholds = roc_curve(labels, scores)
    return _midway(scores, thresholds[1 + int(np.argmax((true_positive - false_positive)[1:]))])


def sensitivity_threshold(labels, scores, sensitivity):
    """The highest operating point that keeps at least this sensitivity."""
    malignant = np.sort(scores[np.asarray(labels) == 1])
    missed = int(np.floor(len(malignant) * (1 - sensitivity) + 1e-9))
    return _midway(scores, malignant[missed])


def _midway(scores, above):
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


def predictive_values(sensitivity, specificity, prevalence):
    """Positive and negative predictive value at a prevalence (Bayes); NaN where nothing is called so."""
    called = sensitivity * prevalence + (1 - specificity) * (1 - prevalence)
    spared = (1 - sensitivity) * prevalence + specificity * (1 - prevalence)
    return (
        sensitivity * prevalence / called if called else float("nan"),
        specificity * (1 - prevalence) / spared if spared else float("nan"),
    )


def bootstrap_by_patient(statistic, patients, *arrays, repeats=2000, seed=0):
    """95 % interval of a statistic, drawing patients with replacement.

    Nodules of one patient are not independent, so patients are drawn, each with all its nodules (Efron
    and Tibshirani, An Introduction to the Bootstrap, 1993, percentile interval).

    Parameters
    ----------
    statistic : callable
        Takes the arrays, returns a number (or an array of them); draws in which it is undefined
        (ValueError) are drawn again.
    patients : ndarray of shape (n,)
    *arrays : ndarrays of shape (n, ...)

    Returns
    -------
    (float, float), or (ndarray, ndarray) where the statistic is an array
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
    low, high = np.percentile(values, [2.5, 97.5], axis=0)
    return (float(low), float(high)) if np.ndim(low) == 0 else (low, high)
