import json

import numpy as np
import pytest

from models.networks.registry import ARCHITECTURES
from training.publish.reports import table, write_json, write_readme, write_report


def written(tmp_path, content):
    """What a strict reader of JSON finds in the file."""
    write_json(tmp_path / "a.json", content)
    return json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.1234549, 0.12345),
        (0.1234551, 0.12346),
        (np.float64(2 / 3), 0.66667),
        (float("nan"), None),
        (float("inf"), None),
        (3, 3),
        (True, True),
        (None, None),
        ("0.1234567", "0.1234567"),
        ([1 / 3, [float("nan")], {"b": 2 / 3}], [0.33333, [None], {"b": 0.66667}]),
    ],
)
def test_numbers_are_rounded_and_nan_is_null_at_any_depth(tmp_path, value, expected):
    assert written(tmp_path, {"a": value, "in": {"a": value}}) == {"a": expected, "in": {"a": expected}}


def test_a_report_keeps_what_is_not_changed(tmp_path):
    write_report(tmp_path, "vgg16", sha256="ab", threshold=0.4)
    write_report(tmp_path, "vgg16", threshold=0.5)
    assert json.loads((tmp_path / "vgg16.json").read_text()) == {"sha256": "ab", "threshold": 0.5}


def test_a_report_is_not_rounded(tmp_path):
    write_report(tmp_path, "vgg16", threshold=1 / 3)
    assert json.loads((tmp_path / "vgg16.json").read_text())["threshold"] == 1 / 3


@pytest.fixture
def weights(tmp_path):
    """A folder with an evaluation.json in which every figure is another one."""

    def interval(auc):
        return {"auc": auc, "auc_low": auc - 0.1, "auc_high": auc + 0.05}

    models = {}
    for number, key in enumerate((*ARCHITECTURES, "consensus")):
        shift = number / 100
        point = {"sensitivity": 0.7 + shift, "specificity": 0.6 + shift}
        ahead = {"value": 0.04 + shift, "low": 0.03 - shift, "high": 0.06 + shift}
        models[key] = interval(0.81 + shift) | {
            "three_readers": interval(0.91 + shift),
            "ahead": {"diameter": ahead},
            "calibration_error": 0.01 + shift,
            "balanced": point,
            "n_nodules": 27,
            "n_malignant": 7,
            "n_patients": 9,
        }
    baselines = {
        name: interval(auc) | {"three_readers": interval(auc + 0.02)}
        for name, auc in (("diameter", 0.51), ("descriptors", 0.61))
    }
    data = {"n_indeterminate": 5, "n_patients": 11, "folds": 3}
    write_json(tmp_path / "evaluation.json", {"models": models, "baselines": baselines, "data": data})
    return tmp_path


def test_the_table_has_a_line_a_model_and_a_baseline(weights):
    lines = table(weights).splitlines()
    assert lines[2] == (
        "| VGG16 | 0.810 (0.710 to 0.860) | 0.910 (0.810 to 0.960) | 0.040 (0.030 to 0.060) "
        "| 0.010 | 0.700 | 0.600 |"
    )
    assert lines[7] == (
        "| Consensus | 0.860 (0.760 to 0.910) | 0.960 (0.860 to 1.010) | 0.090 (−0.020 to 0.110) "
        "| 0.060 | 0.750 | 0.650 |"
    )
    assert lines[8] == "| diameter alone | 0.510 (0.410 to 0.560) | 0.530 (0.430 to 0.580) | | | | |"
    assert lines[9].startswith("| readers' own descriptors | 0.610 ")
    assert lines[10:] == [
        "",
        "27 nodules (7 rated malignant) of 9 patients, each held out once (3 folds). The other 5 nodules",
        "of the 11 patients were rated in between and are left out.",
    ]


def test_all_lines_of_the_table_have_as_many_cells(weights):
    assert {line.count("|") for line in table(weights).splitlines()[:10]} == {8}


def test_the_table_in_a_readme_is_written_anew_and_all_else_kept(tmp_path, weights):
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- results -->\nold\n<!-- /results -->\nafter\n")
    for _ in range(2):
        write_readme(path, weights)
        expected = f"before\n<!-- results -->\n{table(weights)}\n<!-- /results -->\nafter\n"
        assert path.read_text() == expected
