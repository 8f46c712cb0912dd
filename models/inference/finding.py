"""What the product has to say about one nodule; pages, JSON and the command line are views of it."""

from dataclasses import dataclass

import numpy as np

from models.clinical.mass import is_mass
from models.imaging.patch import PATCH
from models.imaging.scan import Notice, Roi, Scan
from models.inference.measurement.sizes import Measurement
from models.inference.reliability import Reliability
from models.inference.similar_cases import SimilarCases

DISCLAIMER = (
    "Research use only, not a medical device. The probability is that radiologists would rate the nodule as "
    "suspicious (LIDC-IDRI ratings), not that it is cancer: the labels are no biopsies."
)


@dataclass(frozen=True)
class ModelAnswer:
    """One model's answer; the three values are None where the model is unavailable.

    Where no nodule was recognised, its probability is None, unless it was asked for anyway.
    """

    key: str
    title: str
    verdict: str | None  # benign | malignant | indeterminate | no_nodule
    probability: float | None
    threshold: float | None


@dataclass(frozen=True)
class Finding:
    """The answer on one nodule.

    Attributes
    ----------
    verdict : str
        ``benign``, ``malignant``, ``indeterminate``: the models cannot tell; or ``no_nodule``: none is
        recognised at this place.
    model, title : str
        The model asked for (or ``consensus``) and its name for people.
    probability : float or None
        Calibrated; of a malignant-looking rating, not of cancer. Without a nodule None, as is all that would
        be said of it, unless the scores were asked for anyway.
    threshold : float
        Operating point of that model: malignant from here on, where not indeterminate.
    models : tuple of ModelAnswer
        Always all five.
    roi : Roi
        What was read: the middle of the nodule's largest section, or the location as given.
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
    slices : (int, int), optional
        The first and the last that show the outlined nodule.
    given : Roi, optional
        What was asked for; None where that was read.
    field_mm : float
        Edge of the patch.
    measurement : Measurement, optional
        Of the outlined nodule; None where it was not outlined.
    spread : float, optional
        Standard deviation of the five probabilities.
    similar_cases : SimilarCases, optional
        The most similar training nodules; None where they cannot be told.
    saliency : Saliency, optional
        Of the model in front; None where it was not asked for.
    nodule_probability : float, optional
        That there is a nodule at all; None where that cannot be told.
    recognised : bool
        False where there seems to be none.
    reliability : Reliability, optional
        What the verdict is worth at this size; None where that is not known.
    """

    verdict: str
    model: str
    title: str
    probability: float | None
    threshold: float
    models: tuple[ModelAnswer, ...]
    roi: Roi
    scan: Scan
    characteristics: dict
    patch: np.ndarray
    notices: tuple[Notice, ...]
    weights: str
    outline: tuple[tuple[float, float], ...] | None = None
    slices: tuple[int, int] | None = None
    given: Roi | None = None
    field_mm: float = PATCH.field_mm
    measurement: Measurement | None = None
    spread: float | None = None
    similar_cases: SimilarCases | None = None
    saliency: object | None = None
    nodule_probability: float | None = None
    recognised: bool = True
    reliability: Reliability | None = None

    @property
    def is_anyway(self) -> bool:
        """Whether no nodule is recognised, but its scores are given."""
        return self.verdict == "no_nodule" and self.probability is not None

    @property
    def is_mass(self) -> bool:
        """Whether it is too large for a nodule, by its long axis."""
        return self.measurement is not None and is_mass(self.measurement.long_axis_mm)

    @property
    def headline(self) -> str:
        """What the finding says in short, as a code: the verdict, or what is true of it at this size.

        ``mass``: large enough to be suspicious whatever the models say; ``benign_as_most``,
        ``malignant_as_most``: as most nodules of this size, and no more is known from the models;
        ``benign_for_nothing``, ``malignant_for_nothing``: unlike most of this size, but the models' answers
        are worth nothing there.
        """
        if self.is_mass and self.verdict == "indeterminate":
            return "mass"
        worth = self.reliability
        if worth is None or worth.same is None or worth.adds:
            return self.verdict
        return f"{self.verdict}_{'as_most' if worth.most == self.verdict else 'for_nothing'}"
