import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pytest

from models.imaging.phantom import draw_phantom
from models.imaging.scan import locate
from models.inference.finding import Finding
from models.inference.measurement.sizes import Measurement
from models.inference.reading import Reading
from models.ingest.read import read_scan
from models.reports.calculators import calculators_of
from tests.conftest import encode
from tests.reports.changed import changed

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
MEASURED = Measurement(14.24, 10.96, 12.6, 12.1, -35.4, "part-solid")
BROCK_FORM = {
    "calculator": "brock",
    "age": "62",
    "female": "woman",
    "family_history": "no",
    "emphysema": "no",
    "diameter_mm": "8",
    "nodule_type": "solid",
    "spiculation": "no",
    "upper_lobe": "no",
    "count": "1",
}
MAYO = {
    "calculator": "mayo",
    "age": "65",
    "ever_smoked": "yes",
    "cancer": "none",
    "diameter_mm": "12",
    "spiculation": "no",
    "upper_lobe": "yes",
}
FLEISCHNER = {
    "calculator": "fleischner",
    "incidental": "yes",
    "age": "60",
    "cancer": "no",
    "immunosuppressed": "no",
    "diameter_mm": "7",
    "nodule_type": "solid",
    "several": "one",
    "high_risk": "low",
}
LUNG_RADS = {
    "calculator": "lung_rads",
    "screening": "yes",
    "exam": "complete",
    "diameter_mm": "9,0",
    "nodule_type": "solid",
    "change": "baseline",
    "benign": "no",
    "spiculation": "no",
    "suspicious": "no",
}


@pytest.fixture(scope="module")
def finding():
    scan = read_scan([("a.png", encode(draw_phantom("smooth")))])
    return Finding(
        scan=scan,
        reading=Reading(locate(scan), {}, (), "0123", measurement=MEASURED),
        verdict="malignant",
        model="vgg16",
        title="VGG16",
        probability=0.9,
        threshold=0.5,
        models=(),
        characteristics={"spiculation": 3.0},
        notices=(),
    )


def form_of(context, key):
    return next(form for form in context["forms"] if form["key"] == key)


def fields_of(context, key, what):
    return {field["name"]: field[what] for field in form_of(context, key)["fields"] if field[what]}


def render(finding, form=None):
    """Strictly: a code that the tables of words do not have is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.globals["form_token"] = lambda: "token"  # the app's own, tested with the gate
    template = environment.get_template("result/_calculators.html")
    calculators = calculators_of(finding, form)
    return template.render(calculators=calculators, finding=finding, here_now="/scan/t/finding/1?model=vgg16")


class Page(HTMLParser):
    """Elements of a page as (tag, attributes), and the texts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag, **attributes):
        return [found for name, found in self.elements if name == tag and attributes.items() <= found.items()]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def test_what_was_measured_is_filled_in_and_nothing_else(finding):
    context = calculators_of(finding)
    assert fields_of(context, "brock", "value") == {"diameter_mm": "14.2", "spiculation": "yes"}
    assert fields_of(context, "mayo", "value") == {"diameter_mm": "14.2", "spiculation": "yes"}
    assert fields_of(context, "fleischner", "value") == {"diameter_mm": "13"}
    assert fields_of(context, "lung_rads", "value")["diameter_mm"] == "12.6"
    assert fields_of(context, "brock", "known") == {
        "diameter_mm": "measured",
        "spiculation": "estimate",
    }


def test_a_size_for_fleischner_is_rounded_once(finding):
    nodule = changed(finding, measurement=replace(MEASURED, mean_diameter_mm=5.46))
    context = calculators_of(nodule)
    assert fields_of(context, "fleischner", "value")["diameter_mm"] == "5"
    assert fields_of(context, "lung_rads", "value")["diameter_mm"] == "5.5"


@pytest.mark.parametrize(("rating", "expected"), [(1.0, "no"), (2.99, "no"), (3.0, "yes"), (4.8, "yes")])
def test_spiculation_counts_from_the_middle_of_its_scale(finding, rating, expected):
    context = calculators_of(replace(finding, characteristics={"spiculation": rating}))
    assert fields_of(context, "mayo", "value")["spiculation"] == expected


@pytest.mark.parametrize("measurement", [None, Measurement(mean_hu=-20.0)])
def test_without_a_size_nothing_is_guessed(finding, measurement):
    nodule = changed(finding, measurement=measurement, characteristics={"spiculation": None})
    context = calculators_of(nodule)
    assert all(not fields_of(context, form["key"], "value") for form in context["forms"])


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


def test_an_unknown_calculator_is_none(finding):
    assert calculators_of(finding, BROCK_FORM | {"calculator": "astrology"}) == calculators_of(finding)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        (MAYO | {"cancer": "recent"}, "recent_cancer"),
        (MAYO | {"diameter_mm": "3,9"}, "under_4_mm"),
        (MAYO | {"diameter_mm": "30.1"}, "over_30_mm"),
        (FLEISCHNER | {"incidental": "no"}, "not_incidental"),
        (FLEISCHNER | {"age": "34"}, "under_35"),
        (FLEISCHNER | {"cancer": "yes"}, "known_cancer"),
        (FLEISCHNER | {"immunosuppressed": "yes"}, "immunosuppressed"),
        (FLEISCHNER | {"diameter_mm": "31"}, "over_30_mm"),
        (LUNG_RADS | {"screening": "no"}, "not_screening"),
        (LUNG_RADS | {"change": "stable", "previous": "4B"}, "after_4b"),
        (LUNG_RADS | {"nodule_type": "ground glass", "change": "growing", "diameter_mm": "30"}, "no_line"),
    ],
)
def test_refusals_have_a_code_and_a_sentence(finding, form, code):
    shown = form_of(calculators_of(finding, form), form["calculator"])
    assert (shown["answer"], shown["refusal"]) == (None, code)
    page = render(finding, form)
    [sentence] = re.findall(rf'data-code="{code}"><p>(.+?)</p>', page)
    assert len(sentence) > 40


