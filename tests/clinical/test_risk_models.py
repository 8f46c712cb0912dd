"""Brock and Mayo against published values."""

from dataclasses import replace
from math import exp, log

import pytest

from models.clinical.brock import Brock, brock
from models.clinical.mayo import Mayo, mayo
from models.clinical.terms import Refusal

WOMAN = Brock(  # 62 years, 8 mm, solid, lower lobe, one nodule, no other risk
    age=62,
    female=True,
    family_history=False,
    emphysema=False,
    diameter_mm=8,
    nodule_type="solid",
    upper_lobe=False,
    count=1,
    spiculation=False,
)
SMOKER = Mayo(age=65, ever_smoked=True, cancer="none", diameter_mm=12, spiculation=False, upper_lobe=True)


def odds(probability):
    return probability / (1 - probability)


def test_brock_of_the_published_woman():
    assert round(100 * brock(WOMAN), 2) == 3.09


def test_mayo_of_the_published_smoker():
    assert round(100 * mayo(SMOKER), 1) == 23.5


@pytest.mark.parametrize(
    "case",
    [
        WOMAN,
        Brock(71, False, True, True, 14.5, "part-solid", True, 3, True),
        Brock(50, False, False, True, 5, "ground glass", True, 9, False),
    ],
)
def test_brock_agrees_with_its_uncentred_form(case):
    """Uthoff et al., Eur. Radiol. 29, 5367, 2019, table 2: nothing subtracted, another intercept."""
    x = 0.2761 + 0.0287 * case.age + 0.6011 * case.female + 0.2961 * case.family_history
    x += 0.2953 * case.emphysema + 0.6581 * case.upper_lobe + 0.7729 * case.spiculation - 0.0824 * case.count
    x += {"solid": 0, "part-solid": 0.377, "ground glass": -0.1276}[case.nodule_type]
    x -= 5.3854 * (case.diameter_mm / 10) ** -0.5
    assert log(odds(brock(case))) == pytest.approx(x, abs=1e-4)


@pytest.mark.parametrize(
    ("change", "log_odds_ratio"),
    [
        ({"age": 75}, 10 * 0.0391),
        ({"ever_smoked": False}, -0.7917),
        ({"cancer": "earlier"}, 1.3388),
        ({"diameter_mm": 20}, 8 * 0.1274),
        ({"spiculation": True}, 1.0407),
        ({"upper_lobe": False}, -0.7838),
    ],
)
def test_what_each_finding_adds_in_mayo(change, log_odds_ratio):
    """Swensen et al., 1997; the same in Uthoff et al., 2019, table 2."""
    ratio = odds(mayo(replace(SMOKER, **change))) / odds(mayo(SMOKER))
    assert ratio == pytest.approx(exp(log_odds_ratio))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"cancer": "recent"}, "recent_cancer"),
        ({"diameter_mm": 3.9}, "under_4_mm"),
        ({"diameter_mm": 30.1}, "over_30_mm"),
    ],
)
def test_mayo_refuses_what_it_was_not_made_for(change, code):
    with pytest.raises(Refusal) as refused:
        mayo(replace(SMOKER, **change))
    assert refused.value.code == code


@pytest.mark.parametrize("diameter_mm", [4, 30])
def test_mayo_reaches_to_its_limits(diameter_mm):
    assert 0 < mayo(replace(SMOKER, diameter_mm=diameter_mm)) < 1
