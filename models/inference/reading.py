"""What was computed at one place: the answer of each model follows from it without another forward pass."""

from dataclasses import dataclass, field

import numpy as np

from models.imaging.patch import PATCH
from models.imaging.scan import Notice, Roi, Scan
from models.inference.detection.recognition import Recognition
from models.inference.measurement.sizes import Measurement
from models.inference.similar_cases import SimilarCases


@dataclass(frozen=True)
class Reading:
    """All that was computed on one nodule, whichever model is asked for.

    Attributes
    ----------
    scan : Scan
    roi : Roi
        What was read: the middle of the nodule's largest section, or the location as given.
    predictions : dict of str to Prediction
        By model; only of those that are available.
    patch : ndarray of shape (pixels, pixels, 3), float32
        What the networks saw of the chosen slice.
    notices : tuple of Notice
        On image and nodule.
    weights : str
        Start of the checksum over all weights.
    outline : tuple of (float, float), optional
        Vertices (row, col) of the nodule's outline in the file's pixels, the last joined to the first; None
        where it was not outlined.
    slices : (int, int), optional
        The first and the last that show the outlined nodule.
    given : Roi, optional
        What was asked for; None where that was read.
    field_mm : float
        Edge of the patch.
    measurement : Measurement, optional
        Of the outlined nodule; None where it was not outlined.
    similar_cases : SimilarCases, optional
        The most similar training nodules; None where they cannot be told.
    saliency : dict of str to Saliency
        By model, and of the consensus; empty where it was not asked for.
    recognition : Recognition, optional
        Whether there is a nodule at all; None where that cannot be told.
    """

    scan: Scan
    roi: Roi
    predictions: dict
    patch: np.ndarray
    notices: tuple[Notice, ...]
    weights: str
    outline: tuple[tuple[float, float], ...] | None = None
    slices: tuple[int, int] | None = None
    given: Roi | None = None
    field_mm: float = PATCH.field_mm
    measurement: Measurement | None = None
    similar_cases: SimilarCases | None = None
    saliency: dict = field(default_factory=dict)
    recognition: Recognition | None = None
