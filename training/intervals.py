"""95 % intervals of shares and of other statistics."""

from collections.abc import Callable
from typing import overload

import numpy as np
from scipy.stats import binomtest


@overload
def bootstrap_by_patient(
    statistic: Callable[..., float],
    patients: np.ndarray,
    *arrays: np.ndarray,
    repeats: int = ...,
    seed: int = ...,
) -> tuple[float, float]: ...
@overload
def bootstrap_by_patient(
    statistic: Callable[..., np.ndarray],
    patients: np.ndarray,
    *arrays: np.ndarray,
    repeats: int = ...,
    seed: int = ...,
) -> tuple[np.ndarray, np.ndarray]: ...
def bootstrap_by_patient(
    statistic: Callable[..., float | np.ndarray],
    patients: np.ndarray,
    *arrays: np.ndarray,
    repeats: int = 2000,
    seed: int = 0,
) -> tuple[float, float] | tuple[np.ndarray, np.ndarray]:
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
    """
    rng = np.random.default_rng(seed)
    groups = [np.flatnonzero(patients == patient) for patient in np.unique(patients)]
    values: list[float | np.ndarray] = []
    while len(values) < repeats:
        chosen = np.concatenate([groups[i] for i in rng.integers(len(groups), size=len(groups))])
        try:
            values.append(statistic(*(array[chosen] for array in arrays)))
        except ValueError:
            continue
    low, high = np.percentile(np.array(values), [2.5, 97.5], axis=0)
    return (float(low), float(high)) if np.ndim(low) == 0 else (low, high)


def wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Interval of a share of n independent cases (Wilson, J. Am. Stat. Assoc. 22, 209, 1927)."""
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return min(share, middle - half), max(share, middle + half)


def clopper_pearson(k: int, n: int) -> tuple[float, float]:
    """Exact interval of the share of k of n (Clopper and Pearson, Biometrika 26, 404, 1934); of 0 all."""
    if n == 0:
        return 0.0, 1.0
    interval = binomtest(k, n).proportion_ci(method="exact")
    return float(interval.low), float(interval.high)
