"""AUC, calibration and what belongs to an operating point."""

import numpy as np
from scipy.stats import rankdata
from sklearn.metrics import roc_curve

from training.intervals import bootstrap_by_patient

BINS = 15  # of the calibration error


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
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


def auc_with_interval(patients: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """``auc`` with its interval by patient, ``auc_low`` to ``auc_high``; ValueError for one class only."""
    found = auc(labels, scores)
    low, high = bootstrap_by_patient(auc, patients, labels, scores)
    return {"auc": found, "auc_low": low, "auc_high": high}


def auc_if_defined(patients: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> dict[str, float] | None:
    """`auc_with_interval`; None for one class only."""
    return auc_with_interval(patients, labels, scores) if len(set(labels.tolist())) == 2 else None


def auc_difference(
    patients: np.ndarray, labels: np.ndarray, scores: np.ndarray, others: np.ndarray
) -> dict[str, float]:
    """By how much the AUC of `scores` is ahead of that of `others` on the same nodules.

    Returns
    -------
    dict
        ``value``, its 95 % interval ``low`` to ``high`` (the same patients drawn for both), ``n_nodules``.
    """

    def ahead(labels: np.ndarray, scores: np.ndarray, others: np.ndarray) -> float:
        return auc(labels, scores) - auc(labels, others)

    low, high = bootstrap_by_patient(ahead, patients, labels, scores, others)
    return {"value": ahead(labels, scores, others), "low": low, "high": high, "n_nodules": len(labels)}


def brier(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean squared error of probabilities (Brier, Monthly Weather Review 78, 1, 1950)."""
    return float(np.mean((np.asarray(probabilities) - np.asarray(labels)) ** 2))


def reliability_bins(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS
) -> list[dict[str, float]]:
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


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error over bins of equal mass (Guo et al., ICML 2017, equation 3)."""
    parts = reliability_bins(np.asarray(labels), np.asarray(probabilities), bins)
    return float(
        sum(part["n"] * abs(part["predicted"] - part["observed"]) for part in parts) / len(probabilities)
    )


def calibration_noise(probabilities: np.ndarray, draws: int = 200, seed: int = 0) -> float:
    """Mean calibration error of perfectly calibrated probabilities on this number of cases.

    Bins of few cases scatter even where nothing is wrong (Roelofs et al., AISTATS 2022): an error of
    this size is no error. Labels are drawn with the probabilities themselves.
    """
    rng = np.random.default_rng(seed)
    labels = rng.random((draws, len(probabilities))) < probabilities
    return float(np.mean([calibration_error(drawn, probabilities) for drawn in labels]))


def youden_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    """The operating point that maximises sensitivity + specificity - 1 (Youden, Cancer 3, 32, 1950)."""
    false_positive, true_positive, thresholds = roc_curve(labels, scores)
    return _midway(scores, thresholds[1 + int(np.argmax((true_positive - false_positive)[1:]))])


def sensitivity_threshold(labels: np.ndarray, scores: np.ndarray, sensitivity: float) -> float:
    """The highest operating point that keeps at least this sensitivity."""
    malignant = np.sort(scores[np.asarray(labels) == 1])
    missed = int(np.floor(len(malignant) * (1 - sensitivity) + 1e-9))
    return _midway(scores, malignant[missed])


def _midway(scores: np.ndarray, above: float) -> float:
    below = scores[scores < above].max(initial=0.0)
    return float((above + below) / 2)


def confusion(labels: np.ndarray, scores: np.ndarray, threshold: float) -> dict[str, float]:
    """Accuracy, sensitivity and specificity when scores at or above `threshold` are called malignant."""
    labels, called = np.asarray(labels) == 1, np.asarray(scores) >= threshold
    return {
        "accuracy": float((labels == called).mean()),
        "sensitivity": float(called[labels].mean()),
        "specificity": float((~called[~labels]).mean()),
    }


def predictive_values(sensitivity: float, specificity: float, prevalence: float) -> tuple[float, float]:
    """Positive and negative predictive value at a prevalence (Bayes); NaN where nothing is called so."""
    called = sensitivity * prevalence + (1 - specificity) * (1 - prevalence)
    spared = (1 - sensitivity) * prevalence + specificity * (1 - prevalence)
    return (
        sensitivity * prevalence / called if called else float("nan"),
        specificity * (1 - prevalence) / spared if spared else float("nan"),
    )
