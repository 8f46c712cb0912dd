"""Results and answers that are kept, and how they follow what is measured and known of the patient now."""

from dataclasses import replace

import pytest

from models.clinical.forms import FIELDS
from models.reports.calculators import (
    Calculated,
    OfNodule,
    Remembered,
    answers_in,
    at_present,
    calculators_of,
    kept_result,
)
from tests.reports.calculators.conftest import MEASURED
from tests.reports.calculators.forms import BROCK_FORM, FLEISCHNER, MAYO, Page, fields_of, form_of
from tests.reports.changed import changed

KEPT = Calculated("brock", {name: text for name, text in BROCK_FORM.items() if name != "calculator"})


def test_a_result_is_kept_with_the_answers_that_count(finding):
    form = FLEISCHNER | {
        "nodule_type": "ground glass",
        "diameter_mm": "12.6",
        "form_token": "x",
        "model": "y",
    }
    kept = kept_result(finding, form | {"solid_mm": "7", "upper_lobe": "yes"})
    assert kept.key == "fleischner"
    assert kept.measured == ("diameter_mm",)
    assert kept.fields == {
        name: text for name, text in form.items() if name in FIELDS and name != "high_risk"
    }


@pytest.mark.parametrize("form", [BROCK_FORM | {"age": ""}, BROCK_FORM | {"calculator": "x"}, {}])
def test_without_a_result_nothing_is_kept(finding, form):
    assert kept_result(finding, form) is None


def test_a_refusal_is_kept_too(finding):
    assert kept_result(finding, MAYO | {"cancer": "recent"}).key == "mayo"


def test_a_kept_result_is_shown_with_what_it_rests_on(finding, render):
    page = Page(render(finding, None, Remembered({}, OfNodule(), (KEPT,))))
    assert "3.09 % estimated risk of cancer Age (years): 62; Sex: Woman;" in page.text
    assert page.all("button", name="take_back", value="brock")
    assert [found["id"] for found in page.all("details") if "open" in found] == ["calculator-brock"]


def test_a_kept_result_follows_what_is_measured_now(finding):
    form = BROCK_FORM | {"long_axis_mm": "14.2"}
    kept = kept_result(finding, form)
    patient, nodule = answers_in(finding, form)
    larger = changed(finding, measurement=replace(MEASURED, long_axis_mm=20.04))
    now = at_present(larger, Remembered(patient, nodule, (kept,)))
    assert now.calculated == (Calculated("brock", kept.fields | {"long_axis_mm": "20.0"}, ("long_axis_mm",)),)
    assert now.nodule.fields == nodule.fields | {"long_axis_mm": "20.0"}
    before, after = (
        form_of(calculators_of(seen, None, None, remembered), "brock")["answer"]["percent"]
        for seen, remembered in ((finding, Remembered(patient, nodule, (kept,))), (larger, now))
    )
    assert (before, after) == (pytest.approx(12.508, abs=1e-3), pytest.approx(22.550, abs=1e-3))


def test_a_typed_size_is_the_readers_own_and_stays(finding):
    larger = changed(finding, measurement=replace(MEASURED, long_axis_mm=20.04))
    assert at_present(larger, Remembered({}, OfNodule(), (KEPT,))).calculated == (KEPT,)


def test_a_result_goes_with_the_size_that_it_took(finding):
    kept = kept_result(finding, BROCK_FORM | {"long_axis_mm": "14.2"})
    patient, nodule = answers_in(finding, BROCK_FORM | {"long_axis_mm": "14.2"})
    gone = changed(finding, measurement=None)
    now = at_present(gone, Remembered(patient, nodule, (kept, KEPT)))
    assert now.calculated == (KEPT,)
    assert "long_axis_mm" not in now.nodule.fields


def test_a_kept_result_follows_the_patients_data(finding):
    now = at_present(finding, Remembered({"age": "70", "immunosuppressed": "no"}, OfNodule(), (KEPT,)))
    assert now.calculated == (Calculated("brock", KEPT.fields | {"age": "70"}),)


def test_what_answers_no_question_is_not_remembered(finding):
    form = BROCK_FORM | {"age": "<script>", "female": "other", "exam": "complete", "long_axis_mm": "14.2"}
    patient, nodule = answers_in(finding, form | {"name": "Doe"})
    assert patient == {"family_history": "no", "emphysema": "no", "count": "1"}
    assert nodule.measured == ("long_axis_mm",)
    assert nodule.fields == {
        "long_axis_mm": "14.2",
        "nodule_type": "solid",
        "spiculation": "no",
        "upper_lobe": "no",
        "exam": "complete",
    }


def test_what_was_answered_once_is_there_in_all_four(finding, render):
    patient, nodule = answers_in(finding, BROCK_FORM | {"reason": "screening"})
    context = calculators_of(finding, None, None, Remembered(patient, nodule))
    assert fields_of(context, "mayo", "value") == {
        "age": "62",
        "long_axis_mm": "8",
        "spiculation": "no",
        "upper_lobe": "no",
    }
    assert fields_of(context, "fleischner", "value")["age"] == "62"
    assert fields_of(context, "lung_rads", "value")["reason"] == "screening"
    page = Page(render(finding, None, Remembered(patient, nodule)))
    assert len(page.all("input", name="age")) == 1
    assert len(page.all("span", **{"data-value-of": "age"})) == 3
