"""The calculators on the page of a finding: hints beside the fields, answers and errors in words."""

import re
from dataclasses import replace

import pytest

from models.clinical.terms import rounded
from models.inference.measurement.sizes import Measurement
from models.reports.calculators import calculators_of
from tests.reports.calculators.conftest import MEASURED
from tests.reports.calculators.forms import BROCK_FORM, FLEISCHNER, LUNG_RADS, UNSURE, Page, fields_of
from tests.reports.changed import changed


def test_nothing_is_filled_in_and_what_was_measured_stands_beside_it(finding, render):
    context = calculators_of(finding)
    assert all(not fields_of(context, form["key"], "value") for form in context["forms"])
    assert all(not field["value"] for field in (*context["patient"], *context["nodule"]))
    hints = fields_of(context, "brock", "hint") | fields_of(context, "lung_rads", "hint")
    assert hints["long_axis_mm"] == {"text": "14.2", "volume_mm3": None}
    assert hints["diameter_mm"] == {"text": "12.6", "volume_mm3": None}
    assert hints["spiculation"] == {"rating": 3.0}
    page = render(finding)
    assert "checked" not in page
    assert "selected" not in page
    assert not re.search(r'type="text"[^>]* value="[^"]', page)
    assert "Measured: 14.2 mm." in page
    assert "Measured: 12.6 mm." in page
    assert "3.0 on LIDC’s scale of 1 (none) to 5 (marked)" in Page(page).text


def test_the_volume_stands_beside_the_mean_diameter(finding, render):
    nodule = changed(finding, measurement=replace(MEASURED, volume_mm3=1047.4))
    assert "Measured: 12.6 mm (volume 1047 mm³)." in Page(render(nodule)).text


@pytest.mark.parametrize(
    ("mean_mm", "text", "fleischner"),
    [(5.44, "5.4", 5), (5.46, "5.46", 5), (5.4996, "5.4996", 5), (5.5, "5.5", 6), (12.6, "12.6", 13)],
)
def test_a_size_that_is_taken_over_is_rounded_once(finding, mean_mm, text, fleischner):
    nodule = changed(finding, measurement=replace(MEASURED, mean_diameter_mm=mean_mm))
    assert fields_of(calculators_of(nodule), "fleischner", "hint")["diameter_mm"]["text"] == text
    assert rounded(float(text)) == fleischner


@pytest.mark.parametrize("measurement", [None, Measurement(mean_hu=-20.0)])
def test_without_a_size_there_is_none_to_take(finding, measurement, render):
    nodule = changed(finding, measurement=measurement, characteristics={"spiculation": None})
    assert "data-take" not in render(nodule)


@pytest.mark.parametrize(
    ("texture", "rating", "hint", "words"),
    [
        ("part-solid", 3.1, ("part-solid", "part-solid", False), "By its density and by the models"),
        ("ground glass", 4.6, ("ground glass", "solid", True), "Not clear:"),
        ("solid", None, ("solid", None, False), "By its density it looks solid"),
        (None, 1.2, (None, "ground glass", False), "descriptor it looks ground glass"),
    ],
)
def test_the_kind_of_nodule_is_a_hint_and_never_filled_in(finding, texture, rating, hint, words, render):
    measured = replace(MEASURED, texture=texture)
    seen = replace(
        finding,
        reading=replace(finding.reading, measurement=measured),
        characteristics={"spiculation": 3.0, "texture": rating},
    )
    context = calculators_of(seen)
    for key in ("brock", "fleischner", "lung_rads"):
        assert "nodule_type" not in fields_of(context, key, "value")
        told = fields_of(context, key, "hint")["nodule_type"]
        assert (told["density"], told["models"], told["disagree"]) == hint
    assert Page(render(seen)).text.count(words) == 1


def test_a_value_is_a_measurement_as_long_as_it_says_the_same(finding, render):
    taken = calculators_of(finding, BROCK_FORM | {"long_axis_mm": "14.2"})
    assert fields_of(taken, "brock", "is_measured") == {"long_axis_mm": True}
    assert "Used here: if the outline is corrected" in render(finding, BROCK_FORM | {"long_axis_mm": "14.2"})
    assert fields_of(calculators_of(finding, BROCK_FORM), "brock", "is_measured") == {}


def test_every_form_is_closed_and_every_field_labelled(finding, render):
    page = Page(render(finding))
    assert [("open" in found) for found in page.all("details")] == [False] * 6
    labels = {found["for"] for found in page.all("label") if "for" in found}
    boxes = {found["id"] for tag in ("select", "input") for found in page.all(tag) if "id" in found}
    assert boxes == labels
    ids = [found["id"] for _, found in page.elements if "id" in found]
    assert len(ids) == len(set(ids))
    for _, found in page.elements:
        for reference in ("aria-describedby", "aria-labelledby"):
            assert set(found.get(reference, "").split()) <= set(ids)


