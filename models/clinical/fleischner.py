"""Fleischner Society 2017: what to do about nodules found by chance.

MacMahon et al., Radiology 284, 228, 2017: its table, and its text on part-solid nodules with a large solid
component. Sizes are the mean of long and short axis in whole millimetres, so that "smaller than 6 mm" means
5 mm or less. A nodule measures up to 3 cm (Hansell et al., Radiology 246, 697, 2008).
"""

from dataclasses import dataclass

from models.clinical.terms import Refusal, answered, rounded

LEAST_AGE = 35
MOST_MM = 30
SOLID = {  # (several, high risk): suggestions below 6 mm, for 6 to 8 mm, above 8 mm
    (False, False): ("none", "ct_6_12_maybe_18_24", "ct_3_or_pet_or_biopsy"),
    (False, True): ("maybe_ct_12", "ct_6_12_then_18_24", "ct_3_or_pet_or_biopsy"),
    (True, False): ("none", "ct_3_6_maybe_18_24", "ct_3_6_maybe_18_24"),
    (True, True): ("maybe_ct_12", "ct_3_6_then_18_24", "ct_3_6_then_18_24"),
}
GROUND_GLASS = ("none", "ct_6_12_then_every_2_years")  # single: below 6 mm, from 6 mm on
SUBSOLID_SEVERAL = ("ct_3_6_maybe_2_and_4_years", "ct_3_6_then_most_suspicious")


@dataclass(frozen=True)
class Fleischner:
    """What the guideline asks for.

    Attributes
    ----------
    age
        Years.
    incidental
        Found by chance, not in screening.
    cancer, immunosuppressed
        Cancer known now or earlier; weakened immune system.
    nodule_type
        One of `models.clinical.terms.NODULE_TYPES`.
    several
        More than one nodule; the size is then that of the most suspicious one.
    diameter_mm
        Mean of long and short axis.
    solid_mm
        The same of the solid component; only asked for a part-solid nodule.
    high_risk
        Only asked for a solid nodule: for subsolid ones the advice does not depend on it.
    """

    age: float
    incidental: bool
    cancer: bool
    immunosuppressed: bool
    nodule_type: str
    several: bool
    diameter_mm: float
    solid_mm: float | None = None
    high_risk: bool | None = None


def fleischner(case: Fleischner) -> str:
    """The code of the guideline's suggestion.

    Raises
    ------
    Refusal
        ``not_incidental``, ``under_35``, ``known_cancer``, ``immunosuppressed`` or ``over_30_mm``.
    """
    size = rounded(case.diameter_mm)
    reasons = {
        "not_incidental": not case.incidental,
        "under_35": case.age < LEAST_AGE,
        "known_cancer": case.cancer,
        "immunosuppressed": case.immunosuppressed,
        "over_30_mm": size > MOST_MM,
    }
    for code, holds in reasons.items():
        if holds:
            raise Refusal(code)
    if case.nodule_type == "solid":
        return SOLID[case.several, answered(case.high_risk)][(size >= 6) + (size > 8)]
    if case.several:
        return SUBSOLID_SEVERAL[size >= 6]
    if case.nodule_type == "ground glass":
        return GROUND_GLASS[size >= 6]
    return _part_solid(size, case.solid_mm)


def _part_solid(size: float, solid_mm: float | None) -> str:
    """A single one: below 6 mm such a nodule cannot be told as part-solid."""
    if size < 6:
        return "none"
    solid = rounded(answered(solid_mm))
    if solid < 6:
        return "ct_3_6_then_yearly"
    return "ct_3_6_highly_suspicious" if solid <= 8 else "pet_or_biopsy_or_resection"
