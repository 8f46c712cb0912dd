import ast
from types import SimpleNamespace

import numpy as np
import pytest

from app import ROOT
from models.imaging.phantom import draw_phantom
from models.imaging.scan import Notice, Roi, Scan
from models.inference.measurement.outline import contour
from models.inference.measurement.sizes import Measurement
from models.inference.quality_warnings import ORDER, in_order, quality_warnings
from tests.inference.measurement.shapes import disc_outline

DATA = {"diameter_mm": {"low": 3.75, "high": 39.39}, "contrast": {"n_nodules": 2010, "given": 637}}
EDGE = 64
MIDDLE = Roi((EDGE - 1) / 2, (EDGE - 1) / 2, 0, "centre")
NODULE = contour(disc_outline(10, (0.7, 0.7), (MIDDLE.row, MIDDLE.col), (EDGE, EDGE)))


def codes_in_the_code():
    """Every code that a Notice is made with anywhere in the product."""
    trees = [ast.parse(path.read_text()) for path in [*(ROOT / "models").rglob("*.py"), ROOT / "app.py"]]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    made = [call for call in calls if getattr(call.func, "id", None) == "Notice" and call.args]
    return {call.args[0].value for call in made}


def scan_of(pixels=None, is_hu=True, contrast=None):
    pixels = np.zeros((EDGE, EDGE)) if pixels is None else pixels
    return Scan(np.asarray(pixels, np.float32)[None], (0.7, 0.7), False, is_hu, contrast=contrast)


def notices(scan=None, outline=NODULE, measurement=None, similar_cases=None, evaluation=None):
    evaluation = {"data": DATA} if evaluation is None else evaluation
    return quality_warnings(scan or scan_of(), MIDDLE, outline, measurement, similar_cases, evaluation)


def size(long, mean):
    return Measurement(long_axis_mm=long, mean_diameter_mm=mean)


def picture(nodule, lung, share_white=1.0, share_black=1.0):
    """A picture from 0 to 255 with a nodule and lung of these values; else they are just not cut off."""
    rng = np.random.default_rng(0)
    pixels = np.full((EDGE, EDGE), 60.0)
    pixels[:, : round(share_black * EDGE)] = lung
    inside = np.hypot(*(np.indices((EDGE, EDGE)) - MIDDLE.row)) * 0.7 < 5
    pixels[inside] = np.where(rng.random(inside.sum()) < share_white, nodule, 200.0)
    pixels[0, :2] = 0, 255
    return scan_of(pixels, is_hu=False)


def test_an_ordinary_nodule_raises_no_doubt():
    near = SimpleNamespace(is_out_of_distribution=False, farther_than=0.4)
    assert notices(scan_of(contrast=False), measurement=size(9.0, 8.0), similar_cases=near) == ()


def test_what_is_not_known_raises_no_doubt():
    assert notices(measurement=None) == notices(measurement=Measurement(mean_hu=20.0)) == ()
    assert notices(measurement=size(1.0, 1.0), evaluation={}) == ()


@pytest.mark.parametrize(("farther_than", "share"), [(0.9949, "99.4 %"), (0.99996, "99.9 %"), (1.0, "100 %")])
def test_an_image_unlike_the_training_data_says_how_unlike(farther_than, share):
    (notice,) = notices(similar_cases=SimpleNamespace(is_out_of_distribution=True, farther_than=farther_than))
    assert notice.code == "unlike_training"
    assert f"less like them than {share} of real nodules of other patients" in notice.message


@pytest.mark.parametrize(
    ("long", "outside", "mass"),
    [(3.7, True, False), (3.8, False, False), (30.0, False, False), (30.01, False, True), (45.0, True, True)],
)
def test_sizes_beyond_those_of_training_and_beyond_nodules(long, outside, mass):
    found = {notice.code: notice.message for notice in notices(measurement=size(long, 0.8 * long))}
    assert list(found) == ["mass"] * mass + ["size_out_of_range"] * outside
    if outside:
        assert found["size_out_of_range"] == (
            f"The nodule is {long:.1f} mm long; 99 of 100 nodules the models were trained on are "
            "3.8 to 39.4 mm. They were hardly tested on other sizes."
        )
    if mass:
        assert found["mass"] == (
            f"A mass: {long:.1f} mm long, more than 30 mm. It is suspicious by size alone, whatever the "
            "models say, and guidelines for nodules do not apply (Fleischner glossary, Hansell et al., "
            "Radiology 246, 697, 2008)."
        )


def test_contrast_agent_is_named_with_its_share_of_the_training_data():
    (notice,) = notices(scan_of(contrast=True))
    assert notice.code == "contrast"
    assert "Of the 2,010 nodules the models were trained on, 637 were" in notice.message
    (short,) = notices(scan_of(contrast=True), evaluation={})
    assert short.message == notice.message.partition(" Of the")[0]
    assert notices(scan_of(contrast=None)) == ()


@pytest.mark.parametrize(
    ("scan", "white", "black"),
    [
        (picture(255, 20), True, False),
        (picture(253, 20), True, False),
        (picture(250, 20), False, False),
        (picture(255, 20, share_white=0.1), False, False),
        (picture(255, 20, share_white=0.3), True, False),
        (picture(200, 0), False, True),
        (picture(200, 0, share_black=0.4), False, False),
        (picture(200, 0, share_black=0.6), False, True),
        (picture(255, 0), True, True),
    ],
)
def test_a_picture_whose_grey_values_are_cut_off(scan, white, black):
    found = notices(scan)
    text = found[0].message if found else ""
    assert [notice.code for notice in found] == ["window_saturated"] * (white or black)
    assert ("calcium cannot be distinguished" in text) is white
    assert ("ground glass cannot be seen" in text) is black


def test_hounsfield_units_and_a_nodule_without_outline_are_not_cut_off():
    bright = picture(255, 20)
    assert notices(bright, outline=None) == ()
    assert notices(scan_of(bright.slices[0], is_hu=True)) == ()
    assert notices(scan_of(np.full((EDGE, EDGE), 7.0), is_hu=True)) == ()


@pytest.mark.parametrize("kind", ["smooth", "spiculated"])
def test_a_picture_with_all_its_grey_values_raises_no_doubt(kind):
    pixels = draw_phantom(kind).astype(np.float32)
    middle = (pixels.shape[0] - 1) / 2
    outline = contour(disc_outline(10, (0.7, 0.7), (middle, middle), pixels.shape))
    roi = Roi(middle, middle, 0, "centre")
    assert quality_warnings(scan_of(pixels, is_hu=False), roi, outline, None, None, {}) == ()


def test_every_code_has_its_place_in_the_order_once():
    assert codes_in_the_code() == set(ORDER)
    assert len(ORDER) == len(set(ORDER))


def test_notices_come_by_weight_and_unknown_ones_last():
    given = [
        Notice("left_out", "a"),
        Notice("of_a_later_version", "b"),
        Notice("thick_slices", "c"),
        Notice("unlike_training", "d"),
        Notice("left_out", "e"),
    ]
    ordered = in_order(given)
    assert [notice.message for notice in ordered] == ["d", "c", "a", "e", "b"]