def test_the_page_shows_result_and_inputs(finding, render):
    text = render(finding, BROCK_FORM)
    page = Page(text)
    assert [found["id"] for found in page.all("details") if "open" in found] == ["calculator-brock"]
    assert "3.09 % estimated risk of cancer" in page.text
    assert "Age (years): 62; Sex: Woman; Family history of lung cancer: No;" in page.text
    assert page.all("form", action="/scan/t/finding/1?model=vgg16#calculators", method="post")
    to = "/scan/t/finding/1?model=vgg16#brock-result"
    assert page.all("button", name="calculator", value="brock", formaction=to)
    assert page.all("div", id="brock-result", tabindex="-1")
    assert "Category 4A : suspicious Low-dose CT in 3 months." in Page(render(finding, LUNG_RADS)).text


def test_the_page_ties_an_error_to_its_field(finding, render):
    page = Page(render(finding, BROCK_FORM | {"age": '"old"', "upper_lobe": ""}))
    [age] = page.all("input", name="age", value='"old"')
    assert age["aria-invalid"] == "true"
    assert "asked-age-error" in age["aria-describedby"].split()
    [group] = page.all("fieldset", id="asked-upper_lobe")
    assert group["aria-invalid"] == "true"
    assert page.text.count("Please enter a number.") == 2  # at the top, and at the field


def test_each_answer_has_words_of_its_own(finding, render):
    forms = [
        LUNG_RADS | change
        for change in [{"exam": exam} for exam in ("prior_missing", "not_evaluable", "infection")]
        + [{"diameter_mm": size} for size in ("5", "7", "9", "16")]
        + [{"benign": "calcified_or_fat"}, {"suspicious": "yes"}]
    ]
    part_solid = {"nodule_type": "part-solid", "diameter_mm": "12"}
    forms += [
        FLEISCHNER | {"count": count, "high_risk": risk, "diameter_mm": size}
        for count in ("1", "2")
        for risk in ("low", "high")
        for size in ("5", "7", "9")
    ]
    forms += [FLEISCHNER | part_solid | {"solid_mm": size} for size in ("5", "7", "9")]
    forms += [
        FLEISCHNER | {"nodule_type": "ground glass", "count": count, "diameter_mm": size}
        for count in ("1", "2")
        for size in ("5", "7")
    ]
    sentences = set()
    for form in forms:
        page = render(finding, form)
        sentences.add(re.search(r'id="\w+-result" tabindex="-1">(.*?)<p class="inputs', page, re.DOTALL)[1])
    assert len(sentences) == 9 + 13


def test_another_language_says_each_case_in_its_own_order(finding, render):
    of_nodule = changed(finding, measurement=replace(MEASURED, volume_mm3=1047.4, texture="ground glass"))
    texts = [
        Page(render(of_nodule, form, growth=growth, language="de")).text
        for form, growth in [
            (
                LUNG_RADS | UNSURE | {"diameter_mm": "16"},
                {"change": "stable", "lung_rads": "x", "fleischner": "y"},
            ),
            (BROCK_FORM | {"age": "17"}, {"change": "new", "lung_rads": None, "fleischner": None}),
        ]
    ]
    assert "Falls Milchglas Kategorie 2: benigne. Screening mit Niedrigdosis-CT in 12 Monaten." in texts[0]
    assert "unter 6 mm: Kategorie 3: wahrscheinlich benigne. Niedrigdosis-CT in 6 Monaten." in texts[0]
    assert "Unten träfe „Stabil oder kleiner“ zu, sofern der Rundherd nicht" in texts[0]
    assert "Gemessen: 12,6 mm (Volumen 1047 mm³)." in texts[0]
    assert "Nach der Dichte: Milchglas; bitte prüfen." in texts[0]
    assert "Bitte geben Sie eine Zahl von 18 bis 110 ein." in texts[1]
    assert "Der Rundherd wurde dort gesucht und nicht gefunden; er kann neu sein." in texts[1]
    sent = re.findall(r'data-take="([^"]*)"', render(of_nodule, language="de"))
    assert sent == ["12.6", "14.2"]  # as they are sent, whatever the language


@pytest.mark.parametrize("key", ["brock", "mayo", "fleischner", "lung_rads"])
def test_an_empty_form_asks_for_what_is_missing(finding, key, render):
    page = Page(render(finding, {"calculator": key}))
    errors = fields_of(calculators_of(finding, {"calculator": key}), key, "error")
    assert len(page.all("p", **{"class": "field-error"})) == len(errors)
    links = {found["href"] for found in page.all("a", **{"class": "wrong"})}
    assert links == {f"#asked-{name}" for name in errors}
