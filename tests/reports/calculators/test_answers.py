"""What the calculators answer to a form, refuse to answer, or find wrong in it."""

import re

import pytest

from models.reports.calculators import calculators_of
from tests.reports.calculators.forms import (
    BROCK_FORM,
    FLEISCHNER,
    LUNG_RADS,
    MAYO,
    UNSURE,
    Page,
    fields_of,
    form_of,
)


def test_nothing_is_calculated_before_a_form_is_sent(finding):
    context = calculators_of(finding)
    assert context["asked"] is None
    assert [(form["answer"], form["refusal"]) for form in context["forms"]] == [(None, None)] * 4
    assert all(not fields_of(context, form["key"], "error") for form in context["forms"])


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        (BROCK_FORM, {"percent": pytest.approx(3.086, abs=1e-3)}),
        (MAYO, {"percent": pytest.approx(23.480, abs=1e-3)}),
        (FLEISCHNER, {"suggestion": "ct_6_12_maybe_18_24"}),
        (LUNG_RADS, {"category": "4A", "management": "ldct_3", "pet": True}),
    ],
)
def test_only_the_form_that_was_sent_is_answered(finding, form, answer):
    context = calculators_of(finding, form)
    answers = {shown["key"]: shown["answer"] for shown in context["forms"]}
    assert answers.pop(form["calculator"]) == answer
    assert list(answers.values()) == [None] * 3
    sent = {name: text for name, text in form.items() if name != "calculator"}
    assert fields_of(context, form["calculator"], "value") == sent


def test_an_unknown_calculator_answers_nothing(finding):
    context = calculators_of(finding, BROCK_FORM | {"calculator": "astrology"})
    assert context["asked"] is None
    assert [(form["answer"], form["refusal"], form["wrong"]) for form in context["forms"]] == [
        (None, None, [])
    ] * 4


@pytest.mark.parametrize(
    ("form", "code"),
    [
        (MAYO | {"cancer": "recent"}, "recent_cancer"),
        (MAYO | {"cancer": "chest"}, "chest_cancer"),
        (MAYO | {"long_axis_mm": "3,9"}, "under_4_mm"),
        (MAYO | {"long_axis_mm": "30.1"}, "over_30_mm"),
        (FLEISCHNER | {"reason": "screening"}, "not_incidental"),
        (FLEISCHNER | {"reason": "other"}, "not_incidental"),
        (FLEISCHNER | {"age": "34"}, "under_35"),
        (FLEISCHNER | {"cancer": "earlier"}, "known_cancer"),
        (FLEISCHNER | {"cancer": "chest"}, "known_cancer"),
        (FLEISCHNER | {"immunosuppressed": "yes"}, "immunosuppressed"),
        (FLEISCHNER | {"diameter_mm": "31"}, "over_30_mm"),
        (LUNG_RADS | {"reason": "incidental"}, "not_screening"),
        (LUNG_RADS | {"reason": "incidental", "nodule_type": "unsure"}, "not_screening"),
        (LUNG_RADS | {"change": "stable", "previous": "4B"}, "after_4b"),
        (LUNG_RADS | {"nodule_type": "ground glass", "change": "growing", "diameter_mm": "30"}, "no_line"),
    ],
)
def test_refusals_have_a_code_and_a_sentence(finding, form, code, render):
    shown = form_of(calculators_of(finding, form), form["calculator"])
    assert (shown["answer"], shown["refusal"]) == (None, code)
    page = render(finding, form)
    [sentence] = re.findall(rf'data-code="{code}">\s*<p>(.+?)</p>', page)
    assert len(sentence) > 40


