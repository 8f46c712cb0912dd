import re
from dataclasses import replace
from html.parser import HTMLParser

import jinja2
import pytest

from models.clinical.forms import FIELDS
from models.clinical.terms import rounded
from models.imaging.phantom import draw_phantom
from models.imaging.scan import locate
from models.inference.finding import Finding
from models.inference.measurement.sizes import Measurement
from models.inference.reading import Reading
from models.ingest.read import read_scan
from models.reports.calculators import (
    Calculated,
    OfNodule,
    Remembered,
    answers_in,
    at_present,
    calculators_of,
    kept_result,
)
from tests.conftest import encode
from tests.reports.changed import changed

MEASURED = Measurement(14.24, 10.96, 12.6, 12.1, -35.4, "part-solid")
BROCK_FORM = {
    "calculator": "brock",
    "age": "62",
    "female": "woman",
    "family_history": "no",
    "emphysema": "no",
    "long_axis_mm": "8",
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
    "long_axis_mm": "12",
    "spiculation": "no",
    "upper_lobe": "yes",
}
FLEISCHNER = {
    "calculator": "fleischner",
    "reason": "incidental",
    "age": "60",
    "cancer": "none",
    "immunosuppressed": "no",
    "diameter_mm": "7",
    "nodule_type": "solid",
    "count": "1",
    "high_risk": "low",
}
LUNG_RADS = {
    "calculator": "lung_rads",
    "reason": "screening",
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
    return {field["name"]: field[what] for field in form_of(context, key)["asks"] if field[what]}


@pytest.fixture(scope="module")
def render(app):
    """The part of the page; strictly: a code that the tables of words do not have is an error."""
    environment = app.jinja_env.overlay(undefined=jinja2.StrictUndefined)
    template = environment.get_template("result/_calculators.html")

    def rendered(finding, form=None, remembered=None, growth=None, language="en"):
        calculators = calculators_of(finding, form, None, remembered or Remembered())
        with app.test_request_context(headers={"Accept-Language": language}):
            return template.render(
                calculators=calculators | ({"growth": growth} if growth else {}),
                finding=finding,
                here_now="/scan/t/finding/1?model=vgg16",
            )

    return rendered


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


def test_a_question_that_does_not_concern_the_nodule_may_stay_open(finding):
    form = FLEISCHNER | {"nodule_type": "ground glass", "high_risk": ""}
    answer = form_of(calculators_of(finding, form), "fleischner")["answer"]
    assert answer == {"suggestion": "ct_6_12_then_every_2_years"}


def test_a_value_is_a_measurement_as_long_as_it_says_the_same(finding, render):
    taken = calculators_of(finding, BROCK_FORM | {"long_axis_mm": "14.2"})
    assert fields_of(taken, "brock", "is_measured") == {"long_axis_mm": True}
    assert "Used here: if the outline is corrected" in render(finding, BROCK_FORM | {"long_axis_mm": "14.2"})
    assert fields_of(calculators_of(finding, BROCK_FORM), "brock", "is_measured") == {}


UNSURE = {"nodule_type": "unsure"}


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
