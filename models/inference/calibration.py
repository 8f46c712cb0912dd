"""From a network's score to a probability and a verdict, by coefficients that are plain JSON numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Values = Any  # a NumPy number or array, as what it is made of
EDGE = 1e-4  # scores are kept this far from 0 and 1, where the logit is infinite


@dataclass(frozen=True)
class Calibration:
    """Beta calibration (Kull, Silva Filho and Flach, AISTATS 2017, equation 2).

    The log odds are ``a ln s - b ln(1 - s) + intercept`` for a score s. With a = b this is Platt scaling of
    the score's logit (Platt, Advances in Large Margin Classifiers, 61, 1999).
    """

    a: float
    b: float
    intercept: float

    def __call__(self, score: ArrayLike) -> Values:
        """Probability of a malignant-looking rating for a score in [0, 1]."""
        benign, malignant = beta_terms(score)
        return sigmoid(self.a * benign + self.b * malignant + self.intercept)


@dataclass(frozen=True)
class Abstention:
    """When a verdict is too likely to be wrong to be given (Chow, IEEE Trans. Inf. Theory 16, 41, 1970).

    The chance of a wrong verdict is a logistic function of how far the probability lies from the
    operating point and of how much the five models disagree (Lakshminarayanan et al., NeurIPS 2017).

    Attributes
    ----------
    intercept, distance, disagreement : float
        Coefficients: of 1, of the distance in log odds, of the disagreement.
    limit : float
        A case with a higher chance of a wrong verdict is indeterminate.
    """

    intercept: float
    distance: float
    disagreement: float
    limit: float

    def doubt(self, probability: ArrayLike, threshold: ArrayLike, disagreement: ArrayLike) -> Values:
        """Chance of a wrong verdict."""
        distance = np.abs(logit(probability) - logit(threshold))
        return sigmoid(
            self.intercept + self.distance * distance + self.disagreement * np.asarray(disagreement)
        )

    def defers(self, probability: ArrayLike, threshold: ArrayLike, disagreement: ArrayLike) -> Values:
        """Whether the case is indeterminate."""
        return self.doubt(probability, threshold, disagreement) > self.limit


def disagreement(probabilities: ArrayLike) -> Values:
    """Standard deviation of the models' calibrated probabilities (last axis)."""
    return np.std(np.asarray(probabilities), axis=-1)


def consensus_score(scores: ArrayLike) -> Values:
    """Score of the consensus: the mean of the models' scores (last axis), taken in log odds."""
    return sigmoid(np.mean(logit(np.asarray(scores)), axis=-1))


def beta_terms(score: ArrayLike) -> tuple[Values, Values]:
    """ln s and -ln(1 - s) of a score s in [0, 1]."""
    score = np.clip(score, EDGE, 1 - EDGE)
    return np.log(score), -np.log(1 - score)


def logit(score: ArrayLike) -> Values:
    """Log odds of a score in [0, 1]."""
    score = np.clip(score, EDGE, 1 - EDGE)
    return np.log(score / (1 - score))


def sigmoid(value: ArrayLike) -> Values:
    """The inverse of `logit`."""
    return 1 / (1 + np.exp(-np.asarray(value)))
