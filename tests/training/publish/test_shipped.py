"""The shipped results agree with each other, with the README and with the weights."""

import json

import numpy as np
import pytest

from app import ROOT
from models.imaging.patch import PATCH
from models.networks.registry import ARCHITECTURES
from training.evaluation.clicks import SIZES_MM, VERDICTS
from training.evaluation.evaluate import KEYS
from training.evaluation.metrics import predictive_values
from training.publish.export import RECIPE
from training.publish.reports import table

WEIGHTS = ROOT / "weights"
EVALUATION = json.loads((WEIGHTS / "evaluation.json").read_text())
DATA = EVALUATION["data"]
POINTS = ("balanced", "high_sensitivity")
DIGITS = 3e-5  # figures are rounded to five digits
MODELS = EVALUATION["models"]


def test_the_readme_shows_the_table_of_the_shipped_evaluation():
    assert table(WEIGHTS) in (ROOT / "README.md").read_text()


def test_all_is_measured_of_the_five_and_the_consensus():
    assert {"data", "models", "baselines", "subgroups", "diagnoses"} <= set(EVALUATION)
    assert {"descriptors", "texture", "robustness", "clicks"} <= set(EVALUATION)
    assert tuple(MODELS) == KEYS
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
    assert set(RECIPE) - {"split_seed"} <= set(report["training"])  # that is of networks without folds
    assert report["patch"] == json.loads(json.dumps(vars(PATCH)))
    assert report["bytes"] == (WEIGHTS / f"{key}.weights.h5").stat().st_size


@pytest.mark.parametrize("key", KEYS)
def test_performance_has_an_interval_and_its_nodules(key):
    result = MODELS[key]
    assert result["n_nodules"] == DATA["n_benign"] + DATA["n_malignant"]
    assert result["n_malignant"] == DATA["n_malignant"]
    for part in (result, result["three_readers"]):
        assert 0 < part["auc_low"] < part["auc"] < part["auc_high"] <= 1
        assert part["n_malignant"] < part["n_nodules"] <= result["n_nodules"]
        assert part["n_patients"] <= DATA["n_patients"]
        assert 0 < part["calibration_noise"] < 0.2


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("key", KEYS)
def test_rates_of_an_operating_point_agree_with_each_other(key, point):
    result = MODELS[key]
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


@pytest.mark.parametrize("key", KEYS)
def test_a_model_is_ahead_of_the_diameter_by_the_difference_of_both_aucs(key):
    result, ahead = MODELS[key], MODELS[key]["ahead"]
    ruler = EVALUATION["baselines"]["diameter"]
    assert ahead["diameter"]["value"] == pytest.approx(result["auc"] - ruler["auc"], abs=DIGITS)
    assert ahead["diameter"]["n_nodules"] == result["n_nodules"]
    assert 0 < ahead["version_0_5"]["n_nodules"] < result["n_nodules"]
    for part in ahead.values():
        assert part["low"] < part["value"] < part["high"]


@pytest.mark.parametrize("key", KEYS)
def test_nodules_with_and_without_a_verdict_are_all_nodules(key):
    result = MODELS[key]
    rule, n = result["abstention"], result["n_nodules"]
    kept, put_off = rule["kept"], rule["deferred"]
    assert kept["n_nodules"] + put_off["n_nodules"] == n
    assert rule["coverage"] == pytest.approx(kept["n_nodules"] / n, abs=DIGITS)
    together = (kept["accuracy"] * kept["n_nodules"] + put_off["accuracy"] * put_off["n_nodules"]) / n
    assert result["balanced"]["accuracy"] == pytest.approx(together, abs=DIGITS)
    assert put_off["accuracy"] < kept["accuracy"]  # which is what deferring is for


@pytest.mark.parametrize("key", KEYS)
def test_curves_show_the_same_nodules(key):
    curves, result = MODELS[key]["curves"], MODELS[key]
    assert sum(curves["histogram"]["benign"]) == DATA["n_benign"]
    assert sum(curves["histogram"]["malignant"]) == DATA["n_malignant"]
    bins = curves["reliability"]
    assert sum(part["n"] for part in bins) == result["n_nodules"]
    gaps = [part["n"] * abs(part["predicted"] - part["observed"]) for part in bins]
    assert result["calibration_error"] == pytest.approx(sum(gaps) / result["n_nodules"], abs=DIGITS)
    area = np.trapezoid(curves["roc"]["true_positive"], curves["roc"]["false_positive"])
    assert result["auc"] == pytest.approx(area, abs=0.02)


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


def test_clicks_are_counted_and_every_enlarged_lesion_gets_one_verdict_at_a_size():
    clicks = EVALUATION["clicks"]
    for row in clicks["rows"]:
        assert row["share"] == pytest.approx(row["other"] / clicks["n_nodules"], abs=DIGITS)
        assert row["share_low"] <= row["share"] <= row["share_high"]
    rows = clicks["enlarged"]["rows"]
    assert [row["mm"] for row in rows] == list(SIZES_MM)
    for row in rows:
        assert (
            sum(row[verdict] for verdict in VERDICTS) == row["n_nodules"] <= clicks["enlarged"]["n_nodules"]
        )
