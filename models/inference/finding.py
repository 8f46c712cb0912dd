"""What the product has to say about one nodule; pages, JSON and the command line are views of it."""

from dataclasses import dataclass

import numpy as np

from models.imaging.scan import Notice, Roi, Scan
from models.inference.measure import Measurement
from models.inference.neighbours import Neighbours

DISCLAIMER = (
    "Research use only, not a medical device. The probability is that radiologists would rate the nodule as "
    "suspicious (LIDC-IDRI ratings), not that it is cancer: the labels are no biopsies."
)


@dataclass(frozen=True)
class ModelAnswer:
    """One model's answer; the three values are None where the model is unavailable."""

    key: str
    title: str
    verdict: str | None  # benign | malignant | indeterminate
    probability: float | None
    threshold: float | None


@dataclass(frozen=True)
class Finding:
    """The answer on one nodule.

    Attributes
    ----------
    verdict : str
        ``benign``, ``malignant``, or ``indeterminate``: the models cannot tell.
    model, title : str
        The model asked for (or ``consensus``) and its name for people.
    probability : float
        Calibrated; of a malignant-looking rating, not of cancer.
    threshold : float
        Operating point of that model: malignant from here on, where not indeterminate.
    models : tuple of ModelAnswer
        Always all five.
    roi : Roi
    scan : Scan
    characteristics : dict of str to (float or None)
        LIDC's descriptors on LIDC's scales.
    patch : ndarray of shape (pixels, pixels, 3), float32
        What the networks saw of the chosen slice.
    notices : tuple of Notice
    weights : str
        Start of the checksum over all weights.
    outline : tuple of (float, float), optional
        Vertices (row, col) of the nodule's outline in the file's pixels, the last joined to the first; None
        where it was not outlined.
    measurement : Measurement, optional
        Of the outlined nodule; None where it was not outlined.
    spread : float, optional
        Standard deviation of the five probabilities.
    neighbours : Neighbours, optional
        The most similar training nodules; None where they cannot be told.
    saliency : Saliency, optional
        Of the model in front; None where it was not asked for.
    nodule_probability : float, optional
        That there is a nodule at all; None where that cannot be told.
    recognised : bool
        False where there seems to be none.
    """

    verdict: str
    model: str
    title: str
    probability: float
    threshold: float
    models: tuple[ModelAnswer, ...]
    roi: Roi
    scan: Scan
    characteristics: dict
    patch: np.ndarray
    notices: tuple[Notice, ...]
    weights: str
    outline: tuple[tuple[float, float], ...] | None = None
    measurement: Measurement | None = None
    spread: float | None = None
    neighbours: Neighbours | None = None
    saliency: object | None = None
    nodule_probability: float | None = None
    recognised: bool = True
