"""The quick passes give what the plain networks give."""

import json
import shutil

import keras
import numpy as np
import pytest

from app import ROOT
from models.imaging.patch import PATCH
from models.inference.bank import ModelBank
from models.inference.forward import folded, quick
from models.networks.localiser import build_localiser
from models.networks.registry import ARCHITECTURES

WEIGHTS = ROOT / "weights"
PATCHES = np.random.default_rng(0).random((9, *PATCH.shape), np.float32)


def plain(key):
    model = ARCHITECTURES[key].build(PATCH.shape)
    model.load_weights(WEIGHTS / f"{key}.weights.h5")
    return keras.Model(model.input, {**model.output, "features": model.get_layer("pool").output})


@pytest.mark.parametrize("key", ARCHITECTURES)
def test_the_quick_pass_gives_what_the_plain_network_gives(app, key):
    expected = plain(key)(PATCHES, training=False)
    for output in (app.bank.forward(key)(PATCHES), app.bank._passes.all(PATCHES)[key]):
        assert set(output) == {"rating", "descriptors", "diameter", "features"}
        for name, values in output.items():
            np.testing.assert_allclose(values, expected[name], atol=1e-4, err_msg=name)


def test_all_answers_at_once_are_those_of_each_model_alone(app):
    together = app.bank.predict_all(PATCHES, slice(2, 5))
    assert list(together) == list(ARCHITECTURES)
    for key, prediction in together.items():
        alone = app.bank.predict(key, PATCHES, slice(2, 5))
        assert prediction.probability == pytest.approx(alone.probability, abs=1e-5)
        assert prediction.descriptors == pytest.approx(alone.descriptors, abs=1e-4)
        np.testing.assert_allclose(prediction.features, alone.features, atol=1e-4)


def test_the_quick_localiser_gives_what_the_plain_one_gives_for_fields_of_any_shape():
    model = build_localiser(tuple(json.loads((WEIGHTS / "localiser.json").read_text())["filters"]))
    model.load_weights(WEIGHTS / "localiser.weights.h5")
    passing = quick(folded(model))
    for shape in ((2, 96, 96), (1, 160, 128), (8, 96, 96), (1, 16, 16)):  # filters are rearranged by shape
        fields = np.random.default_rng(1).random((*shape, 3), np.float32)
        np.testing.assert_allclose(passing(fields), model(fields, training=False), atol=1e-4)


def test_a_folded_network_has_no_batch_normalisation_and_no_dropout():
    model = folded(ARCHITECTURES["efficientnet"].build(PATCH.shape))
    kinds = {type(layer) for layer in model.layers}
    assert not kinds & {keras.layers.BatchNormalization, keras.layers.Dropout}


@pytest.fixture
def small(tmp_path):
    """A weights folder with what one network needs; its bank."""
    for name in ("alexnet.json", "alexnet.weights.h5", "saliency.json"):
        shutil.copy(WEIGHTS / name, tmp_path)
    return tmp_path, ModelBank(tmp_path)


def test_weights_that_are_removed_or_damaged_while_the_app_runs_change_nothing(small, app):
    folder, bank = small
    before = bank.predict("alexnet", PATCHES).score
    (folder / "saliency.json").unlink()
    with open(folder / "alexnet.weights.h5", "r+b") as file:
        file.write(b"\xff" * 100_000)
    assert bank.predict("alexnet", PATCHES).score == before
    (folder / "alexnet.weights.h5").unlink()
    explained = bank.explain(PATCHES[:8])["alexnet"]  # what explains it is made now, from memory
    np.testing.assert_allclose(explained.map, app.bank.explain(PATCHES[:8])["alexnet"].map, atol=1e-4)
    assert bank.predict("alexnet", PATCHES).score == before


def test_explainers_are_made_in_the_background_or_on_first_use_with_the_same_maps(small):
    folder, bank = small
    other = ModelBank(folder)
    other.prepare_to_explain()
    one, two = (each.explain(PATCHES[:8])["alexnet"].map for each in (bank, other))
    assert one.any()
    np.testing.assert_allclose(one, two, atol=1e-4)