@pytest.mark.parametrize(
    ("form", "errors"),
    [
        (BROCK_FORM | {"age": ""}, {"age": "missing"}),
        (BROCK_FORM | {"age": "old"}, {"age": "not_a_number"}),
        (BROCK_FORM | {"age": "nan"}, {"age": "not_a_number"}),
        (BROCK_FORM | {"age": "17"}, {"age": "out_of_range"}),
        (BROCK_FORM | {"age": "62.5"}, {"age": "not_whole"}),
        (BROCK_FORM | {"long_axis_mm": "0"}, {"long_axis_mm": "out_of_range"}),
        (BROCK_FORM | {"nodule_type": "liquid"}, {"nodule_type": "not_a_choice"}),
        (FLEISCHNER | {"high_risk": ""}, {"high_risk": "missing"}),
        (FLEISCHNER | {"high_risk": "", "nodule_type": "unsure"}, {"high_risk": "missing"}),
        (FLEISCHNER | {"nodule_type": "part-solid"}, {"solid_mm": "missing"}),
        (FLEISCHNER | {"nodule_type": "part-solid", "solid_mm": "7.5"}, {"solid_mm": "solid_larger"}),
        (LUNG_RADS | {"change": "stable"}, {"previous": "missing"}),
        ({"calculator": "mayo"}, dict.fromkeys(MAYO.keys() - {"calculator"}, "missing")),
    ],
)
def test_a_field_that_is_wrong_says_so_and_keeps_its_text(finding, form, errors):
    context = calculators_of(finding, form)
    shown = form_of(context, form["calculator"])
    assert fields_of(context, form["calculator"], "error") == errors
    assert (shown["answer"], shown["refusal"]) == (None, None)
    kept = {name: text for name, text in form.items() if text and name != "calculator"}
    assert fields_of(context, form["calculator"], "value") == kept


def test_a_question_that_does_not_concern_the_nodule_may_stay_open(finding):
    form = FLEISCHNER | {"nodule_type": "ground glass", "high_risk": ""}
    answer = form_of(calculators_of(finding, form), "fleischner")["answer"]
    assert answer == {"suggestion": "ct_6_12_then_every_2_years"}


def kinds_of(finding, form):
    """Of a form whose kind of nodule is unsure: for each kind the categories or suggestions."""
    answer = form_of(calculators_of(finding, form), form["calculator"])["answer"]
    what = {"brock": "percent", "fleischner": "suggestion", "lung_rads": "category"}[form["calculator"]]
    return {
        kind["kind"]: [given.get(what, given.get("refusal")) for given in kind["answers"]]
        for kind in answer["kinds"]
    }


def test_lung_rads_says_what_it_would_for_each_kind(finding, render):
    assert kinds_of(finding, LUNG_RADS | UNSURE | {"diameter_mm": "16"}) == {
        "solid": ["4B"],
        "part-solid": ["3", "4A", "4B"],
        "ground glass": ["2"],
    }
    assert kinds_of(finding, LUNG_RADS | UNSURE | {"diameter_mm": "16", "solid_mm": "6"}) == {
        "solid": ["4B"],
        "part-solid": ["4A"],
        "ground glass": ["2"],
    }
    assert kinds_of(finding, LUNG_RADS | UNSURE | {"diameter_mm": "31", "change": "growing"}) == {
        "solid": ["4B"],
        "part-solid": ["4A", "4B", "4B"],  # PET/CT from 8 mm on
        "ground glass": ["no_line"],
    }
    page = Page(render(finding, LUNG_RADS | UNSURE | {"diameter_mm": "16"}))
    assert "If ground glass Category 2: benign. Screening low-dose CT in 12 months." in page.text
    assert "If part-solid By the mean diameter of the solid part: below 6 mm: Category 3:" in page.text
    assert "from 6 mm: Category 4A: suspicious." in page.text
    assert "from 8 mm: Category 4B: very suspicious." in page.text


def test_fleischner_and_brock_say_what_they_would_for_each_kind(finding):
    assert kinds_of(finding, FLEISCHNER | UNSURE | {"diameter_mm": "9"}) == {
        "solid": ["ct_3_or_pet_or_biopsy"],
        "part-solid": ["ct_3_6_then_yearly", "ct_3_6_highly_suspicious", "pet_or_biopsy_or_resection"],
        "ground glass": ["ct_6_12_then_every_2_years"],
    }
    percents = kinds_of(finding, BROCK_FORM | UNSURE)
    assert percents["solid"] == [pytest.approx(3.086, abs=1e-3)]
    assert percents["part-solid"] == [pytest.approx(4.437, abs=1e-3)]
    assert percents["ground glass"] == [pytest.approx(2.727, abs=1e-3)]


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        (FLEISCHNER | {"diameter_mm": "4"}, {"suggestion": "none"}),
        (LUNG_RADS | {"exam": "infection"}, {"category": "0", "management": "ldct_1_3", "pet": False}),
        (
            LUNG_RADS | {"benign": "calcified_or_fat"},
            {"category": "1", "management": "ldct_12", "pet": False},
        ),
    ],
)
def test_where_the_kind_makes_no_difference_it_is_not_told_apart(finding, form, answer):
    assert form_of(calculators_of(finding, form | UNSURE), form["calculator"])["answer"] == answer
