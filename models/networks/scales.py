"""LIDC's reading form as numbers: rating and descriptor scales, and what a network's outputs mean on them.

Armato et al., Med. Phys. 38, 915, 2011. Knows no Keras, so that data can be prepared without it.
"""

import numpy as np
from numpy.typing import ArrayLike

RATINGS = (1, 2, 3, 4, 5)
DESCRIPTOR_SCALES = {
    "spiculation": (1, 5),
    "lobulation": (1, 5),
    "texture": (1, 5),
    "margin": (1, 5),
    "sphericity": (1, 5),
    "calcification": (1, 6),
    "subtlety": (1, 5),
}
LOG_DIAMETER = (2.1, 0.5)  # about mean and standard deviation of ln(diameter / mm) over LIDC-IDRI


def malignancy_score(rating_distribution: ArrayLike) -> np.ndarray:
    """Expected malignancy rating, scaled to [0, 1].

    Parameters
    ----------
    rating_distribution : ndarray of shape (..., 5)
        Probabilities of the ratings 1 to 5.

    Returns
    -------
    ndarray of shape (...)
        0 for a certain rating of 1, 1 for a certain rating of 5.
    """
    expected = np.asarray(rating_distribution) @ np.asarray(RATINGS, dtype=np.float32)
    return (expected - RATINGS[0]) / (RATINGS[-1] - RATINGS[0])


def scale_descriptors(values: ArrayLike) -> np.ndarray:
    """Descriptors from LIDC's scales to [0, 1]; the inverse of `unscale_descriptors`."""
    low, high = np.array(list(DESCRIPTOR_SCALES.values()), dtype=np.float32).T
    return (np.asarray(values, dtype=np.float32) - low) / (high - low)


def unscale_descriptors(values: ArrayLike) -> np.ndarray:
    """Descriptors of shape (..., 7) from [0, 1] to LIDC's scales."""
    low, high = np.array(list(DESCRIPTOR_SCALES.values()), dtype=np.float32).T
    return low + np.asarray(values) * (high - low)


def scale_diameter(diameter_mm: np.ndarray) -> np.ndarray:
    """Diameter in mm to its standardised natural logarithm; the inverse of `unscale_diameter`."""
    mean, deviation = LOG_DIAMETER
    return ((np.log(diameter_mm) - mean) / deviation).astype(np.float32)


def unscale_diameter(value: ArrayLike) -> np.ndarray:
    """A network's ``diameter`` output to mm."""
    mean, deviation = LOG_DIAMETER
    return np.exp(mean + deviation * np.asarray(value))
