"""The JSON interface: its fields and what they depend on."""

import io

import numpy as np
import pytest

from models.imaging.phantom import draw_phantom
from models.networks.registry import ARCHITECTURES
from tests.conftest import encode, post, upload
from tests.ingest.dicom_files import make_ct


def test_json_answer_has_every_field_of_the_contract(client, crop_png):
    body = post(client, upload(crop_png), spacing_mm="0.7").json
    assert set(body) == {
        "verdict",
        "model",
        "probability",
        "nodule_probability",
        "threshold",
        "models",
        "nodule",
        "characteristics",
        "image",
        "warnings",
        "disclaimer",
        "version",
        "similar",
        "reliability",
        "candidates",
    }
    assert body["model"] == "consensus"
    assert [row["key"] for row in body["models"]] == list(ARCHITECTURES)
    nodule = body["nodule"]
    assert {name: nodule[name] for name in ("row", "col", "slice", "source")} == {
        "row": 63.5,
        "col": 63.5,
        "slice": 0,
        "source": "centre",
    }
    assert {"long_axis_mm", "short_axis_mm", "outline"} <= set(nodule)
    assert {name: body["image"][name] for name in ("rows", "cols", "slices")} == {
        "rows": 128,
        "cols": 128,
        "slices": 1,
    }
    assert body["image"]["spacing_mm"] == 0.7
    assert body["image"]["is_hu"] is False
    assert body["image"]["spacing_assumed"] is False
    # with its spicules the drawn nodule is about as long as a mass
    assert {warning["code"] for warning in body["warnings"]} <= {"mass"}


def test_the_nodule_of_a_crop_is_measured_where_the_spacing_is_known(finder, crop_png):
    client = finder.test_client()
    nodule = post(client, upload(crop_png), spacing_mm="0.7").json["nodule"]
    assert nodule["long_axis_mm"] == pytest.approx(30, abs=1)  # 22 mm, and spicules
    assert 18 < nodule["short_axis_mm"] < nodule["long_axis_mm"]
    assert nodule["mean_hu"] is None
    unknown = post(client, upload(crop_png)).json["nodule"]
    assert unknown["long_axis_mm"] is None
    assert len(unknown["outline"]) > 10


def test_without_a_spacing_the_answer_says_that_it_was_assumed(finder, crop_png):
    body = post(finder.test_client(), upload(crop_png)).json
    assert body["image"]["spacing_assumed"] is True
    assert body["image"]["spacing_source"] == "assumed"
    codes = [warning["code"] for warning in body["warnings"]]
    assert codes == ["spacing_assumed", "size_unknown"]


def test_a_given_place_is_used_and_reported(client, slice_png):
    body = post(client, upload(slice_png), row="127.5", col="127.5").json
    assert (body["nodule"]["row"], body["nodule"]["col"]) == (127.5, 127.5)
    assert body["nodule"]["source"] == "given"
    assert body["verdict"] == "malignant"


def test_the_place_matters(client, slice_png):
    at_nodule = post(client, upload(slice_png), row="127.5", col="127.5").json
    beside = post(client, upload(slice_png), row="127.5", col="60").json
    assert (at_nodule["verdict"], beside["verdict"]) == ("malignant", "no_nodule")
    assert (at_nodule["nodule_probability"] > 0.9, beside["nodule_probability"] < 0.2) == (True, True)


def test_a_stack_is_read_in_natural_order_around_the_chosen_slice(client):
    smooth, spiculated = (encode(draw_phantom(kind)) for kind in ("smooth", "spiculated"))
    files = [
        upload(spiculated if i < 6 else smooth, f"slice-{i}.png")
        for i in (10, 11, 2, 1, 9, 0, 8, 7, 6, 5, 4, 3)
    ]
    first, last = (
        post(client, [(io.BytesIO(f[0].getvalue()), f[1]) for f in files], slice=i).json for i in (0, 11)
    )
    assert first["image"]["slices"] == 12
    assert (first["verdict"], last["verdict"]) == ("malignant", "benign")


def test_a_dicom_slice_is_read_in_hu_with_its_own_spacing(client, chest_hu):
    body = post(client, upload(make_ct(chest_hu, PixelSpacing=[0.8, 0.8]), "a.dcm"), row=200, col=160).json
    assert body["image"]["is_hu"] is True
    assert body["image"]["spacing_mm"] == 0.8
    assert body["image"]["spacing_assumed"] is False
    assert body["image"]["spacing_source"] == "file"


def test_a_dicom_crop_and_its_png_give_the_same_answer(client):
    grey = draw_phantom("spiculated").astype(np.int16)
    hu = post(client, upload(make_ct(grey * 5 - 1000, PixelSpacing=[0.7, 0.7]), "x")).json
    picture = post(client, upload(encode(grey.astype(np.uint8))), spacing_mm=0.7).json
    assert hu["probability"] == pytest.approx(picture["probability"], abs=0.01)


def test_models_as_json(app, client):
    rows = client.get("/api/v1/models").json["models"]
    assert [row["key"] for row in rows] == [*ARCHITECTURES, "consensus"]
    assert rows[0]["auc"] == app.registry.evaluation["models"]["vgg16"]["auc"]
