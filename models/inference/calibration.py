"""From a network's score to a probability, by coefficients that are plain JSON numbers."""

from dataclasses import dataclass

import numpy as np

EDGE = 1e-4  # scores are kept this far from 0 and 1, where the logit is infinite


@dataclass(frozen=True)
class Platt:
    """Platt scaling on the logit of the score (Platt, Advances in Large Margin Classifiers, 61, 1999)."""

    slope: float
    intercept: float

    def __call__(self, score):
        """Probability of a malignant-looking rating for a score in [0, 1]; arrays are welcome."""
        return 1 / (1 + np.exp(-(self.slope * logit(score) + self.intercept)))


def logit(score):
    """Log odds of a score in [0, 1]."""
    score = np.clip(score, EDGE, 1 - EDGE)
    return np.log(score / (1 - score))
