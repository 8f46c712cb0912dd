import csv
import hashlib
import json
from types import SimpleNamespace

import h5py
import keras
import numpy as np
import pytest

from models.imaging.patch import PATCH
from models.networks.registry import ARCHITECTURES
from models.weights import read_report
from training.publish.export import RECIPE, export, main, recipe_of

SECONDS = [60.0, 90.0, 30.0]


def write_run(folder, start=None, **values):
    """What a finished training leaves behind besides its weights."""
    folder.mkdir(parents=True)
    recipe = dict.fromkeys(RECIPE, 1) | values | {"start": start, "data": "somewhere", "quiet": True}
    (folder / "run.json").write_text(json.dumps(recipe))
    with open(folder / "history.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=["epoch", "seconds"])
        writer.writeheader()
        writer.writerows({"epoch": i + 1, "seconds": seconds} for i, seconds in enumerate(SECONDS))
    return folder


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A network with random weights, written as the command does it."""
    folder = tmp_path_factory.mktemp("export")
    keras.utils.set_random_seed(3)
    model = ARCHITECTURES["alexnet"].build(PATCH.shape)
    run = write_run(folder / "runs" / "alexnet", epochs=3)
    model.save_weights(run / "final.weights.h5")
    weights = folder / "weights"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.publish.export.PHANTOMS", 2)
        main(["--model", "alexnet", "--runs", str(folder / "runs"), "--weights", str(weights)])
    return SimpleNamespace(model=model, folder=weights, file=weights / "alexnet.weights.h5")


def test_the_report_describes_the_file_beside_it(exported):
    report = read_report(exported.folder, "alexnet")
    assert report["sha256"] == hashlib.sha256(exported.file.read_bytes()).hexdigest()
    assert report["bytes"] == exported.file.stat().st_size
    assert report["parameters"] == sum(int(np.prod(v.shape)) for v in exported.model.weights)
    assert (report["title"], report["citation"]) == (
        ARCHITECTURES["alexnet"].title,
        ARCHITECTURES["alexnet"].citation,
    )
    assert report["calibration"] == {"a": 1.0, "b": 1.0, "intercept": 0.0}
    assert 0 < report["float16_largest_shift"] < 0.002
    assert report["training"]["epochs"] == 3


def test_nothing_else_is_written(exported):
    assert sorted(path.name for path in exported.folder.iterdir()) == ["alexnet.json", "alexnet.weights.h5"]


def test_all_weights_are_stored_as_float16(exported):
    kinds = set()
    with h5py.File(exported.file) as file:
        file.visititems(lambda _, item: kinds.add(item.dtype) if isinstance(item, h5py.Dataset) else None)
    assert np.dtype(np.float16) in kinds
    assert not kinds & {np.dtype(np.float32), np.dtype(np.float64)}


def test_the_stored_weights_are_the_runs_rounded(exported):
    stored = ARCHITECTURES["alexnet"].build(PATCH.shape)
    stored.load_weights(exported.file)
    for ours, theirs in zip(stored.get_weights(), exported.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs.astype(np.float16).astype(np.float32))


def test_a_run_without_final_weights_cannot_be_exported(tmp_path):
    write_run(tmp_path / "alexnet")
    with pytest.raises(FileNotFoundError):
        export("alexnet", tmp_path, tmp_path)
    assert not (tmp_path / "alexnet.json").exists()


def test_a_recipe_has_what_shapes_the_weights_and_the_minutes(tmp_path):
    recipe = recipe_of(write_run(tmp_path / "run", epochs=14, seed=5, everyone=True))
    assert recipe == dict.fromkeys(RECIPE, 1) | {"epochs": 14, "seed": 5, "everyone": True, "minutes": 3.0}


def test_a_second_cycle_tells_of_the_first(tmp_path):
    first = write_run(tmp_path / "first" / "vgg16", epochs=14)
    second = write_run(tmp_path / "second" / "vgg16", str(first / "final.weights.h5"), epochs=8)
    recipe = recipe_of(second)
    assert (recipe["epochs"], recipe["start"]["epochs"]) == (8, 14)
    assert "start" not in recipe["start"]
