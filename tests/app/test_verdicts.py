"""The verdicts beyond benign and malignant over HTTP: no nodule, a mass, and what a verdict is worth."""

import json
import re
from html import unescape
from types import SimpleNamespace

import pypdfium2
import pytest
from jsonschema import Draft202012Validator

from models.inference.pipeline import MODEL_KEYS
from tests.app.conftest import new_visitor
from tests.conftest import make_app, post, upload
from tests.inference.detection.with_recognition import NONE, SOME, WithRecognition


def row(size, counts, **verdicts):
    """A size of the table: nodules, malignant, recognised; a verdict is (nodules, malignant, adds)."""
    worth = {
        name: {"nodules": n, "malignant": k, "low": 0.01, "high": 0.2, "adds": adds}
        for name, (n, k, adds) in verdicts.items()
    }
    counts = dict(zip(("nodules", "malignant", "recognised"), counts, strict=True))
    return {"size_mm": size, **counts, "verdicts": worth}


ROWS = [
    row([6, 8], (103, 8, 0), benign=(85, 6, False), malignant=(1, 0, False)),
    row([10, 15], (62, 35, 29), benign=(11, 0, True), malignant=(38, 29, True)),
    row([15, 20], (28, 23, 22), benign=(2, 1, False), malignant=(25, 22, False)),
    row([30, None], (15, 13, 13), benign=(0, 0, False), malignant=(15, 13, False)),
]
TABLE = {"models": dict.fromkeys(MODEL_KEYS, ROWS)}


@pytest.fixture(scope="module")
def asked(app, tmp_path_factory, crop_png):
    """A function: what a visitor sees of one crop where this is recognised and measured."""

    def ask(recognition, diameter_mm, threshold=None, **fields):
        registry = WithRecognition(app.registry, recognition, diameter_mm, threshold)
        registry.reliability = TABLE
        folder = tmp_path_factory.mktemp("verdicts") / "store"
        made = make_app({"REGISTRY": registry, "STORE": folder})
        visitor = new_visitor(made)
        page = post(visitor, upload(crop_png), "/predict", spacing_mm="0.7", **fields)
        return SimpleNamespace(app=made, visitor=visitor, page=page, at=page.headers.get("Content-Location"))

    return ask


@pytest.fixture(scope="module")
def refused(asked):
    return asked(NONE, 12)


