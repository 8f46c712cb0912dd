"""The figures of one model, or of the consensus, on held-out nodules."""

import numpy as np

from training.evaluation.metrics import (
    auc,
    auc_with_interval,
    brier,
    calibration_error,
    calibration_noise,
    confusion,
    predictive_values,
    reliability_bins,
)
from training.intervals import bootstrap_by_patient

SCREENING_PREVALENCE = 0.10
GRID = np.linspace(0, 1, 51)  # false-positive rates of a ROC curve
HISTOGRAM_BINS = 20
ROC_DRAWS = 500


def performance(
    patients: np.ndarray, labels: np.ndarray, scores: np.ndarray, probabilities: np.ndarray
) -> dict[str, float]:
    """AUC of the scores with its interval; Brier score and calibration error of the probabilities; counts.

    Scores come before any calibration: ranked by probabilities of several cross-fitted calibrations, nodules
    of different parts would not be comparable.
    """
    return {
        **auc_with_interval(patients, labels, scores),
        "brier": brier(labels, probabilities),
        "calibration_error": calibration_error(labels, probabilities),
        "calibration_noise": calibration_noise(probabilities),
        "n_nodules": len(labels),
        "n_malignant": int(labels.sum()),
        "n_patients": len(set(patients.tolist())),
    }


def operating_point(patients: np.ndarray, labels: np.ndarray, called: np.ndarray) -> dict[str, float]:
    """Sensitivity and specificity with their intervals, accuracy, predictive values at two prevalences."""
    result = confusion(labels, called.astype(float), 0.5)
    for name, chosen in (("sensitivity", labels == 1), ("specificity", labels == 0)):
        right = (called == (labels == 1))[chosen]
        low, high = bootstrap_by_patient(np.mean, patients[chosen], right)
        result |= {f"{name}_low": low, f"{name}_high": high}
    prevalence = float(labels.mean())
    rates = result["sensitivity"], result["specificity"]
    result["prevalence"] = prevalence
    result["ppv"], result["npv"] = predictive_values(*rates, prevalence)
    result["ppv_at_10"], result["npv_at_10"] = predictive_values(*rates, SCREENING_PREVALENCE)
    return result


def abstention(
    patients: np.ndarray, labels: np.ndarray, scores: np.ndarray, called: np.ndarray, deferred: np.ndarray
) -> dict:
    """Coverage, and the figures of kept and deferred cases; `labels` may hold indeterminate nodules (-1)."""
    judged = labels >= 0
    result: dict = {
        "coverage": float((~deferred[judged]).mean()),
        "deferred_of_indeterminate": float(deferred[~judged].mean()) if (~judged).any() else None,
    }
    for name, chosen in (("kept", judged & ~deferred), ("deferred", judged & deferred)):
        result[name] = {"n_nodules": int(chosen.sum())}
        if len(set(labels[chosen].tolist())) == 2:
            result[name] |= auc_with_interval(patients[chosen], labels[chosen], scores[chosen])
            result[name] |= confusion(labels[chosen], called[chosen].astype(float), 0.5)
    return result


def curves(patients: np.ndarray, labels: np.ndarray, scores: np.ndarray, probabilities: np.ndarray) -> dict:
    """What the figures draw: ROC with a band, reliability, histograms of benign and malignant nodules.

    And the probabilities themselves, in order: among which of them another case lies.
    """
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    ordered = {
        name: np.sort(probabilities[labels == value]) for name, value in (("benign", 0), ("malignant", 1))
    }
    histograms = {name: np.histogram(given, edges)[0].tolist() for name, given in ordered.items()}
    return {
        "roc": _roc(patients, labels, scores),
        "reliability": reliability_bins(labels, probabilities),
        "histogram": {"edges": edges.tolist(), **histograms},
        "probabilities": {name: given.tolist() for name, given in ordered.items()},
    }


def _roc(patients: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> dict[str, list[float]]:
    def sensitivities(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
        auc(labels, scores)  # ValueError where a draw has one class only
        benign = np.sort(scores[labels == 0])[::-1]
        malignant = np.sort(scores[labels == 1])
        cut = benign[np.minimum((GRID * len(benign) + 1e-9).astype(int), len(benign) - 1)]
        reached = 1 - np.searchsorted(malignant, cut, side="right") / len(malignant)
        reached[-1] = 1.0
        return reached

    low, high = bootstrap_by_patient(sensitivities, patients, labels, scores, repeats=ROC_DRAWS)
    middle = sensitivities(labels, scores)
    rounded = [np.round(values, 4).tolist() for values in (GRID, middle, low, high)]
    return dict(zip(("false_positive", "true_positive", "low", "high"), rounded, strict=True))
