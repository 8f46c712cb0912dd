"""What a weights folder may hold: nothing that is not what its report says, and nothing that is run."""

import hashlib
import json
import os
import pickle
import shutil
import threading

import h5py
import keras
import numpy as np
import pytest

from app import ROOT
from models.inference.runtime.weights import load_network
from models.inference.similar_cases import CaseTable
from models.weights import WeightsError

WEIGHTS = ROOT / "weights"


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self._folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self._folder),)


def network():
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(2, name="dense")(inputs))


def as_pickle(path, trap):
    path.write_bytes(pickle.dumps(trap))


def as_opaque_data(path, trap):
    network().save_weights(path)
    with h5py.File(path, "r+") as file:
        variables = next(group for group in file["layers"].values() if "vars" in group and len(group["vars"]))
        del variables["vars"]["0"]
        variables["vars"]["0"] = np.void(pickle.dumps(trap))


def as_whole_model_with_code(path, trap):
    inputs, folder = keras.Input((4,)), str(trap._folder)
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: os.mkdir(folder) or x)(inputs))
    model.save(path.with_suffix(".keras"))
    path.with_suffix(".keras").rename(path)


@pytest.mark.parametrize("made", [as_pickle, as_opaque_data, as_whole_model_with_code])
def test_weights_with_code_in_them_are_refused_and_nothing_is_run(tmp_path, made):
    path, sign = tmp_path / "net.weights.h5", tmp_path / "was run"
    try:
        made(path, Trap(sign))
    finally:
        sign.rmdir() if sign.exists() else None  # building the model with code has run it once
    report = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}  # even where the checksum is right
    with pytest.raises(WeightsError, match="^net.weights.h5 does not fit this version's network.$"):
        load_network(network, tmp_path, "net", report)
    assert not sign.exists()


def test_a_table_of_cases_with_code_in_it_is_refused_and_nothing_is_run(tmp_path):
    for path in WEIGHTS.glob("*.json"):
        shutil.copy(path, tmp_path)
    sign = tmp_path / "was run"
    with np.load(WEIGHTS / "cases.npz") as file:
        arrays = dict(file) | {"usual": np.array([Trap(sign)], dtype=object)}
    np.savez(tmp_path / "cases.npz", **arrays)
    report = json.loads((WEIGHTS / "cases.json").read_text())
    report["sha256"] = hashlib.sha256((tmp_path / "cases.npz").read_bytes()).hexdigest()
    (tmp_path / "cases.json").write_text(json.dumps(report))
    with pytest.raises(WeightsError, match="^cases.npz does not fit this version.$"):
        CaseTable(tmp_path)
    assert not sign.exists()


def test_what_is_loaded_is_what_was_checked(tmp_path):
    """The file is read once; whoever exchanges it after that comes too late."""
    network().save_weights(tmp_path / "good.weights.h5")
    good, path = (tmp_path / "good.weights.h5").read_bytes(), tmp_path / "net.weights.h5"
    os.mkfifo(path)
    threading.Thread(target=path.write_bytes, args=(good,), daemon=True).start()
    graph = load_network(network, tmp_path, "net", {"sha256": hashlib.sha256(good).hexdigest()})
    with h5py.File(tmp_path / "good.weights.h5") as file:
        found = []
        file.visititems(lambda _, item: found.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    (dense,) = graph._steps
    for values, expected in zip(dense.weights, found, strict=True):
        np.testing.assert_array_equal(values, expected)


def test_weights_of_another_shape_do_not_fit(tmp_path):
    network().save_weights(tmp_path / "net.weights.h5")
    report = {"sha256": hashlib.sha256((tmp_path / "net.weights.h5").read_bytes()).hexdigest()}

    def wider():
        inputs = keras.Input((4,))
        return keras.Model(inputs, keras.layers.Dense(3, name="dense")(inputs))

    def other():
        inputs = keras.Input((4,))
        return keras.Model(inputs, keras.layers.Dense(2, name="other")(inputs))

    for build in (wider, other):
        with pytest.raises(WeightsError, match="^net.weights.h5 does not fit this version's network.$"):
            load_network(build, tmp_path, "net", report)
