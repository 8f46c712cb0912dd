"""Every cell of the table of MacMahon et al., Radiology 284, 228, 2017, and its limits."""

from dataclasses import replace

import pytest

from models.clinical.fleischner import Fleischner, fleischner
from models.clinical.terms import Refusal

CASE = Fleischner(
    age=60,
    incidental=True,
    cancer=False,
    immunosuppressed=False,
    nodule_type="solid",
    several=False,
    diameter_mm=7,
    high_risk=False,
)


@pytest.mark.parametrize(
    ("several", "high_risk", "small", "middle", "large"),
    [
        (False, False, "none", "ct_6_12_maybe_18_24", "ct_3_or_pet_or_biopsy"),
        (False, True, "maybe_ct_12", "ct_6_12_then_18_24", "ct_3_or_pet_or_biopsy"),
        (True, False, "none", "ct_3_6_maybe_18_24", "ct_3_6_maybe_18_24"),
        (True, True, "maybe_ct_12", "ct_3_6_then_18_24", "ct_3_6_then_18_24"),
    ],
)
def test_solid_nodules(several, high_risk, small, middle, large):
    case = replace(CASE, several=several, high_risk=high_risk)
    sizes = (2, 5.4, 5.5, 6, 8, 8.4, 8.5, 30)  # rounded to whole millimetres first
    suggestions = [fleischner(replace(case, diameter_mm=size)) for size in sizes]
    assert suggestions == [small, small, middle, middle, middle, middle, large, large]


@pytest.mark.parametrize(
    ("diameter_mm", "solid_mm", "single", "several"),
    [
        (5.4, 3, "none", "ct_3_6_maybe_2_and_4_years"),
        (6, 2, "ct_3_6_then_yearly", "ct_3_6_then_most_suspicious"),
        (20, 5.4, "ct_3_6_then_yearly", "ct_3_6_then_most_suspicious"),
        (20, 5.5, "ct_3_6_highly_suspicious", "ct_3_6_then_most_suspicious"),
        (20, 8.4, "ct_3_6_highly_suspicious", "ct_3_6_then_most_suspicious"),
        (20, 8.5, "pet_or_biopsy_or_resection", "ct_3_6_then_most_suspicious"),
    ],
)
def test_part_solid_nodules(diameter_mm, solid_mm, single, several):
    case = replace(CASE, nodule_type="part-solid", diameter_mm=diameter_mm, solid_mm=solid_mm, high_risk=None)
    assert fleischner(case) == single
    assert fleischner(replace(case, several=True)) == several


@pytest.mark.parametrize(
    ("diameter_mm", "single", "several"),
    [
        (5.4, "none", "ct_3_6_maybe_2_and_4_years"),
        (5.5, "ct_6_12_then_every_2_years", "ct_3_6_then_most_suspicious"),
        (30, "ct_6_12_then_every_2_years", "ct_3_6_then_most_suspicious"),
    ],
)
def test_ground_glass_nodules(diameter_mm, single, several):
    case = replace(CASE, nodule_type="ground glass", diameter_mm=diameter_mm, high_risk=None)
    assert fleischner(case) == single
    assert fleischner(replace(case, several=True)) == several


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"incidental": False}, "not_incidental"),
        ({"age": 34}, "under_35"),
        ({"cancer": True}, "known_cancer"),
        ({"immunosuppressed": True}, "immunosuppressed"),
        ({"diameter_mm": 30.5}, "over_30_mm"),
    ],
)
def test_it_refuses_what_it_is_not_for(change, code):
    with pytest.raises(Refusal) as refused:
        fleischner(replace(CASE, **change))
    assert refused.value.code == code


def test_it_applies_from_35_on():
    assert fleischner(replace(CASE, age=35)) == "ct_6_12_maybe_18_24"
