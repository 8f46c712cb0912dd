"""What all networks predict: LIDC's reading form.

Radiologists of LIDC-IDRI rated each nodule on fixed scales (Armato et al., Med. Phys. 38, 915, 2011).
Every network predicts the distribution of the malignancy rating, and, as auxiliary targets that make
its features more general (Caruana, Machine Learning 28, 41, 1997), the descriptors and the diameter.
"""

import numpy as np
from keras import layers

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
BATCH_NORM_MOMENTUM = 0.9  # an epoch has some 40 steps: Keras' 0.99 would lag several epochs behind


def add_heads(features, dropout):
    """Global average pooling and the three heads.

    Parameters
    ----------
    features : KerasTensor of shape (batch, rows, cols, channels)
        The last feature map.
    dropout : float
        Share of pooled features dropped in training.

    Returns
    -------
    dict of KerasTensor
        ``rating`` (batch, 5): distribution over the malignancy ratings 1 to 5.
        ``descriptors`` (batch, 7): the descriptors in the order of `DESCRIPTOR_SCALES`, scaled to [0, 1].
        ``diameter`` (batch, 1): the diameter, scaled by `scale_diameter`.
    """
    pooled = layers.GlobalAveragePooling2D(name="pool")(features)
    pooled = layers.Dropout(dropout, name="dropout")(pooled)
    heads = {
        "rating": layers.Dense(len(RATINGS), activation="softmax", name="rating"),
        "descriptors": layers.Dense(len(DESCRIPTOR_SCALES), activation="sigmoid", name="descriptors"),
        "diameter": layers.Dense(1, name="diameter"),
    }
    return {name: head(pooled) for name, head in heads.items()}


def batch_norm(name):
    """Batch normalisation (Ioffe and Szegedy, 2015) with this project's momentum."""
    return layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=name)


def malignancy_score(rating_distribution):
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


def scale_descriptors(values):
    """Descriptors from LIDC's scales to [0, 1]; the inverse of `unscale_descriptors`."""
    low, high = np.array(list(DESCRIPTOR_SCALES.values()), dtype=np.float32).T
    return (np.asarray(values, dtype=np.float32) - low) / (high - low)


def unscale_descriptors(values):
    """Descriptors of shape (..., 7) from [0, 1] to LIDC's scales."""
    low, high = np.array(list(DESCRIPTOR_SCALES.values()), dtype=np.float32).T
    return low + np.asarray(values) * (high - low)


def scale_diameter(diameter_mm):
    """Diameter in mm to its standardised natural logarithm; the inverse of `unscale_diameter`."""
    mean, deviation = LOG_DIAMETER
    return ((np.log(diameter_mm) - mean) / deviation).astype(np.float32)


def unscale_diameter(value):
    """A network's ``diameter`` output to mm."""
    mean, deviation = LOG_DIAMETER
    return np.exp(mean + deviation * np.asarray(value))
