"""The page of the models and its JSON twin show what evaluation.json holds, and do without it."""

import copy
import html
import json
import re
from types import SimpleNamespace

import pytest

from app import ROOT
from models.inference.pipeline import MODEL_KEYS
from tests.conftest import make_app
from training.evaluation.clicks import ANYWHERE
from training.publish.words import NUMBERS, TABLES

percent = NUMBERS.percent
WEIGHTS = ROOT / "weights"
EVALUATION = json.loads((WEIGHTS / "evaluation.json").read_text())
REPORTS = {key: json.loads((WEIGHTS / f"{key}.json").read_text()) for key in MODEL_KEYS}
ROBUSTNESS = {
    "n_nodules": 193,
    "rows": [
        {"name": "unperturbed", "mild": False, "mean_change": 0.0, "p95_change": 0.0, "flips": 0.0}
        | {"flips_benign_malignant": 0.0, "auc": 0.9551},
        {"name": "wide window", "mild": False, "mean_change": 0.1114, "p95_change": 0.3456, "flips": 0.1449}
        | {"flips_benign_malignant": 0.0311, "auc": 0.9101},
        {"name": "moved by 2 px", "mild": True, "mean_change": 0.0104, "p95_change": 0.0512, "flips": 0.0104}
        | {"flips_benign_malignant": 0.0, "auc": 0.9512},
    ],
}


CLICKS = {
    "n_nodules": 100,
    "rows": [
        {"name": "anywhere in the outline", "other": 9, "share": 0.09}
        | {"share_low": 0.042, "share_high": 0.164},
        {"name": "spacing 20 % too large", "other": 21, "share": 0.21}
        | {"share_low": 0.135, "share_high": 0.303},
    ],
    "enlarged": {
        "n_nodules": 30,
        "rows": [
            {"mm": 20, "n_nodules": 16, "benign": 2, "malignant": 9, "indeterminate": 5, "no_nodule": 0},
            {"mm": 45, "n_nodules": 30, "benign": 0, "malignant": 4, "indeterminate": 25, "no_nodule": 1},
        ],
    },
}


def client_of(evaluation, reports=REPORTS, problems=None):
    """A client of an app whose models are not loaded, with this evaluation and these reports."""
    problems = problems or {}
    registry = SimpleNamespace(
        reports=reports,
        evaluation=evaluation,
        problems=problems,
        available=lambda key: key not in problems,
        localiser=None,
        finder=None,
        finder_report={},
        localiser_report={},
        size_report={},
        recognition_report={},
        saliency_report={},
        reliability={},
        cases=None,
        checksum="0" * 12,
    )
    return make_app({"REGISTRY": registry}).test_client()


def page_of(*args, **kwargs):
    answer = client_of(*args, **kwargs).get("/models")
    assert answer.status_code == 200
    return html.unescape(answer.text)


def table(page, name):
    """Rows of a table: the text of each cell, or of the heading of a group."""
    rows = re.findall(r"<tr.*?</tr>", re.search(rf'<table id="{name}".*?</table>', page, re.S)[0], re.S)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in rows]
    return [[re.sub(r"<[^>]+>", " ", cell).strip() for cell in row] for row in cells]


@pytest.fixture(scope="module")
def page():
    """The page with the shipped evaluation."""
    return page_of(EVALUATION)


def auc(result):
    return f"{result['auc']:.3f} ({result['auc_low']:.3f} to {result['auc_high']:.3f})"


def share(result, name):
    low, value, high = (percent(result[f"{name}{end}"]) for end in ("_low", "", "_high"))
    return f"{value} ({low.removesuffix(' %')} to {high})"


def lead(result, other):
    value, low, high = (f"{result['ahead'][other][name]:.3f}" for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})".replace("-", "−")


def test_each_model_has_its_row_of_results(page):
    rows = table(page, "measured-table")[1:7]
    titles = [REPORTS[key]["title"] for key in MODEL_KEYS]
    assert [row[0] for row in rows] == titles
    for key, row in zip(MODEL_KEYS, rows, strict=True):
        result = EVALUATION["models"][key]
        assert row[1:3] == [auc(result), auc(result["three_readers"])]
        assert row[3:5] == [lead(result, "diameter"), lead(result, "version_0_5")]
        assert row[5:] == [f"{result['brier']:.3f}", f"{result['calibration_error']:.3f}"]
        assert f'id="model-{key}"' in page


