"""Lung-RADS v2022: category of one nodule in lung cancer screening, and what follows.

American College of Radiology, November 2022 (Christensen et al., J. Am. Coll. Radiol. 21, 473, 2024). Sizes
are means of long and short axis to one decimal. Airway nodules and atypical cysts have lines of their own in
the table, which are left out. A part-solid nodule grows if its solid component is new or grows.
"""

from dataclasses import dataclass
from math import inf

from models.clinical.terms import Refusal, answered, rounded

BY_SIZE = {  # (what is measured, change): (below this many mm, category), ...
    ("solid", "baseline"): ((6, "2"), (8, "3"), (15, "4A"), (inf, "4B")),
    ("solid", "new"): ((4, "2"), (6, "3"), (8, "4A"), (inf, "4B")),
    ("solid", "growing"): ((8, "4A"), (inf, "4B")),
    ("component", "baseline"): ((6, "3"), (8, "4A"), (inf, "4B")),
    ("component", "new"): ((4, "4A"), (inf, "4B")),
    ("component", "growing"): ((4, "4A"), (inf, "4B")),
    ("ground glass", "baseline"): ((30, "2"), (inf, "3")),
    ("ground glass", "new"): ((30, "2"), (inf, "3")),
    ("ground glass", "growing"): ((30, "2"), (inf, None)),  # the table has no line for it
}
SMALL_PART_SOLID = {"baseline": "2", "new": "3"}  # below 6 mm in all
AFTER_NO_GROWTH = {"2": "2", "3": "2", "4A": "3"}  # by the category before
EXAMS = ("complete", "prior_missing", "not_evaluable", "infection")
BENIGN = ("no", "calcified_or_fat", "juxtapleural")
CHANGES = ("baseline", "new", "growing", "crossed", "slow", "stable")
PREVIOUS = ("2", "3", "4A", "4B")  # 1 counts as 2, 4X as 4B
MANAGEMENT = {
    "1": "ldct_12",
    "2": "ldct_12",
    "3": "ldct_6",
    "4A": "ldct_3",
    "4B": "workup",
    "4X": "workup",
}
INCOMPLETE = {"prior_missing": "compare", "not_evaluable": "more_images", "infection": "ldct_1_3"}
PET_FROM_MM = 8


@dataclass(frozen=True)
class LungRads:
    """What the categories ask for.

    Attributes
    ----------
    exam
        One of `EXAMS`: complete; an earlier CT is being located; lungs not wholly evaluable; looks like
        infection or inflammation.
    nodule_type
        One of `models.clinical.terms.NODULE_TYPES`.
    diameter_mm
        Mean of long and short axis.
    solid_mm
        The same of the solid component; only asked for a part-solid nodule.
    benign
        One of `BENIGN`: no; complete, central, popcorn or concentric ring calcification, or fat;
        juxtapleural, smooth, and oval, lentiform or triangular (counts for solid nodules only).
    change
        One of `CHANGES`: first screening CT; new; grown by more than 1.5 mm within 12 months; grown by less
        but across a size limit; grown over several CTs by no more than that; stable or smaller.
    previous
        One of `PREVIOUS`: the category before; only asked where stable.
    spiculation, suspicious
        Spiculation; other features that raise suspicion.
    """

    screening: bool
    exam: str
    nodule_type: str
    diameter_mm: float
    benign: str
    change: str
    spiculation: bool
    suspicious: bool
    solid_mm: float | None = None
    previous: str | None = None


@dataclass(frozen=True)
class Category:
    """``category``: 0, 1, 2, 3, 4A, 4B or 4X; ``management``: a code; ``pet``: PET/CT may be considered."""

    category: str
    management: str
    pet: bool = False


def lung_rads(case: LungRads) -> Category:
    """Category and management.

    Raises
    ------
    Refusal
        ``not_screening``; ``after_4b``: the category depends on the diagnostic work-up; ``no_line``: the
        table does not say.
    """
    if not case.screening:
        raise Refusal("not_screening")
    if case.exam != "complete":
        return Category("0", INCOMPLETE[case.exam])
    category = _by_nodule(case)
    if (case.spiculation or case.suspicious) and category not in ("1", "2"):
        category = "4X"
    solid_mm = {"solid": case.diameter_mm, "part-solid": case.solid_mm}.get(case.nodule_type, 0)
    pet = category.startswith("4") and rounded(answered(solid_mm), 1) >= PET_FROM_MM
    return Category(category, MANAGEMENT[category], pet)


def _by_nodule(case: LungRads) -> str:
    """The category before features that raise suspicion are counted."""
    size = rounded(case.diameter_mm, 1)
    if case.benign == "calcified_or_fat":
        return "1"
    lymph_node = case.benign == "juxtapleural" and case.nodule_type == "solid" and size < 10
    if lymph_node and case.change in ("baseline", "new"):
        return "2"
    if case.change == "stable":
        return _without_growth(case)
    if case.change == "slow":
        return "2" if case.nodule_type == "ground glass" else "4B"
    return _by_size(case, size, "baseline" if case.change == "crossed" else case.change)


def _without_growth(case: LungRads) -> str:
    if case.previous == "4B":
        raise Refusal("after_4b")
    return "2" if case.nodule_type == "ground glass" else AFTER_NO_GROWTH[answered(case.previous)]


def _by_size(case: LungRads, size: float, change: str) -> str:
    measured = case.nodule_type
    if case.nodule_type == "part-solid":
        if size < 6 and change in SMALL_PART_SOLID:
            return SMALL_PART_SOLID[change]
        measured, size = "component", rounded(answered(case.solid_mm), 1)
    category = next(category for below, category in BY_SIZE[measured, change] if size < below)
    if category is None:
        raise Refusal("no_line")
    return category
