"""What is chosen on patients who did not train: calibration, operating points, abstention.

Every choice is made twice: on all held-out patients, for the product; and cross-fitted, so that what is
reported of a patient comes from choices that other patients made.
"""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from models.inference.calibration import (
    Abstention,
    Calibration,
    beta_terms,
    consensus_score,
    disagreement,
    logit,
)
from training.evaluation.metrics import sensitivity_threshold, youden_threshold

HIGH_SENSITIVITY = 0.95
COVERAGE = 0.85  # share of benign and malignant nodules that get a verdict
FOLDS = 5


@dataclass(frozen=True)
class Choice:
    """What one model, or the consensus, needs to turn a score into a verdict."""

    calibration: Calibration
    balanced: float
    high_sensitivity: float
    abstention: Abstention


@dataclass(frozen=True)
class Answers:
    """Answers on n nodules of the five models and, last, the consensus; each of shape (n, 6)."""

    score: np.ndarray  # before calibration
    probability: np.ndarray
    balanced: np.ndarray  # whether called malignant at the balanced operating point
    high_sensitivity: np.ndarray
    deferred: np.ndarray


def fit_calibration(labels: np.ndarray, scores: np.ndarray) -> Calibration:
    """Beta calibration of scores in [0, 1] against labels (0 or 1).

    Where one of the paper's a and b would be negative, so that the probability would not rise with the
    score everywhere, it is set to 0, as the paper does.
    """
    inputs = np.column_stack(beta_terms(scores))
    a, b, intercept = _logistic(inputs, labels)
    if b < 0:
        (a, intercept), b = _logistic(inputs[:, :1], labels), 0.0
    elif a < 0:
        (b, intercept), a = _logistic(inputs[:, 1:], labels), 0.0
    return Calibration(a, b, intercept)


def _logistic(inputs: np.ndarray, labels: np.ndarray) -> list[float]:
    fit = LogisticRegression(C=1e6, max_iter=1000).fit(inputs, labels)
    return [*(float(c) for c in fit.coef_[0]), float(fit.intercept_[0])]


def fit_abstention(
    labels: np.ndarray,
    probabilities: np.ndarray,
    threshold: float,
    disagreements: np.ndarray,
    coverage: float = COVERAGE,
) -> Abstention:
    """The rule of `Abstention` that gives a share of `coverage` a verdict."""
    wrong = (probabilities >= threshold) != (labels == 1)
    distance = np.abs(logit(probabilities) - logit(threshold))
    fit = LogisticRegression(C=1.0).fit(np.column_stack([distance, disagreements]), wrong)
    rule = Abstention(*(float(c) for c in (*fit.intercept_, *fit.coef_[0], 1.0)))
    doubt = rule.doubt(probabilities, threshold, disagreements)
    return replace(rule, limit=float(np.quantile(doubt, coverage)))


def choose(labels: np.ndarray, scores: np.ndarray) -> list[Choice]:
    """Choices for the five models and the consensus.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        0 benign, 1 malignant.
    scores : ndarray of shape (n, 5)
        Of networks that did not train on these patients.

    Returns
    -------
    list of 6 Choice
    """
    columns = with_consensus(scores).T
    fitted = [fit_calibration(labels, column) for column in columns]
    probabilities = [fit(column) for fit, column in zip(fitted, columns, strict=True)]
    disagreements = disagreement(np.column_stack(probabilities[:-1]))
    choices = []
    for fit, column in zip(fitted, probabilities, strict=True):
        balanced = youden_threshold(labels, column)
        choices.append(
            Choice(
                fit,
                balanced,
                min(balanced, sensitivity_threshold(labels, column, HIGH_SENSITIVITY)),
                fit_abstention(labels, column, balanced, disagreements),
            )
        )
    return choices


def answer(choices: list[Choice], scores: np.ndarray) -> Answers:
    """Answers of models and consensus on scores of shape (n, 5), as the app gives them."""
    score = with_consensus(scores)
    probability = np.column_stack([c.calibration(s) for c, s in zip(choices, score.T, strict=True)])
    disagreements = disagreement(probability[:, :-1])
    columns = list(zip(choices, probability.T, strict=True))
    return Answers(
        score,
        probability,
        np.column_stack([p >= c.balanced for c, p in columns]),
        np.column_stack([p >= c.high_sensitivity for c, p in columns]),
        np.column_stack([c.abstention.defers(p, c.balanced, disagreements) for c, p in columns]),
    )


def with_consensus(scores: np.ndarray) -> np.ndarray:
    """Scores of the five models, shape (n, 5), with that of the consensus as sixth column."""
    return np.column_stack([scores, consensus_score(scores)])


def fit_all(labels: np.ndarray, scores: np.ndarray) -> list[Choice]:
    """Choices on scores of shape (n, 5), indeterminate nodules left out."""
    judged = labels >= 0
    return choose(labels[judged], scores[judged])


def cross_fit(patients: np.ndarray, labels: np.ndarray, scores: np.ndarray, seed: int = 0) -> Answers:
    """Answers by choices of other patients.

    Parameters
    ----------
    patients : ndarray of shape (n,)
    labels : ndarray of shape (n,)
        -1 for indeterminate nodules, which are answered but choose nothing.
    scores : ndarray of shape (n, 5)
    """
    parts = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(patients, labels, patients)
    rows: list[list] = [[]] * len(labels)
    for choosing, answering in parts:
        given = answer(fit_all(labels[choosing], scores[choosing]), scores[answering])
        for position, i in enumerate(answering):
            rows[i] = [column[position] for column in vars(given).values()]
    return Answers(*(np.array(column) for column in zip(*rows, strict=True)))