def test_baselines_stand_below_the_models(page):
    group, ruler, descriptors = table(page, "measured-table")[7:]
    assert group == ["For comparison, without a network"]
    for row, name in ((ruler, "diameter"), (descriptors, "descriptors")):
        result = EVALUATION["baselines"][name]
        assert row[1:] == [auc(result), auc(result["three_readers"]), "", "", "", ""]
    assert 'id="model-diameter"' in page


def test_operating_points_of_the_consensus(page):
    result = EVALUATION["models"]["consensus"]
    prevalence = percent(result["balanced"]["prevalence"])
    head, *rows = table(page, "points-table")
    assert head[4:] == [f"{v} if {p} are malignant" for p in (prevalence, "10 %") for v in ("PPV", "NPV")]
    for row, heading, name in zip(
        rows, ("Balanced", "High sensitivity"), ("balanced", "high_sensitivity"), strict=True
    ):
        point = result[name]
        assert row[0] == heading
        assert row[2:4] == [share(point, "sensitivity"), share(point, "specificity")]
        values = [point[value] for value in ("ppv", "npv", "ppv_at_10", "npv_at_10")]
        assert row[4:] == [percent(value) for value in values]


def test_thresholds_come_from_the_reports():
    reports = {"vgg16": {"threshold": 0.387, "high_sensitivity_threshold": 0.1249}}
    page = page_of(EVALUATION, reports)
    assert [row[1] for row in table(page, "points-table")[1:]] == ["–", "–"]
    rows = table(page, "points-of-others-table")
    assert [row[:2] for row in rows[2:4]] == [["Balanced", "0.39"], ["High sensitivity", "0.12"]]


def test_what_is_kept_and_what_is_called_indeterminate(page):
    rule = EVALUATION["models"]["consensus"]["abstention"]
    kept, deferred = table(page, "abstention-table")[1:]
    assert kept[:4] == [
        "Given a verdict",
        NUMBERS.count(rule["kept"]["n_nodules"]),
        percent(rule["coverage"]),
        auc(rule["kept"]),
    ]
    assert deferred[0] == "Indeterminate"
    assert deferred[4] == percent(rule["deferred"]["accuracy"])
    assert deferred[-1] == percent(rule["deferred_of_indeterminate"])


def test_one_reader_stands_next_to_the_models_on_the_same_readings(page):
    readers = EVALUATION["baselines"]["readers"]
    head, reader, consensus, *others = table(page, "readers-table")
    assert f"({NUMBERS.count(readers['at_least_2']['n'])} readings)" in head[1]
    assert reader[:3] == [
        "One reader",
        auc(readers["at_least_2"]["one_reader"]),
        auc(readers["4"]["one_reader"]),
    ]
    assert reader[3] == percent(readers["at_least_2"]["one_reader"]["sensitivity"])
    assert consensus[1:] == [auc(readers["at_least_2"]["consensus"]), auc(readers["4"]["consensus"]), "", ""]
    assert len(others) == 5


def test_subgroups_are_flagged_where_cases_are_few(page):
    rows = {(row[0]): row for row in table(page, "subgroups-table") if len(row) > 1}
    for group in EVALUATION["subgroups"]:
        few = min(group["n_malignant"], group["n_nodules"] - group["n_malignant"]) < 10
        row = rows[f"{group['name']} few cases" if few else group["name"]]
        nodules, malignant = NUMBERS.count(group["n_nodules"]), NUMBERS.count(group["n_malignant"])
        assert row[1:3] == [f"{nodules} ({malignant})", auc(group["auc"]["consensus"])]


