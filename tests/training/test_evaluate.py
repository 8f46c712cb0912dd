import json

import numpy as np
import pytest

from app import ROOT
from models.inference.calibration import Platt, logit
from models.networks.registry import ARCHITECTURES
from training.dataset import load
from training.evaluate import fit_platt, main, measure, table, write_readme, write_report
from training.export import RECIPE

REPORTS = [*ARCHITECTURES, "consensus"]


def report_of(key):
    return json.loads((ROOT / "weights" / f"{key}.json").read_text())


def test_the_readme_shows_the_table_of_the_shipped_reports():
    assert table(ROOT / "weights") in (ROOT / "README.md").read_text()


def test_the_table_in_a_readme_is_written_anew_and_all_else_kept(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- results -->\nold\n<!-- /results -->\nafter\n")
    write_readme(path, ROOT / "weights")
    lines = path.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert "old" not in lines
    assert table(ROOT / "weights").splitlines() == lines[2:-2]


def test_the_command_without_data_prints_the_table(capsys):
    main(["--weights", str(ROOT / "weights")])
    assert capsys.readouterr().out.strip() == table(ROOT / "weights")


def test_platt_scaling_recovers_the_coefficients_that_made_the_labels():
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.02, 0.98, 40_000)
    labels = rng.random(scores.size) < Platt(1.8, 0.7)(scores)
    fitted = fit_platt(labels, scores)
    assert fitted.slope == pytest.approx(1.8, abs=0.06)
    assert fitted.intercept == pytest.approx(0.7, abs=0.06)
    assert logit(0.5) == 0


def test_a_report_keeps_what_is_not_changed(tmp_path):
    write_report(tmp_path, "vgg16", sha256="ab", threshold=0.4)
    write_report(tmp_path, "vgg16", threshold=0.5)
    assert json.loads((tmp_path / "vgg16.json").read_text()) == {"sha256": "ab", "threshold": 0.5}


def test_measured_figures_of_a_separable_case(patches_file):
    nodules = load(patches_file)
    indices = np.arange(len(nodules))
    result = measure(nodules, indices, nodules.label.astype(float), 0.5)
    assert (result["auc"], result["auc_low"], result["auc_high"]) == (1.0, 1.0, 1.0)
    assert (result["accuracy"], result["sensitivity"], result["specificity"]) == (1.0, 1.0, 1.0)
    assert (result["n_nodules"], result["n_malignant"], result["n_patients"]) == (14, 7, 14)


@pytest.mark.parametrize("key", ARCHITECTURES)
def test_a_shipped_report_says_how_the_weights_came_to_be(key):
    report = report_of(key)
    assert set(RECIPE) <= set(report["training"])
    assert set(report["calibration"]) == {"slope", "intercept"}
    assert report["patch"] == {"pixels": 64, "field_mm": 32.0, "percentiles": [2.0, 99.5]}


@pytest.mark.parametrize("key", REPORTS)
def test_a_shipped_report_measures_the_stack_and_the_middle_slice(key):
    results = report_of(key)["results"]
    for result in (results, results["middle_slice"]):
        assert 0 < result["auc_low"] < result["auc"] < result["auc_high"] <= 1
        assert result["threshold"] == report_of(key)["threshold"]
        assert result["n_nodules"] == 193
