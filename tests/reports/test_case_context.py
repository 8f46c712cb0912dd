import json

import numpy as np
import pytest

from app import ROOT
from models.imaging.scan import Roi, Scan
from models.inference.finding import Finding
from models.inference.measurement.sizes import Measurement
from models.inference.reading import Reading
from models.reports.case_context import case_of

NOTHING = {
    "histogram": None,
    "rank": None,
    "rates": None,
    "auc": None,
    "errors": {"descriptors": {}, "size": None, "texture": None},
}
RATES = {"sensitivity": 0.8, "sensitivity_low": 0.7, "sensitivity_high": 0.9, "ppv_at_10": 0.4}
RESULT = {"auc": 0.94, "auc_low": 0.9, "auc_high": 0.97, "n_nodules": 7, "n_malignant": 3, "balanced": RATES}
CURVES = {
    "histogram": {"edges": [0.0, 0.25, 0.5, 0.75, 1.0], "benign": [2, 1, 0, 1], "malignant": [0, 0, 1, 2]},
    "probabilities": {"benign": [0.1, 0.2, 0.3, 0.8], "malignant": [0.6, 0.8, 0.9]},
}


def finding_of(probability=0.5, mm=None, model="vgg16"):
    scan = Scan(np.zeros((1, 8, 8), np.float32), (0.7, 0.7), mm is None, True)
    measurement = Measurement(long_axis_mm=mm, mean_diameter_mm=mm and 0.8 * mm)
    return Finding(
        scan=scan,
        reading=Reading(Roi(4, 4, 0, "given"), {}, (), "", measurement=measurement),
        verdict="benign",
        model=model,
        title="",
        probability=probability,
        threshold=0.5,
        models=(),
        characteristics={},
        notices=(),
    )


def evaluated(**parts):
    return {"models": {"vgg16": RESULT | {"curves": CURVES}}} | parts


def test_where_nothing_was_measured_all_is_none():
    assert case_of(finding_of(), {}, {}) == NOTHING
    assert case_of(finding_of(model="resnet", mm=7.0), evaluated(), {"measured": {}}) == NOTHING


def test_of_what_is_no_nodule_nothing_is_said():
    assert case_of(finding_of(probability=None, mm=7.0), evaluated(), {}) is None


def test_figures_are_those_of_the_model():
    case = case_of(finding_of(), evaluated(), {})
    assert case["auc"] == {"auc": 0.94, "auc_low": 0.9, "auc_high": 0.97}
    assert case["rates"] == RATES | {"n_malignant": 3, "n_benign": 4}


@pytest.mark.parametrize(
    ("probability", "index"), [(0.0, 0), (0.2499, 0), (0.25, 1), (0.74, 2), (0.75, 3), (1.0, 3)]
)
def test_the_bin_is_the_one_that_numpy_counts_the_probability_in(probability, index):
    found = case_of(finding_of(probability), evaluated(), {})["histogram"]
    assert found == CURVES["histogram"] | {"n_benign": 4, "n_malignant": 3, "most": 2, "bin": index}
    assert np.histogram([probability], found["edges"])[0][index] == 1


def test_place_counts_neither_side_of_what_is_equal():
    place = case_of(finding_of(0.8), evaluated(), {})["rank"]
    assert place["benign"] == {"lower": 0.75, "higher": 0.0}
    assert place["malignant"] == {"lower": pytest.approx(1 / 3), "higher": pytest.approx(1 / 3)}
    outside = case_of(finding_of(0.0), evaluated(), {})["rank"]
    assert outside == dict.fromkeys(("benign", "malignant"), {"lower": 0.0, "higher": 1.0})


def test_errors_of_descriptors_stand_next_to_a_constant_and_a_reader():
    own = {"mae": 0.5, "mae_low": 0.4, "mae_high": 0.6, "bias": -0.1, "correlation": 0.5}
    sample = {
        "against_mean": {"margin": {"vgg16": own, "constant": {"mae": 0.8}}, "texture": {"resnet": own}},
        "against_others": {"margin": {"reader": {"mae": 0.7}}},
    }
    found = case_of(finding_of(), evaluated(descriptors={"all": sample}), {})["errors"]["descriptors"]
    assert found == {"margin": own | {"constant": 0.8, "reader": 0.7}}


@pytest.mark.parametrize(
    ("mm", "group", "small"),
    [(5.9, "below 6 mm", True), (6.0, "6 mm or more", False), (None, "all", None)],
)
def test_the_error_of_a_size_is_that_of_like_nodules(mm, group, small):
    sizes = {"all": 0.3, "6 mm or more": 0.6, "below 6 mm": 0.2}
    report = {
        "measured": {
            name: {
                "nodules": 9,
                "diameter_error_mm": {"median": error, "bias": 0.0, "limits": [-1.0, 2.0]},
                "mean_hu_error": {"median": 20 * error},
                "readers": {"diameter_error_mm": {"median": error / 2}},
            }
            for name, error in sizes.items()
        }
    }
    unknown = dict.fromkeys(("long_axis", "short_axis", "mean_diameter", "diameter", "mean_hu"))
    assert case_of(finding_of(mm=mm), {}, report)["errors"]["size"] == unknown | {
        "n_nodules": 9,
        "small": small,
        "diameter": {"median": sizes[group], "bias": 0.0, "limits": [-1.0, 2.0]},
        "mean_hu": {"median": 20 * sizes[group]},
        "readers": unknown | {"diameter": {"median": sizes[group] / 2}},
    }


def test_the_agreement_of_texture_is_passed_on():
    texture = {"n_nodules": 5, "agreement": 0.8}
    assert case_of(finding_of(), {"texture": texture}, {})["errors"]["texture"] == texture


@pytest.mark.parametrize("model", ["consensus", "vgg16", "efficientnet"])
def test_the_shipped_files_have_all_that_a_case_needs(model):
    evaluation, localiser = (
        json.loads((ROOT / "weights" / f"{name}.json").read_text()) for name in ("evaluation", "localiser")
    )
    case = case_of(finding_of(0.3, mm=9.0, model=model), evaluation, localiser)
    assert None not in case.values()
    assert None not in case["errors"].values()
    assert None not in case["errors"]["size"].values()
    assert len(case["errors"]["descriptors"]) == 8
    assert all(None not in error.values() for error in case["errors"]["descriptors"].values())
    for kind in ("benign", "malignant"):
        counts, place = case["histogram"], case["rank"][kind]
        below = sum(counts[kind][: counts["bin"]]) / counts[f"n_{kind}"]
        assert below <= place["lower"] <= below + counts[kind][counts["bin"]] / counts[f"n_{kind}"]
        assert place["lower"] + place["higher"] == pytest.approx(1)