def test_confirmed_diagnoses_are_shown_as_measured_however_weak():
    scores = (*MODEL_KEYS, "readers", "diameter")
    results = {key: {"auc": 0.45 + i / 100, "auc_low": 0.25, "auc_high": 1.0} for i, key in enumerate(scores)}
    page = page_of(EVALUATION | {"diagnoses": {"n_patients": 30, "n_malignant": 26} | results})
    assert "Against confirmed diagnoses (30 patients, 26 with cancer)" in page
    rows = table(page, "diagnoses-table")[1:]
    assert [row[1] for row in rows] == [f"0.{45 + i}0 (0.250 to 1.000)" for i in range(8)]
    without = {name: value for name, value in EVALUATION.items() if name != "diagnoses"}
    assert "diagnoses-table" not in page_of(without)


def test_the_page_says_how_it_was_measured(page):
    result = EVALUATION["models"]["consensus"]
    text = " ".join(page.split())
    assert (
        f"Measured on {NUMBERS.count(result['n_nodules'])} nodules "
        f"({NUMBERS.count(result['n_malignant'])} rated malignant) of "
        f"{NUMBERS.count(result['n_patients'])} patients, with networks that had not been trained on these "
        "patients." in text
    )
    assert "cross-fitted" in text


def test_the_folds_and_a_last_training_on_everyone_are_told():
    evaluation = copy.deepcopy(EVALUATION)
    evaluation["data"]["folds"] = 7
    reports = REPORTS | {"vgg16": {"training": {"everyone": True}}}
    page = page_of(evaluation, reports)
    assert "The networks were trained 7 times, each time without another part of the patients" in page
    assert f"with the same recipe on all {evaluation['data']['n_patients_in_all']:,} patients." in page


def test_every_column_has_its_heading():
    page = page_of(EVALUATION | {"robustness": ROBUSTNESS, "clicks": CLICKS})
    names = re.findall(r'<table id="([\w-]+)"', page)
    assert len(names) >= 8
    for name in names:
        head, *rows = table(page, name)
        assert all(head), name
        assert {len(row) for row in rows} <= {len(head), 1}, name


def test_robustness_is_shown_once_measured():
    page = page_of(EVALUATION | {"robustness": ROBUSTNESS})
    assert table(page, "robustness-table")[1:] == [
        ["unperturbed", "0.000", "0.000", "0 %", "0 %", "0.955"],
        ["Mild changes"],
        ["moved by 2 px", "0.010", "0.051", "1 %", "0 %", "0.951"],
        ["Strong changes"],
        ["wide window", "0.111", "0.346", "14 %", "3 %", "0.910"],
    ]
    evaluation = {name: value for name, value in EVALUATION.items() if name != "robustness"}
    assert "robustness-table" not in page_of(evaluation)


def test_clicks_and_enlarged_lesions_are_shown_once_measured():
    page = page_of(EVALUATION | {"clicks": CLICKS})
    assert table(page, "clicks-table") == [
        ["Change", "Different verdict", "Share (95 % interval)"],
        ["a click anywhere in the outline", "9", "9 % (4 to 16 %)"],
        ["spacing 20 % too large", "21", "21 % (14 to 30 %)"],
    ]
    assert table(page, "enlarged-table") == [
        ["Enlarged to", "Nodules"]
        + ["Malignant-looking", "Indeterminate", "Benign-looking", "No nodule recognised"],
        ["20 mm", "16", "9", "5", "2", "0"],
        ["45 mm", "30", "4", "25", "0", "1"],
    ]
    assert "Another click, or a wrong spacing (100 nodules)" in page
    assert "Large lesions (30 nodules rated malignant, enlarged)" in page
    without = page_of({name: value for name, value in EVALUATION.items() if name != "clicks"})
    assert "clicks-table" not in without
    assert "enlarged-table" not in without


def test_figures_are_files_of_the_app_in_two_colour_schemes_with_a_description(page):
    images = re.findall(r'srcset="/static/(.*?)".*?src="/static/(.*?)".*?alt="(.*?)"', page, re.S)
    assert [image[1] for image in images] == [f"figures/{n}.svg" for n in ("roc", "reliability", "histogram")]
    for dark, light, description in images:
        assert (ROOT / "static" / dark).is_file()
        assert (ROOT / "static" / light).is_file()
        assert len(description) > 80


