"""The quick passes give what the plain networks give."""

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from app import ROOT
from models.imaging.patch import PATCH
from models.inference.classifier import ModelRegistry
from models.inference.saliency.saliency import Explainer
from models.inference.views import eight_views
from models.networks.registry import ARCHITECTURES
from training.publish.manifest import write_manifest
from training.saliency.methods import explaining

WEIGHTS = ROOT / "weights"
PATCHES = np.random.default_rng(0).random((9, *PATCH.shape), np.float32)


def plain(key):
    model = ARCHITECTURES[key].build(PATCH.shape)
    model.load_weights(WEIGHTS / f"{key}.weights.h5")
    return keras.Model(model.input, {**model.output, "features": model.get_layer("pool").output})


@pytest.mark.parametrize("key", ARCHITECTURES)
def test_the_quick_pass_gives_what_the_plain_network_gives(app, key):
    expected = plain(key)(PATCHES, training=False)
    for output in (app.registry.forward(key)(PATCHES), app.registry._runner.begin(PATCHES)()[key]):
        assert set(output) == {"rating", "descriptors", "diameter", "features"}
        for name, values in output.items():
            np.testing.assert_allclose(values, expected[name], atol=1e-4, err_msg=name)


def test_all_answers_at_once_are_those_of_each_model_alone(app):
    together = app.registry.predict_all(PATCHES)
    assert list(together) == list(ARCHITECTURES)
    for key, prediction in together.items():
        alone = app.registry.predict(key, PATCHES)
        assert prediction.probability == pytest.approx(alone.probability, abs=1e-5)
        assert prediction.descriptors == pytest.approx(alone.descriptors, abs=1e-4)
        np.testing.assert_allclose(prediction.features, alone.features, atol=1e-4)


@pytest.fixture
def small(tmp_path):
    """A weights folder with what one network needs; its registry."""
    for name in ("manifest.json", "alexnet.json", "alexnet.weights.h5", "saliency.json"):
        shutil.copy(WEIGHTS / name, tmp_path)
    return tmp_path, ModelRegistry(tmp_path)


def test_weights_that_are_removed_or_damaged_while_the_app_runs_change_nothing(small, app):
    folder, registry = small
    before = registry.predict("alexnet", PATCHES).score
    (folder / "saliency.json").unlink()
    with open(folder / "alexnet.weights.h5", "r+b") as file:
        file.write(b"\xff" * 100_000)
    assert registry.predict("alexnet", PATCHES).score == before
    (folder / "alexnet.weights.h5").unlink()
    maps, expected = (each.explain(["alexnet"], PATCHES[0]) for each in (registry, app.registry))
    np.testing.assert_allclose(maps["alexnet"].map, expected["alexnet"].map, atol=1e-4)
    assert registry.predict("alexnet", PATCHES).score == before


@pytest.mark.parametrize("method", ["net_evidence", "robust_shifted_evidence"])
def test_a_map_is_the_one_of_the_plain_network(small, method):
    folder, _ = small
    how = {"models": {"alexnet": {"method": method, "layer": "input+conv5_relu"}}}
    (folder / "saliency.json").write_text(json.dumps(how))
    write_manifest(folder)
    registry = ModelRegistry(folder)
    assert (registry.explained_by("consensus"), registry.explained_by("vgg16")) == (["alexnet"], [])
    maps = registry.explain(registry.explained_by("alexnet"), PATCHES[3])
    model = ARCHITECTURES["alexnet"].build(PATCH.shape)
    model.load_weights(WEIGHTS / "alexnet.weights.h5")
    alone = explaining(model, Explainer(method, "input+conv5_relu"))(eight_views(PATCHES[3:4]))
    np.testing.assert_allclose(maps["alexnet"].map, alone.map, atol=1e-3)
    assert list(maps) == ["alexnet"]


def test_a_part_is_loaded_once_however_many_ask_for_it(small):
    registry = ModelRegistry(small[0], at_once=False)
    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(lambda _: id(registry._runner), range(8)))
    assert len(set(loaded)) == 1
    assert registry.available("alexnet")


def test_the_rest_is_prepared_in_the_background(small):
    for path in WEIGHTS.glob("localiser*"):
        shutil.copy(path, small[0])
    write_manifest(small[0])
    registry = ModelRegistry(small[0])
    assert "localiser" not in vars(registry)
    registry.prepare_rest()
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "prepare"]
    thread.join()
    assert "localiser" in vars(registry)
    assert "ready" in vars(registry._runner._evidence["alexnet"])