@pytest.mark.parametrize(
    ("form", "errors"),
    [
        (BROCK_FORM | {"age": ""}, {"age": "missing"}),
        (BROCK_FORM | {"age": "old"}, {"age": "not_a_number"}),
        (BROCK_FORM | {"age": "nan"}, {"age": "not_a_number"}),
        (BROCK_FORM | {"age": "17"}, {"age": "out_of_range"}),
        (BROCK_FORM | {"age": "62.5"}, {"age": "not_whole"}),
        (BROCK_FORM | {"diameter_mm": "0"}, {"diameter_mm": "out_of_range"}),
        (BROCK_FORM | {"nodule_type": "liquid"}, {"nodule_type": "not_a_choice"}),
        (FLEISCHNER | {"high_risk": ""}, {"high_risk": "missing"}),
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


@pytest.mark.parametrize(
    ("texture", "rating", "hint", "words"),
    [
        ("part-solid", 3.1, ("part-solid", "part-solid", False), "By its density and by the models"),
        ("ground glass", 4.6, ("ground glass", "solid", True), "Not clear:"),
        ("solid", None, ("solid", None, False), "By its density it looks solid"),
        (None, 1.2, (None, "ground glass", False), "descriptor it looks ground glass"),
    ],
)
def test_the_kind_of_nodule_is_a_hint_and_never_filled_in(finding, texture, rating, hint, words):
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
    assert Page(render(seen)).text.count(words) == 3


def test_a_question_that_does_not_concern_the_nodule_may_stay_open(finding):
    form = FLEISCHNER | {"nodule_type": "ground glass", "high_risk": ""}
    answer = form_of(calculators_of(finding, form), "fleischner")["answer"]
    assert answer == {"suggestion": "ct_6_12_then_every_2_years"}


def test_a_value_that_was_changed_is_no_longer_a_measurement(finding):
    form = BROCK_FORM | {"diameter_mm": "14.2", "nodule_type": "solid"}
    assert fields_of(calculators_of(finding, form), "brock", "known") == {"diameter_mm": "measured"}


def test_every_form_is_closed_and_every_field_labelled(finding):
    page = Page(render(finding))
    assert [("open" in found) for found in page.all("details")] == [False] * 4
    labels = {found["for"] for found in page.all("label") if "for" in found}
    boxes = {found["id"] for tag in ("select", "input") for found in page.all(tag) if "id" in found}
    assert boxes == labels
    ids = [found["id"] for _, found in page.elements if "id" in found]
    assert len(ids) == len(set(ids))
    for _, found in page.elements:
        for reference in ("aria-describedby", "aria-labelledby"):
            assert set(found.get(reference, "").split()) <= set(ids)


def test_the_page_shows_result_and_inputs(finding):
    text = render(finding, BROCK_FORM)
    page = Page(text)
    assert [found["id"] for found in page.all("details") if "open" in found] == ["calculator-brock"]
    assert "3.09 % estimated risk of cancer" in page.text
    assert "Age (years): 62; Sex: Woman; Family history of lung cancer: No;" in page.text
    assert page.all("form", action="/scan/t/finding/1?model=vgg16#calculator-brock", method="post")
    assert "Category 4A : suspicious Low-dose CT in 3 months." in Page(render(finding, LUNG_RADS)).text


def test_the_page_ties_an_error_to_its_field(finding):
    page = Page(render(finding, BROCK_FORM | {"age": '"old"', "upper_lobe": ""}))
    [age] = page.all("input", name="age", value='"old"')
    assert age["aria-invalid"] == "true"
    assert "brock-age-error" in age["aria-describedby"].split()
    [group] = page.all("fieldset", id="brock-upper_lobe")
    assert group["aria-invalid"] == "true"
    assert page.text.count("Please enter a number.") == 2  # at the top, and at the field


def test_each_answer_has_words_of_its_own(finding):
    forms = [
        LUNG_RADS | change
        for change in [{"exam": exam} for exam in ("prior_missing", "not_evaluable", "infection")]
        + [{"diameter_mm": size} for size in ("5", "7", "9", "16")]
        + [{"benign": "calcified_or_fat"}, {"suspicious": "yes"}]
    ]
    part_solid = {"nodule_type": "part-solid", "diameter_mm": "12"}
    forms += [
        FLEISCHNER | {"several": several, "high_risk": risk, "diameter_mm": size}
        for several in ("one", "several")
        for risk in ("low", "high")
        for size in ("5", "7", "9")
    ]
    forms += [FLEISCHNER | part_solid | {"solid_mm": size} for size in ("5", "7", "9")]
    forms += [
        FLEISCHNER | {"nodule_type": "ground glass", "several": several, "diameter_mm": size}
        for several in ("one", "several")
        for size in ("5", "7")
    ]
    sentences = set()
    for form in forms:
        page = render(finding, form)
        sentences.add(re.search(r'id="\w+-answer">(.*?)<p class="print-only">', page, re.DOTALL)[1])
    assert len(sentences) == 9 + 13


@pytest.mark.parametrize("key", ["brock", "mayo", "fleischner", "lung_rads"])
def test_an_empty_form_asks_for_what_is_missing(finding, key):
    page = Page(render(finding, {"calculator": key}))
    errors = fields_of(calculators_of(finding, {"calculator": key}), key, "error")
    assert len(page.all("p", **{"class": "field-error"})) == len(errors)
    links = {found["href"] for found in page.all("a")}
    assert links == {f"#{key}-{name}" for name in errors}
