"""What the product has to say about one nodule; pages, JSON and the command line are views of it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.clinical.growth import Growth
from models.clinical.mass import is_mass
from models.imaging.patch import cut_patch
from models.imaging.scan import Notice, Reference, Roi, Scan
from models.inference.detection.candidates import Candidate
from models.inference.reading import Reading
from models.inference.reliability import Reliability
from models.inference.saliency.saliency import Saliency
from models.inference.size_errors import SizeErrors
from models.messages import Message

DISCLAIMER = Message(
    "Research use only, not a medical device. The probability is that radiologists would rate the nodule "
    "as suspicious (LIDC-IDRI ratings), not that it is cancer: the ratings were not confirmed by biopsy."
)
Verdict = Literal["benign", "malignant", "indeterminate", "no_nodule"]


@dataclass(frozen=True)
class ModelAnswer:
    """One model's answer; the three values are None where the model is unavailable.

    Where no nodule was recognised, its probability is None, unless it was asked for anyway.
    """

    key: str
    title: str
    verdict: Verdict | None
    probability: float | None
    threshold: float | None


@dataclass(frozen=True)
class FindingSummary:
    """A finding in a list of those on one scan: where it was asked for, and what was answered.

    Attributes
    ----------
    name, is_leading, duplicate
        As of `Finding`.
    index : int
        Its position among all that were asked for on the scan, by which its address and pairs name it;
        that of a deleted one is not given again.
    """

    roi: Roi
    model: str
    title: Message | str
    verdict: Verdict
    headline: str
    probability: float | None
    name: str = ""
    is_leading: bool = False
    duplicate: int = 0
    index: int = 0


@dataclass(frozen=True)
class Earlier:
    """The same nodule on an earlier scan, where one is compared.

    Attributes
    ----------
    growth : Growth or None
        Since then; None where it was looked for on the earlier scan, and not found.
    are_days_typed : bool
        Whether a person gave the interval.
    verdict, probability
        What the selected model says of the earlier scan; None where it was not found.
    reference : Reference, optional
        The slice of the earlier scan.
    """

    growth: Growth | None
    are_days_typed: bool = False
    verdict: Verdict | None = None
    probability: float | None = None
    reference: Reference | None = None


@dataclass(frozen=True)
class Finding:
    """The answer on one nodule: what follows from a reading when one model is selected.

    Attributes
    ----------
    scan : Scan
    reading : Reading
        What was computed; where no nodule is recognised and the scores were not asked for anyway, as
        `Reading.without_nodule` leaves it.
    verdict : str
        ``indeterminate``: the models cannot tell; ``no_nodule``: none is recognised at this location.
    model : str
        The model asked for, or ``consensus``.
    title : Message or str
        Its name for people.
    probability : float or None
        Calibrated; of a malignant-looking rating, not of cancer. Without a nodule None, as is all that would
        be said of it, unless the scores were asked for anyway.
    threshold : float
        Operating point of that model: malignant from here on, where not indeterminate.
    models : tuple of ModelAnswer
        Always all five.
    characteristics : dict of str to (float or None)
        LIDC's descriptors on LIDC's scales.
    notices : tuple of Notice
        Of the reading and of the models, by weight.
    disagreement : float, optional
        Standard deviation of the five probabilities.
    reliability : Reliability, optional
        How far the verdict can be relied on at this size; None where that is not known.
    saliency : Saliency, optional
        Of the selected model; None where it was not computed.
    earlier : Earlier, optional
        What it was on an earlier scan; None where none is compared.
    candidates : tuple of Candidate
        All that the search found, where nobody said where to look: the first is the one that was read.
    size_errors : SizeErrors, optional
        How far sizes are off at this size; None where that is not known.
    name : str
        What it is called among the findings of a kept scan: F1, F2 ..., or as a reader named it.
    is_leading : bool
        Whether a reader marked it as the leading one of its scan: at most one is, and at first none.
    duplicate : int
        0 unless others of its scan were at the same location before it; then a number that none of them has.
    """

    scan: Scan
    reading: Reading
    verdict: Verdict
    model: str
    title: Message | str
    probability: float | None
    threshold: float
    models: tuple[ModelAnswer, ...]
    characteristics: dict[str, float | None]
    notices: tuple[Notice, ...]
    disagreement: float | None = None
    reliability: Reliability | None = None
    saliency: Saliency | None = None
    earlier: Earlier | None = None
    size_errors: SizeErrors | None = None
    candidates: tuple[Candidate, ...] = ()
    name: str = ""
    is_leading: bool = False
    duplicate: int = 0

    @property
    def volume_mm3(self) -> float | None:
        """Of the nodule; None where it was not measured."""
        return self.reading.volume_mm3

    @property
    def volume_relative_error(self) -> float | None:
        """By which share a volume of this size is typically off (median); None where that is not known."""
        return self._typical("volume_mm3")

    @property
    def long_axis_error_mm(self) -> float | None:
        """By how much a long axis of this size is typically off (median); None where that is not known."""
        return self._typical("long_axis_mm")

    def _typical(self, name: str) -> float | None:
        found = self.size_errors.errors.get(name) if self.size_errors else None
        return found.median if found else None

    @property
    def given(self) -> Roi:
        """What was asked for, which may lie elsewhere in the nodule than what was read."""
        return self.reading.given or self.reading.roi

    @property
    def patch(self) -> np.ndarray:
        """What the networks saw: (pixels, pixels, fields), float32, in [0, 1]."""
        roi = self.reading.roi
        return cut_patch(self.scan.slices[roi.slice], self.scan.spacing_mm, roi.row, roi.col)

    @property
    def summary(self) -> FindingSummary:
        """What a list of findings says of it."""
        return FindingSummary(
            self.given, self.model, self.title, self.verdict, self.headline, self.probability
        )

    @property
    def nodule_probability(self) -> float | None:
        """That there is a nodule at all; None where that cannot be told."""
        found = self.reading.recognition
        return None if found is None else found.probability

    @property
    def is_anyway(self) -> bool:
        """Whether no nodule is recognised, but its scores are given."""
        return self.verdict == "no_nodule" and self.probability is not None

    @property
    def is_mass(self) -> bool:
        """Whether it is too large for a nodule, by its long axis."""
        return is_mass(self.reading.long_axis_mm)

    @property
    def headline(self) -> str:
        """What the finding says in short, as a code: the verdict, or what is true of it at this size.

        ``mass``: large enough to be suspicious whatever the models say; ``benign_as_most``,
        ``malignant_as_most``: as most nodules of this size, and no more is known from the models;
        ``benign_for_nothing``, ``malignant_for_nothing``: unlike most of this size, but there the models'
        answers say nothing.
        """
        if self.is_mass and self.verdict == "indeterminate":
            return "mass"
        found = self.reliability
        if found is None or found.same is None or found.adds:
            return self.verdict
        return f"{self.verdict}_{'as_most' if found.most == self.verdict else 'for_nothing'}"
