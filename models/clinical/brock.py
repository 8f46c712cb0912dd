"""Brock (PanCan) model: risk that a nodule is cancer, the full model with spiculation.

McWilliams et al., N. Engl. J. Med. 369, 910, 2013. Made from nodules at a first screening CT, with their
longest diameter (van Riel et al., Eur. Radiol. 27, 4019, 2017); validated on nodules of routine CT, too
(Chung et al., Thorax 73, 857, 2018).
"""

from dataclasses import dataclass

from models.clinical.terms import logistic

INTERCEPT = -6.7892
AGE, MEAN_AGE = 0.0287, 62  # per year
FEMALE = 0.6011
FAMILY_HISTORY = 0.2961
EMPHYSEMA = 0.2953
SIZE, MEAN_SIZE = -5.3854, 1.58113883  # of (mm / 10) ** -0.5: 4 mm
TYPES = {"solid": 0.0, "part-solid": 0.377, "ground glass": -0.1276}
UPPER_LOBE = 0.6581
COUNT, MEAN_COUNT = -0.0824, 4  # per nodule
SPICULATION = 0.7729


@dataclass(frozen=True)
class Brock:
    """What the model asks for.

    Attributes
    ----------
    age
        Years.
    female, family_history, emphysema, upper_lobe, spiculation
        Family history: of lung cancer.
    diameter_mm
        Longest diameter.
    nodule_type
        One of `models.clinical.terms.NODULE_TYPES`.
    count
        Nodules in both lungs, this one included.
    """

    age: float
    female: bool
    family_history: bool
    emphysema: bool
    diameter_mm: float
    nodule_type: str
    upper_lobe: bool
    count: int
    spiculation: bool


def brock(case: Brock) -> float:
    """Risk in [0, 1] that the nodule is cancer."""
    return logistic(
        INTERCEPT
        + AGE * (case.age - MEAN_AGE)
        + FEMALE * case.female
        + FAMILY_HISTORY * case.family_history
        + EMPHYSEMA * case.emphysema
        + SIZE * ((case.diameter_mm / 10) ** -0.5 - MEAN_SIZE)
        + TYPES[case.nodule_type]
        + UPPER_LOBE * case.upper_lobe
        + COUNT * (case.count - MEAN_COUNT)
        + SPICULATION * case.spiculation
    )
