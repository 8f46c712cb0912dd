"""The shipped results agree with each other, with the README and with the weights."""

import json

import numpy as np
import pytest

from app import ROOT
from models.imaging.patch import PATCH
from models.networks.registry import ARCHITECTURES
from training.classifier.export import RECIPE
from training.evaluation.evaluate import KEYS
from training.evaluation.metrics import predictive_values
from training.evaluation.predict import INPUTS
from training.publish.reports import table

WEIGHTS = ROOT / "weights"
EVALUATION = json.loads((WEIGHTS / "evaluation.json").read_text())
DATA = EVALUATION["data"]
POINTS = ("balanced", "high_sensitivity")
DIGITS = 3e-5  # figures are rounded to five digits
BOTH = [(key, kind) for key in KEYS for kind in INPUTS]


def result_of(key, kind):
    return EVALUATION["models"][key][kind]


def test_the_readme_shows_the_table_of_the_shipped_evaluation():
    assert table(WEIGHTS) in (ROOT / "README.md").read_text()


def test_all_is_measured_of_the_five_and_the_consensus():
    assert {"data", "models", "baselines", "subgroups", "diagnoses"} <= set(EVALUATION)
    assert tuple(EVALUATION["models"]) == KEYS
    assert set(EVALUATION["baselines"]) == {"diameter", "descriptors", "readers"}


@pytest.mark.parametrize("key", KEYS)
def test_a_report_has_what_a_verdict_needs(key):
    report = json.loads((WEIGHTS / f"{key}.json").read_text())
    assert set(report["calibration"]) == {"a", "b", "intercept"}
    assert min(report["calibration"]["a"], report["calibration"]["b"]) >= 0
    assert 0 < report["threshold"] < 1
    assert 0 < report["high_sensitivity_threshold"] < 1
    assert set(report["abstention"]) == {"intercept", "distance", "disagreement", "limit"}
    assert 0 < report["abstention"]["limit"] < 1
    assert report["abstention"]["distance"] < 0  # the nearer the operating point, the more doubt


@pytest.mark.parametrize("key", ARCHITECTURES)
def test_a_report_says_how_the_weights_came_to_be(key):
    report = json.loads((WEIGHTS / f"{key}.json").read_text())
    assert set(RECIPE) <= set(report["training"])
    assert report["patch"] == json.loads(json.dumps(vars(PATCH)))
    assert report["bytes"] == (WEIGHTS / f"{key}.weights.h5").stat().st_size


@pytest.mark.parametrize(("key", "kind"), BOTH)
def test_performance_has_an_interval_and_its_nodules(key, kind):
    result = result_of(key, kind)
    assert result["n_nodules"] == DATA["n_benign"] + DATA["n_malignant"]
    assert result["n_malignant"] == DATA["n_malignant"]
    for part in (result, result["test_half"], result["three_readers"]):
        assert 0 < part["auc_low"] < part["auc"] < part["auc_high"] <= 1
        assert part["n_malignant"] < part["n_nodules"] <= result["n_nodules"]
        assert part["n_patients"] <= DATA["n_patients"]
        assert 0 < part["calibration_noise"] < 0.2


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize(("key", "kind"), BOTH)
def test_rates_of_an_operating_point_agree_with_each_other(key, kind, point):
    result = result_of(key, kind)
    rates, share = result[point], DATA["n_malignant"] / result["n_nodules"]
    right = rates["sensitivity"] * share + rates["specificity"] * (1 - share)
    assert rates["prevalence"] == pytest.approx(share, abs=DIGITS)
    assert rates["accuracy"] == pytest.approx(right, abs=DIGITS)
    for ending, prevalence in (("", share), ("_at_10", 0.1)):
        found = rates[f"ppv{ending}"], rates[f"npv{ending}"]
        expected = predictive_values(rates["sensitivity"], rates["specificity"], prevalence)
        assert found == pytest.approx(expected, abs=5 * DIGITS)
    for rate in ("sensitivity", "specificity"):
        assert rates[f"{rate}_low"] < rates[rate] < rates[f"{rate}_high"] or rates[rate] == 1


@pytest.mark.parametrize(("key", "kind"), BOTH)
def test_nodules_with_and_without_a_verdict_are_all_nodules(key, kind):
    result = result_of(key, kind)
    rule, n = result["abstention"], result["n_nodules"]
    kept, put_off = rule["kept"], rule["deferred"]
    assert kept["n_nodules"] + put_off["n_nodules"] == n
    assert rule["coverage"] == pytest.approx(kept["n_nodules"] / n, abs=DIGITS)
    together = (kept["accuracy"] * kept["n_nodules"] + put_off["accuracy"] * put_off["n_nodules"]) / n
    assert result["balanced"]["accuracy"] == pytest.approx(together, abs=DIGITS)
    assert put_off["accuracy"] < kept["accuracy"]  # which is what deferring is for


@pytest.mark.parametrize("key", KEYS)
def test_curves_show_the_same_nodules(key):
    curves, stack = EVALUATION["models"][key]["curves"], result_of(key, "stack")
    assert sum(curves["histogram"]["benign"]) == DATA["n_benign"]
    assert sum(curves["histogram"]["malignant"]) == DATA["n_malignant"]
    bins = curves["reliability"]
    assert sum(part["n"] for part in bins) == stack["n_nodules"]
    gaps = [part["n"] * abs(part["predicted"] - part["observed"]) for part in bins]
    assert stack["calibration_error"] == pytest.approx(sum(gaps) / stack["n_nodules"], abs=DIGITS)
    area = np.trapezoid(curves["roc"]["true_positive"], curves["roc"]["false_positive"])
    assert stack["auc"] == pytest.approx(area, abs=0.02)


@pytest.mark.parametrize("heading", ["Diameter", "Texture", "Readers", "Slice thickness", "Contrast agent"])
def test_subgroups_are_all_nodules(heading):
    rows = [row for row in EVALUATION["subgroups"] if row["heading"] == heading]
    rows = [row for row in rows if row["name"] != "3 or more"]  # those of 3 and of 4 together
    assert sum(row["n_nodules"] for row in rows) == DATA["n_benign"] + DATA["n_malignant"]
    assert sum(row["n_malignant"] for row in rows) == DATA["n_malignant"]


def test_one_reader_is_measured_on_the_readings_of_the_models():
    readers = EVALUATION["baselines"]["readers"]
    assert set(readers["at_least_2"]) == set(readers["4"]) == {"n", "one_reader", *KEYS}
    assert 0 < readers["4"]["n"] < readers["at_least_2"]["n"]