@pytest.mark.parametrize("reports", [REPORTS, {}])
def test_without_an_evaluation_the_page_shows_dashes(reports):
    page = page_of({}, reports)
    assert "No measured results were found" in page
    assert all(set(row[1:]) <= {"–", ""} for row in table(page, "measured-table")[1:])
    for name in ("readers", "subgroups", "diagnoses", "robustness", "clicks", "enlarged"):
        assert f"{name}-table" not in page
    assert "<img" not in page
    assert "AUC 0." not in page


def test_without_an_evaluation_the_form_and_the_json_do_without_auc():
    client = client_of({}, {})
    assert "(AUC" not in client.get("/").text
    body = client.get("/api/v1/models").json
    assert [row["auc"] for row in body["models"]] == [None] * 6
    assert [row["evaluation"] for row in body["models"]] == [None] * 6
    assert set(body["evaluation"].values()) == {None}


def test_an_unavailable_model_is_named_with_its_reason():
    page = page_of(EVALUATION, problems={"vgg19": "vgg19.weights.h5 is missing."})
    assert "<strong>VGG19 is unavailable.</strong> vgg19.weights.h5 is missing." in page
    assert 'id="unavailable"' not in page_of(EVALUATION)


def test_the_json_gives_the_evaluation_without_the_points_of_the_curves():
    body = client_of(EVALUATION | {"robustness": ROBUSTNESS}).get("/api/v1/models").json
    for row in body["models"]:
        measured = EVALUATION["models"][row["key"]]
        assert row["evaluation"] == {name: value for name, value in measured.items() if name != "curves"}
        assert row["report"] == REPORTS[row["key"]]
        assert (row["auc"], row["auc_low"]) == (measured["auc"], measured["auc_low"])
    assert body["evaluation"] == {
        "data": EVALUATION["data"],
        "baselines": EVALUATION["baselines"],
        "subgroups": EVALUATION["subgroups"],
        "diagnoses": EVALUATION.get("diagnoses"),
        "robustness": ROBUSTNESS,
    }


def test_the_form_states_the_measured_auc_of_each_model():
    text = client_of(EVALUATION).get("/").text
    for key in MODEL_KEYS:
        measured = EVALUATION["models"][key]["auc"]
        assert re.search(rf'value="{key}"[^>]*>[^<]*\(AUC {measured:.2f}\)', text)


def names_in_weights():
    """What the reports call groups of nodules, locations and changes."""
    localiser, sizes, recognition, cases = (
        json.loads((WEIGHTS / f"{name}.json").read_text())
        for name in ("localiser", "volumes", "recognition", "cases")
    )
    yield from (row[name] for row in EVALUATION["subgroups"] for name in ("heading", "name"))
    yield from (row["name"] for row in EVALUATION["robustness"]["rows"])
    yield from (row["name"] for row in EVALUATION["clicks"]["rows"] if row["name"] != ANYWHERE)
    yield from EVALUATION["texture"]["called"]
    yield from localiser["measured"]
    yield from (row["texture"] for row in sizes["textures"])
    groups = (rows for name, rows in recognition["measured"].items() if name != "thresholds")
    yield from (row["kind"] for rows in groups for row in rows)
    yield from (name for group in ("ways", "made") for name in cases["measured"][group])


@pytest.mark.parametrize("name", sorted({name for name in names_in_weights() if not name.isdigit()}))
def test_a_name_in_the_reports_has_words_of_the_same_meaning(name):
    """So that it can be said in another language; in English it stays as it is."""
    assert str(TABLES.found[name.replace(" ", "_")]) == TABLES.name(name) == name


def test_a_click_is_said_to_be_one():
    assert TABLES.name(ANYWHERE) == "a click anywhere in the outline"


def test_figures_are_written_as_the_language_of_the_page_has_them():
    answer = client_of(EVALUATION).get("/models", headers={"Accept-Language": "de"})
    page = html.unescape(answer.text)
    result = EVALUATION["models"]["consensus"]
    consensus = table(page, "measured-table")[1]
    assert consensus[-1] == f"{result['calibration_error']:.3f}".replace(".", ",")
    assert str(result["auc_low"])[:4].replace(".", ",") in consensus[1]
    for_machines = re.findall(r'(?:href|src|srcset|width|data-[\w-]+)="(.*?)"', page)
    assert not re.search(r"\d,\d", " ".join(for_machines))
