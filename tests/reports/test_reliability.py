import json
import re
from unicodedata import normalize

import pytest

from app import ROOT
from models.reports.facts import cases, descriptors, saliency
from training.evaluation.descriptors import NAMES
from training.evaluation.evaluate import KEYS

EVALUATION = json.loads((ROOT / "weights" / "evaluation.json").read_text())
TITLES = [{"key": key, "title": key.upper()} for key in KEYS]


def error(mae):
    return {"mae": mae, "mae_low": mae - 0.1, "mae_high": mae + 0.1, "bias": -0.2, "correlation": 0.5}


def measured(own=0.5, constant=0.8):
    against_mean = {"margin": {key: error(own) for key in KEYS} | {"constant": {"mae": constant}}}
    others = {"margin": {"reader": {"mae": 0.7}, "consensus": {"mae": 0.6}}}
    counts = {"n_nodules": 9, "n_patients": 5, "n_readings": 20}
    return {"descriptors": {"all": counts | {"against_mean": against_mean, "against_others": others}}}


def shown(app, template, **context):
    """The rows of all tables of a template, as texts, and its whole text."""
    with app.test_request_context():
        page = app.jinja_env.get_template(template).render(models_list=TITLES, **context)
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in page.split("<tr")[1:]]
    return [[_text(cell) for cell in row] for row in rows], _text(page)


def _text(markup):
    return " ".join(re.sub("<[^>]+>", " ", markup).split())


def test_a_descriptor_stands_next_to_a_constant_and_a_reader():
    found = descriptors(measured())
    assert (found["n_nodules"], found["n_patients"], found["n_readings"]) == (9, 5, 20)
    (row,) = found["rows"]
    assert row["name"] == "margin"
    assert set(row["models"]) == set(KEYS)
    assert (row["constant"], row["reader"], row["same"]) == (0.8, 0.7, 0.6)
    assert found["texture"] is None


@pytest.mark.parametrize(("own", "useless"), [(0.75, False), (0.76, True), (0.9, True)])
def test_what_is_no_better_than_a_constant_is_called_useless(own, useless):
    (row,) = descriptors(measured(own))["rows"]
    assert row["useless"] is useless


def test_what_was_not_measured_is_none_and_takes_no_room(app):
    assert descriptors({}) is None
    assert saliency({}) is None
    assert saliency({"models": {}}) is None
    assert cases({"threshold": 2.0}) is None
    assert shown(app, "models/_cases.html", cases=None) == ([], "")
    assert shown(app, "models/_descriptors.html", descriptors=None) == ([], "")
    assert shown(app, "models/_saliency.html", saliency=None) == ([], "")


def test_the_page_shows_the_shipped_errors(app):
    rows, text = shown(app, "models/_descriptors.html", descriptors=descriptors(EVALUATION))
    table, by_model = rows[1 : 1 + len(NAMES)], rows[2 + len(NAMES) :]
    assert len(by_model) == len(NAMES)
    against = EVALUATION["descriptors"]["all"]["against_mean"]
    for name, row, others in zip(NAMES, table, by_model, strict=True):
        own = against[name]["consensus"]
        assert row[1] == f"{own['mae']:.2f} ({own['mae_low']:.2f} to {own['mae_high']:.2f})"
        assert row[4] == f"{against[name]['constant']['mae']:.2f}"
        assert others[1:] == [f"{against[name][key]['mae']:.2f}" for key in KEYS[:-1]]
        hardly = own["mae"] >= 0.95 * against[name]["constant"]["mae"]
        assert ("hardly better" in row[0]) is hardly
    called = EVALUATION["texture"]["called"]["solid"]
    assert f"{called['right']} of {called['n']} called solid." in text


def test_the_page_shows_what_saliency_maps_are_worth(app):
    pointing = {"value": 0.831, "low": 0.79, "high": 0.87, "n_nodules": 200, "centre": 0.251}
    own = {"method": "LayerCAM", "layer": "block4", "pointing": pointing}
    own |= {"deletion": 0.3, "insertion": 0.7, "seconds_ratio": 2.13}
    report = {"models": {"vgg16": own, "consensus": {"pointing": pointing}}, "table": []}
    found = saliency(report)
    assert list(found) == ["consensus", "vgg16"]
    rows, _ = shown(app, "models/_saliency.html", saliency=found)
    assert rows[1:] == [
        ["VGG16", "LayerCAM, layer block4", "0.83 (0.79 to 0.87)", "0.25", "0.30", "0.70", "2.1"],
        ["CONSENSUS", "mean of the five maps", "0.83 (0.79 to 0.87)", "0.25", "–", "–", "–"],
    ]


def test_the_page_shows_how_often_images_are_called_unlike(app):
    flagged = {"n": 322, "value": 0.012, "low": 0.004, "high": 0.031}
    report = {
        "unseen": {"all": flagged},
        "ways": {"lung window": flagged | {"n": 100}},
        "made": {"chest wall": {"n": 1150, "value": 0.5, "low": 0.4, "high": 0.6}},
        "agreement": {"n": 329, "spearman": {"value": 0.625}, "auc": {"value": 0.931}},
    }
    rows, text = shown(app, "models/_cases.html", cases=cases({"measured": report}))
    assert rows[2] == ["All", "322", "1 % (0.4 to 3 %)"]
    assert rows[3] == ["Lung window", "100", "1 % (0.4 to 3 %)"]
    assert rows[5] == ["Chest wall", "1,150", "50 % (40 to 60 %)"]
    assert "rank correlation 0.62, AUC 0.93 (329 nodules of test patients)" in text
    assert "No nodule" in text


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_glossary_explains_each_term_at_its_own_address(app, language):
    with app.test_request_context(headers={"Accept-Language": language}):
        said = app.jinja_env.filters["said"]
        terms = app.jinja_env.get_template("_terms.html").module.terms
        explained = {key: (said(name), said(words)) for key, (name, words) in terms.items()}
        page = app.jinja_env.get_template("_glossary.html").render()
    addresses = re.findall(r'<dt id="term-([^"]+)">(.*?)</dt>\s*<dd>(.*?)</dd>', page, re.S)
    assert {key: (name, words) for key, name, words in addresses} == explained
    assert len(addresses) == len(terms)
    names = [name for _, name, _ in addresses]
    assert names == sorted(names, key=lambda name: normalize("NFD", name).encode("ascii", "ignore").lower())
