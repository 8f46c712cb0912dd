"""What the page of a result is given: numbers, places and states; all words are the template's."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from models.inference.finding import ModelAnswer
from models.inference.measurement.sizes import Measurement
from models.inference.saliency.saliency import Saliency
from models.reports.facts import diagnosed
from models.reports.result import (
    descriptors,
    map_picture,
    nearby,
    result_page,
    sizes,
    votes,
)
from tests.reports.changed import changed
from tests.reports.test_as_text import finding_of_vgg16


def finding(**fields):
    return changed(finding_of_vgg16(), **fields)


def map_of(values):
    return Saliency(values, "gradcam", "block5")


def spot():
    found = np.zeros((64, 64), np.float32)
    found[30:34, 30:34] = 1
    return map_of(found)


EMPTY = map_of(np.zeros((64, 64), np.float32))
PICTURE = "/scan/x/finding/0/saliency/vgg16.png"


@pytest.mark.parametrize(
    ("saliency", "address", "is_on", "state"),
    [
        (None, None, True, "none"),
        (None, PICTURE, True, "on"),  # its picture says what there is to see
        (None, PICTURE, False, "off"),
        (EMPTY, PICTURE, True, "empty"),
        (EMPTY, PICTURE, False, "empty"),
        (spot(), PICTURE, True, "on"),
        (spot(), PICTURE, False, "off"),
    ],
)
def test_a_map_is_drawn_only_where_there_is_one_and_it_is_on(saliency, address, is_on, state):
    page = result_page(finding(saliency=saliency), {}, overlay_on=is_on, map_address=address)
    assert page["overlay"]["state"] == state
    assert page["overlay"].get("picture") == (PICTURE if state == "on" else None)


def test_the_picture_of_a_map_shows_it_or_says_that_it_is_empty():
    drawn, empty = (
        np.asarray(Image.open(io.BytesIO(map_picture(finding(saliency=found), "Nothing counted more."))))
        for found in (spot(), EMPTY)
    )
    assert drawn.shape == empty.shape == (384, 384, 4)
    assert drawn[192, 192, 3] > 200
    assert drawn[20, 20, 3] == 0
    rows, cols = np.nonzero(empty[..., 3])
    assert len(rows) > 500  # words,
    assert 150 < rows.mean() < 234  # in the middle
    assert 150 < cols.mean() < 234


def test_the_map_comes_with_what_was_measured_of_the_model_in_front():
    pointing = {"value": 0.86, "low": 0.8, "high": 0.9, "n_nodules": 120, "centre": 0.2}
    report = {"models": {"vgg16": {"pointing": pointing}, "resnet": {"pointing": {"value": 0.1}}}}
    assert result_page(finding(saliency=spot()), {}, report)["overlay"]["measured"] == {"pointing": pointing}
    assert result_page(finding(saliency=spot()), {})["overlay"]["measured"] == {}


def answers(*verdicts):
    return tuple(
        ModelAnswer(str(i), str(i), verdict, verdict and 0.1 * i, verdict and 0.5)
        for i, verdict in enumerate(verdicts, 1)
    )


def test_votes_are_counted_of_the_models_that_could_answer():
    found = votes(answers("malignant", "benign", None, "malignant", "indeterminate"))
    assert found["counts"] == {"malignant": 2, "benign": 1, "indeterminate": 1, "no_nodule": 0}
    assert (found["n"], found["lowest"], found["highest"]) == (4, 0.1, 0.5)


def test_no_model_no_votes():
    assert votes(answers(None, None)) == {
        "counts": {"malignant": 0, "benign": 0, "indeterminate": 0, "no_nodule": 0},
        "n": 0,
        "lowest": None,
        "highest": None,
    }


@pytest.mark.parametrize(
    ("measurement", "assumed", "is_hu", "missing"),
    [
        (None, False, True, {"size": "outline"}),
        (Measurement(5.0, 4.0, 4.5, 4.4, -30.0, "solid"), False, True, {"volume_mm3": "single"}),
        (
            Measurement(5.0, 4.0, 4.5, 4.4),
            False,
            False,
            {"volume_mm3": "single", "texture": "hu", "mean_hu": "hu"},
        ),
        (
            Measurement(5.0, 4.0, 4.5, 4.4, -30.0),
            False,
            True,
            {"volume_mm3": "single", "texture": "other"},
        ),
        (
            Measurement(mean_hu=-30.0),
            True,
            True,
            dict.fromkeys(
                ["long_axis_mm", "short_axis_mm", "mean_diameter_mm", "equivalent_diameter_mm", "texture"],
                "spacing",
            )
            | {"volume_mm3": "single"},
        ),
    ],
)
def test_what_was_not_measured_has_a_reason(measurement, assumed, is_hu, missing):
    scan = replace(finding().scan, spacing_assumed=assumed, is_hu=is_hu)
    rows = sizes(finding(measurement=measurement, scan=scan))
    assert {row["name"]: row["missing"] for row in rows if row["missing"]} == missing
    assert all((row["value"] is None) == (row["missing"] is not None) for row in rows)


@pytest.mark.parametrize(("value", "level"), [(0.8, 1), (1.49, 1), (2.5, 3), (4.49, 4), (5.2, 5)])
def test_a_descriptor_has_the_nearest_level_of_its_scale(value, level):
    (row,) = descriptors({"spiculation": value, "texture": None}, {})
    assert (row["name"], row["level"], row["low"], row["high"]) == ("spiculation", level, 1, 5)
    assert 0 <= row["share"] <= 1


@pytest.mark.parametrize(("mae", "useless"), [(0.5, False), (0.96, True)])
def test_a_descriptor_that_is_no_better_than_a_constant_is_useless(mae, useless):
    (row,) = descriptors({"margin": 3.0}, {"margin": {"mae": mae, "constant": 1.0}})
    assert (row["error"], row["useless"]) == (mae, useless)


def test_an_error_that_was_not_measured_is_none():
    (row,) = descriptors({"margin": 3.0}, {})
    assert (row["error"], row["useless"]) == (None, False)


HISTOGRAM = {"edges": [0, 0.25, 0.5, 0.75, 1], "benign": [50, 10, 2, 1], "malignant": [1, 5, 4, 40]}


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (0, {"low": 0, "high": 0.25, "n": 51, "malignant": 1}),
        (1, {"low": 0, "high": 0.75, "n": 72, "malignant": 10}),
        (2, {"low": 0.25, "high": 1, "n": 62, "malignant": 49}),
    ],
)
def test_nearby_cases_are_taken_from_as_many_bins_as_hold_enough(index, expected):
    assert nearby(HISTOGRAM | {"bin": index}) == expected


def test_nearby_cases_end_with_the_scale():
    few = {"edges": [0, 0.5, 1], "benign": [1, 0], "malignant": [0, 2], "bin": 1}
    assert nearby(few) == {"low": 0, "high": 1, "n": 3, "malignant": 2}
    assert nearby(None) is None


@pytest.mark.parametrize(("malignant", "few"), [(26, True), (15, False), (4, True)])
def test_diagnoses_are_given_with_whether_they_are_few(malignant, few):
    aucs = {name: {"auc": 0.8} for name in ("vgg16", "readers", "diameter")}
    found = diagnosed({"diagnoses": {"n_patients": 30, "n_malignant": malignant} | aucs}, "vgg16")
    assert (found["n"], found["malignant"], found["few"], found["rows"]) == (30, malignant, few, aucs)


def test_without_diagnoses_of_the_model_there_is_nothing_to_tell():
    assert diagnosed({}, "vgg16") is None
    assert (
        diagnosed({"diagnoses": {"n_patients": 3, "n_malignant": 1, "resnet": {"auc": 0.8}}}, "vgg16") is None
    )
