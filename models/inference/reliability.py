"""What a verdict adds to what the size of a nodule says already, by counts of unseen nodules of that size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.clinical.mass import MASS_MM

SIZES_MM = ((0, 6), (6, 8), (8, 10), (10, 15), (15, 20), (20, MASS_MM), (MASS_MM, None))


@dataclass(frozen=True)
class SameVerdict:
    """The unseen nodules of a size that got one verdict.

    Attributes
    ----------
    nodules, malignant : int
        All of them, and those that radiologists had rated as malignant.
    low, high : float
        Exact 95 % interval of the share of these (Clopper and Pearson, Biometrika 26, 404, 1934).
    adds : bool
        Whether that interval ends below (of a malignant verdict, begins above) the share among all nodules of
        the size.
    """

    nodules: int
    malignant: int
    low: float
    high: float
    adds: bool


@dataclass(frozen=True)
class Reliability:
    """How reliable the verdicts of one model were on unseen nodules of one size.

    Attributes
    ----------
    size_mm : (float, float or None)
        From the first on, and up to the second or without end.
    nodules, malignant : int
        All of them, and those that radiologists had rated as malignant.
    recognised : int
        Of the latter, those that the model called malignant.
    same : SameVerdict, optional
        Those with the verdict that was given here; None where that is no verdict.
    """

    size_mm: tuple[float, float | None]
    nodules: int
    malignant: int
    recognised: int
    same: SameVerdict | None

    @property
    def adds(self) -> bool:
        """Whether the verdict says more than the size does."""
        return self.same is not None and self.same.adds

    @property
    def most(self) -> str:
        """What most nodules of the size were rated: ``benign`` or ``malignant``."""
        return "malignant" if 2 * self.malignant > self.nodules else "benign"


def group_of(diameter_mm: float) -> int:
    """Index into `SIZES_MM`; at an edge the larger one, but what has just `MASS_MM` is not a mass yet."""
    if diameter_mm == MASS_MM:
        return len(SIZES_MM) - 2
    return max(i for i, (low, _) in enumerate(SIZES_MM) if diameter_mm >= low)


def reliability_of(
    report: Mapping[str, Any], key: str, diameter_mm: float | None, verdict: str
) -> Reliability | None:
    """How reliable a verdict is at a size.

    Parameters
    ----------
    report : mapping
        Of ``reliability.json``; may be empty.
    key : str
        A model, or the consensus.
    diameter_mm : float or None
        The longest one, as LIDC's.
    verdict : str

    Returns
    -------
    Reliability or None
        None where the size is not known, or nothing was measured.
    """
    rows = report.get("models", {}).get(key)
    if not rows or diameter_mm is None:
        return None
    size = list(SIZES_MM[group_of(diameter_mm)])
    row = next((row for row in rows if row["size_mm"] == size), None)
    if row is None:
        return None
    same = row["verdicts"].get(verdict)
    return Reliability(
        tuple(row["size_mm"]),
        row["nodules"],
        row["malignant"],
        row["recognised"],
        same and SameVerdict(**{name: same[name] for name in SameVerdict.__annotations__}),
    )
