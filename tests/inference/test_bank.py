import json
import shutil

import numpy as np
import pytest

from app import ROOT
from models.errors import ScanError
from models.imaging.patch import PATCH
from models.inference.bank import CONSENSUS, ModelBank
from models.networks.registry import ARCHITECTURES
from training.export import float16_shift, save_float16

WEIGHTS = ROOT / "weights"


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    """The shipped weights, each but the last spoilt in another way."""
    folder = tmp_path_factory.mktemp("weights")
    shutil.copytree(WEIGHTS, folder, dirs_exist_ok=True)
    (folder / "vgg16.weights.h5").unlink()
    with open(folder / "vgg19.weights.h5", "r+b") as file:
        file.seek(100_000)
        file.write(b"\xff" * 64)
    (folder / "resnet.json").write_text("{")
    (folder / "alexnet.json").unlink()
    return ModelBank(folder)


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("vgg16", "vgg16.weights.h5 is missing."),
        ("vgg19", "vgg19.weights.h5 is damaged: its checksum is not the one in vgg19.json."),
        ("resnet", "resnet.json is damaged."),
        ("alexnet", "alexnet.json is missing."),
    ],
)
def test_a_spoilt_model_is_unavailable_and_says_why(spoilt, key, problem):
    assert spoilt.problems[key] == problem
    assert not spoilt.available(key)
    with pytest.raises(ScanError) as caught:
        spoilt.predict(key, np.zeros((1, *PATCH.shape), np.float32))
    assert caught.value.code == "model_unavailable"


def test_the_others_go_on(spoilt):
    assert spoilt.available("efficientnet")
    assert spoilt.available(CONSENSUS)
    assert 0 <= spoilt.predict("efficientnet", np.zeros((1, *PATCH.shape), np.float32)).probability <= 1


def test_all_shipped_models_load_and_fit_their_size(app):
    assert app.bank.problems == {}
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 140_000_000


@pytest.mark.parametrize("key", ARCHITECTURES)
def test_shipped_weights_moved_little_when_stored_as_float16(key):
    report = json.loads((WEIGHTS / f"{key}.json").read_text())
    assert report["float16_largest_shift"] <= 0.002


@pytest.mark.parametrize("key", ["alexnet", "efficientnet"])
def test_float16_on_disk_moves_no_probability_by_more_than_0_002(key, tmp_path):
    model = ARCHITECTURES[key].build(PATCH.shape)
    rng = np.random.default_rng(0)
    for variable in model.non_trainable_variables:  # as if trained: batch statistics away from 0 and 1
        if "moving_mean" in variable.path:
            variable.assign(rng.normal(0, 0.1, variable.shape))
        if "moving_variance" in variable.path:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    path = tmp_path / "model.weights.h5"
    save_float16(model, path)
    assert path.stat().st_size < 2.4 * model.count_params()
    assert 0 < float16_shift(model, path) <= 0.002


def test_answers_are_averaged_over_the_patches(app):
    patches = np.random.default_rng(0).random((6, *PATCH.shape)).astype(np.float32)
    whole = app.bank.predict("alexnet", patches).score
    halves = [app.bank.predict("alexnet", part).score for part in np.split(patches, 2)]
    assert whole == pytest.approx(np.mean(halves), abs=1e-5)