def text_of(page, id_=None):
    """The words of a page, or of one of its elements; None where there is none."""
    source = page.get_data(as_text=True)
    if id_ is not None:
        found = re.search(rf'<(\w+)[^>]* id="{id_}".*?</\1>', source, re.S)
        if not found:
            return None
        source = found[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", "", source)).split())


def json_of(ask, crop_png, **fields):
    """The answer of the JSON interface, which is as its document says."""
    answer = post(ask.visitor, upload(crop_png), spacing_mm="0.7", **fields)
    document = ask.visitor.get("/api/v1/openapi.json").json
    schema = document["components"]["schemas"]["Finding"] | {"components": document["components"]}
    Draft202012Validator(schema).validate(answer.json)
    return answer.json


def test_the_page_says_that_there_is_no_nodule_and_nothing_of_one(refused):
    assert text_of(refused.page, "verdict") == "No nodule recognised here"
    assert text_of(refused.page, "nodule-probability") == "0.03"
    source = refused.page.get_data(as_text=True)
    assert 'data-verdict="no_nodule"' in source
    assert "Research use only" in source
    for id_ in ("probability", "worth", "models-table", "sizes", "overlay", "similar", "histogram"):
        assert f'id="{id_}"' not in source
    assert "Measured: " not in source
    assert "checked" not in source.partition('id="calculators"')[2].partition('id="before-and-now"')[0]


def test_the_scores_are_one_link_away_without_another_upload(refused, asked):
    link = re.search(r'<a class="button" id="anyway" href="([^"]+)"', refused.page.get_data(as_text=True))
    assert link[1] == f"{refused.at}?model=consensus&amp;anyway=1"
    page = refused.visitor.get(unescape(link[1]))
    assert text_of(page, "verdict") == "No nodule recognised here"
    nodule = asked(SOME, 12).page
    for id_ in ("probability", "models-table", "sizes", "placed"):
        shown = text_of(page, id_)
        assert shown is not None
        if id_ != "models-table":
            assert shown == text_of(nodule, id_)
    assert text_of(page, "worth") is None
    source = page.get_data(as_text=True)
    assert source.count("&amp;anyway=1") >= len(MODEL_KEYS) + 2  # other models, and files to take along
    assert '<input type="hidden" name="anyway" value="1">' in source
    assert re.search(r"Measured: 12\.\d mm", source)
    assert f'id="not-anyway" href="{refused.at}?model=consensus"' in source


def test_a_calculator_keeps_the_scores_in_view(refused):
    form = {"calculator": "mayo", "model": "vgg16", "anyway": "1"}
    assert text_of(refused.visitor.post(refused.at, data=form), "probability") is not None
    del form["anyway"]
    assert text_of(refused.visitor.post(refused.at, data=form), "probability") is None


def test_the_list_on_the_scans_page_says_so_too(refused):
    listed = text_of(refused.visitor.get(refused.at.partition("/finding")[0]), "findings")
    assert "No nodule recognised Consensus of the five" in listed


def test_json_says_so_and_gives_the_scores_where_they_are_asked_for(refused, asked, crop_png):
    answer, anyway = (json_of(refused, crop_png, **fields) for fields in ({}, {"anyway": "1"}))
    nodule = json_of(asked(SOME, 12), crop_png)
    for body in (answer, anyway):
        assert (body["verdict"], body["nodule_probability"], body["reliability"]) == ("no_nodule", 0.03, None)
        assert [model["verdict"] for model in body["models"]] == ["no_nodule"] * 5
    assert answer["probability"] is None
    assert [model["probability"] for model in answer["models"]] == [None] * 5
    assert set(answer["characteristics"].values()) == {None}
    assert answer["similar"] is None
    assert (answer["nodule"]["outline"], answer["nodule"]["long_axis_mm"]) == (None, None)
    assert anyway["probability"] == nodule["probability"]
    for name in ("nodule", "characteristics", "similar", "image", "warnings"):
        assert anyway[name] == nodule[name]


@pytest.mark.parametrize("value", ["0", "2", "yes", "true", "1.0"])
def test_anyway_is_1_or_nothing(refused, crop_png, value):
    message = "The field anyway must be 1, or left out."
    answer = post(refused.visitor, upload(crop_png), anyway=value)
    assert (answer.status_code, answer.json) == (400, {"error": {"code": "bad_field", "message": message}})
    pages = (
        post(refused.visitor, upload(crop_png), "/predict", anyway=value),
        refused.visitor.get(refused.at, query_string={"anyway": value}),
    )
    for page, title in zip(pages, ("Upload not accepted.", "Error."), strict=True):
        assert page.status_code == 400
        assert f"{title} {message}" in text_of(page, "error")
    twice = post(refused.visitor, upload(crop_png), anyway=["1", "1"])
    assert twice.json["error"]["message"] == "The field anyway was sent more than once."


def test_a_form_may_ask_for_the_scores_at_once(refused, asked, crop_png):
    ask = asked(NONE, 12, anyway="1")
    assert text_of(ask.page, "probability") == text_of(asked(SOME, 12).page, "probability")
    script = {"X-Requested-With": "fetch"}
    data = {"image": upload(crop_png), "spacing_mm": "0.7"}
    told = refused.visitor.post("/predict", data=data | {"anyway": "1"}, headers=script)
    assert told.json["location"].endswith("?anyway=1")
    plain = refused.visitor.post("/predict", data=data | {"image": upload(crop_png)}, headers=script)
    assert plain.json["location"].endswith(("/finding/0", "/finding/1"))


@pytest.mark.parametrize("anyway", [False, True])
def test_files_to_take_along_say_the_same(refused, crop_png, anyway):
    query = {"anyway": "1"} if anyway else {}
    saved = refused.visitor.get(f"{refused.at}/download/finding.json", query_string=query)
    assert json.loads(saved.data) == json_of(refused, crop_png, **query)
    saved = refused.visitor.get(f"{refused.at}/download/report.pdf", query_string=query)
    (sheet,) = pypdfium2.PdfDocument(saved.data)
    words = " ".join(sheet.get_textpage().get_text_range().split())
    assert "No nodule recognised here" in words
    assert "Probability that there is a nodule: 0.03." in words
    for part in ("The five models", "Size and density", "Similar cases", "operating point"):
        assert (part in words) is anyway


def test_the_terminal_says_the_same(refused, crop_png, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(crop_png)
    run = refused.app.test_cli_runner().invoke
    said = run(args=["predict", str(path), "--spacing-mm", "0.7"]).output
    assert said.splitlines()[:2] == [
        "Consensus of the five: no nodule recognised here",
        "  Probability that there is a nodule: 0.03",
    ]
    assert "VGG16" not in said
    anyway = run(args=["predict", str(path), "--spacing-mm", "0.7", "--anyway"]).output.splitlines()
    assert anyway[0].startswith("Consensus of the five: no nodule recognised here, probability ")
    assert re.fullmatch(r"  VGG16         \d\.\d\d  no nodule recognised here", anyway[2])


GUIDELINES = "Guidelines for this size: Fleischner (incidental), Lung-RADS (screening)."
NOTHING_MORE = "at this size a {} look says nothing more than the size does."


@pytest.mark.parametrize(
    ("mm", "threshold", "model", "headline", "worth"),
    [
        (
            7,
            1.0,
            "consensus",
            "Benign-looking, as most of this size are: the models add nothing here",
            "Of 103 nodules of 6 to 8 mm, 8 were rated malignant; the models recognised none of them: "
            + NOTHING_MORE.format("benign"),
        ),
        (
            17,
            0.0,
            "consensus",
            "Malignant-looking, as most of this size are: the models add nothing here",
            "Of 28 nodules of 15 to 20 mm, 23 were rated malignant; the models recognised 22 of them: "
            + NOTHING_MORE.format("malignant"),
        ),
        (
            17,
            1.0,
            "vgg16",
            "Benign-looking, but at this size that says nothing",
            "Of 28 nodules of 15 to 20 mm, 23 were rated malignant; VGG16 recognised 22 of them: "
            + NOTHING_MORE.format("benign"),
        ),
        (
            7,
            0.0,
            "consensus",
            "Malignant-looking, but at this size that says nothing",
            "Of 103 nodules of 6 to 8 mm, 8 were rated malignant; the models recognised none of them: "
            + NOTHING_MORE.format("malignant"),
        ),
        (
            12,
            1.0,
            "consensus",
            "Benign-looking",
            "Of 62 nodules of 10 to 15 mm, 35 were rated malignant; the models recognised 29 of them; of 11 "
            "that looked benign none was: at this size a benign look says more than the size does.",
        ),
        (
            12,
            0.0,
            "resnet",
            "Malignant-looking",
            "Of 62 nodules of 10 to 15 mm, 35 were rated malignant; ResNet recognised 29 of them; of 38 that "
            "looked malignant 29 were: at this size a malignant look says more than the size does.",
        ),
    ],
)
def test_the_card_says_first_what_the_verdict_is_worth(asked, mm, threshold, model, headline, worth):
    ask = asked(SOME, mm, threshold, model=model)
    assert text_of(ask.page, "verdict") == headline
    assert text_of(ask.page, "worth") == f"{worth} {GUIDELINES}"
    source = ask.page.get_data(as_text=True)
    assert source.index('id="worth"') < source.index('class="scale"')
    assert ("add nothing" in headline or "says nothing" in headline) == ('data-adds="no"' in source)


def test_the_guidelines_way_is_one_link_away(asked):
    ask = asked(SOME, 7)
    for key in ("fleischner", "lung_rads"):
        assert f"calculator={key}#calculator-{key}" in ask.page.get_data(as_text=True)
        page = ask.visitor.get(ask.at, query_string={"calculator": key}).get_data(as_text=True)
        opened = re.findall(r'<details class="calculator" id="calculator-(\w+)" open>', page)
        assert opened == [key]


def test_json_carries_what_the_verdict_is_worth(asked, crop_png):
    body = json_of(asked(SOME, 7, 1.0), crop_png)
    assert body["verdict"] == "benign"
    assert body["reliability"] == {
        "adds": False,
        "nodules": 103,
        "malignant": 8,
        "recognised": 0,
        "size_mm": [6, 8],
        "same_verdict": {"nodules": 85, "malignant": 6, "share_low": 0.01, "share_high": 0.2},
    }


def test_where_the_size_is_not_known_nothing_is_said_of_it(asked, crop_png):
    ask = asked(SOME, 7)
    page = post(ask.visitor, upload(crop_png), "/predict")
    assert text_of(page, "worth") is None
    assert text_of(page, "no-worth") == (
        "The size of this nodule is not known, so it cannot be said what the verdict adds to it."
    )
    assert post(ask.visitor, upload(crop_png)).json["reliability"] is None


def test_a_mass_is_suspicious_whatever_the_models_say(asked, crop_png):
    ask = asked(SOME, 50, 1.0)
    assert text_of(ask.page, "verdict") == "A mass: suspicious by size alone, whatever the models say"
    source = ask.page.get_data(as_text=True)
    assert 'data-verdict="indeterminate"' in source
    assert "Benign-looking" not in source
    assert "Hansell et al., Radiology 246, 697, 2008" in text_of(ask.page)
    assert text_of(ask.page, "worth") == (
        "Of 15 nodules above 30 mm, 13 were rated malignant; the models recognised all of them."
    )
    assert "A mass " in text_of(ask.visitor.get(ask.at.partition("/finding")[0]), "findings")
    body = json_of(ask, crop_png)
    assert body["verdict"] == "indeterminate"
    assert {model["verdict"] for model in body["models"]} == {"indeterminate"}
    assert body["reliability"]["size_mm"] == [30, None]
    assert (body["reliability"]["adds"], body["reliability"]["same_verdict"]) == (False, None)
    assert body["warnings"][0] == {
        "code": "mass",
        "message": "A mass: 50.1 mm long, more than 30 mm. It is suspicious by size alone, whatever the "
        "models say, and guidelines for nodules do not apply (Fleischner glossary, Hansell et al., Radiology "
        "246, 697, 2008).",
    }


def test_of_a_mass_that_looks_malignant_the_size_alone_says_so(asked):
    ask = asked(SOME, 50, 0.0)
    assert text_of(ask.page, "mass").startswith("At more than 30 mm it is a mass, and suspicious by size")
    assert 'data-verdict="malignant"' in ask.page.get_data(as_text=True)
