"""Mayo model: risk that a solitary nodule without benign calcification is cancer.

Swensen et al., Arch. Intern. Med. 157, 849, 1997: nodules of 4 to 30 mm, in people without cancer in the five
years before.
"""

from dataclasses import dataclass

from models.clinical.terms import Refusal, logistic

INTERCEPT = -6.8272
AGE = 0.0391  # per year
EVER_SMOKED = 0.7917
EARLIER_CANCER = 1.3388  # outside the chest, more than five years ago
DIAMETER = 0.1274  # per mm
SPICULATION = 1.0407
UPPER_LOBE = 0.7838
LEAST_MM, MOST_MM = 4.0, 30.0
CANCER = ("none", "earlier", "chest", "recent")  # recent: within the last five years


@dataclass(frozen=True)
class Mayo:
    """What the model asks for.

    Attributes
    ----------
    age
        Years.
    cancer
        One of `CANCER`: none; outside the chest more than five years ago; in the chest more than five years
        ago; within the last five years.
    """

    age: float
    ever_smoked: bool
    cancer: str
    diameter_mm: float
    spiculation: bool
    upper_lobe: bool


def mayo(case: Mayo) -> float:
    """Risk in [0, 1] that the nodule is cancer.

    Raises
    ------
    Refusal
        ``recent_cancer``, ``chest_cancer``, ``under_4_mm`` or ``over_30_mm``.
    """
    if case.cancer == "chest":  # the model knows of cancer outside the chest only
        raise Refusal("chest_cancer")
    if case.cancer == "recent":
        raise Refusal("recent_cancer")
    if case.diameter_mm < LEAST_MM:
        raise Refusal("under_4_mm")
    if case.diameter_mm > MOST_MM:
        raise Refusal("over_30_mm")
    return logistic(
        INTERCEPT
        + AGE * case.age
        + EVER_SMOKED * case.ever_smoked
        + EARLIER_CANCER * (case.cancer == "earlier")
        + DIAMETER * case.diameter_mm
        + SPICULATION * case.spiculation
        + UPPER_LOBE * case.upper_lobe
    )
