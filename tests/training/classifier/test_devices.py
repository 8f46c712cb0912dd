"""What training does otherwise on several devices, here only made believe; see `test_two_devices`."""

import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from training.classifier import devices


@pytest.fixture
def distribution():
    """A function that makes Keras believe in a distribution of so many devices and processes."""

    def believe(replicas, processes=1, number=0):
        names = ("num_model_replicas", "num_processes", "data_shard_id")
        belief = SimpleNamespace(**dict(zip(names, (replicas, processes, number), strict=True)))
        keras.distribution.set_distribution(belief)

    yield believe
    keras.distribution.set_distribution(None)


def test_one_device_gets_the_batches_it_always_had():
    order = np.arange(22)
    ours, theirs = devices.into_batches(order, 4), np.array_split(order, 5)
    assert [batch.tolist() for batch in ours] == [batch.tolist() for batch in theirs]


def test_batches_are_multiples_of_the_devices(distribution):
    distribution(replicas=3)
    batches = devices.into_batches(np.arange(23), 6)
    assert [len(batch) for batch in batches] == [9, 6, 6]
    assert np.concatenate(batches).tolist() == list(range(21))


def test_a_process_takes_its_part_of_everything_in_a_batch(distribution):
    distribution(replicas=4, processes=2, number=1)
    patches, targets = devices.own_part((np.arange(8), {"rating": np.arange(8) * 10}))
    assert patches.tolist() == [4, 5, 6, 7]
    assert targets["rating"].tolist() == [40, 50, 60, 70]
    assert not devices.is_first()


def test_alone_ends_with_its_block(distribution):
    distribution(replicas=2)
    with devices.alone():
        assert keras.distribution.distribution() is None
    assert keras.distribution.distribution().num_model_replicas == 2


@pytest.mark.parametrize(
    ("backend", "found", "message"),
    [
        ("tensorflow", 2, "2 accelerators train together with KERAS_BACKEND=jax only, not with tensorflow"),
        ("torch", 4, "4 accelerators train together with KERAS_BACKEND=jax only, not with torch"),
        ("jax", 3, "--batch 64 is not a multiple of 3, the number of devices"),
    ],
)
def test_what_cannot_be_distributed_is_refused(monkeypatch, backend, found, message):
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(devices, "accelerators", lambda _: [f"gpu:{n}" for n in range(found)])
    with pytest.raises(SystemExit, match=message):
        devices.distribute(64)
    assert keras.distribution.distribution() is None


def test_several_machines_need_jax(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "2")
    with pytest.raises(SystemExit, match="machines train together with KERAS_BACKEND=jax only"):
        devices.distribute(64)


@pytest.mark.parametrize(
    ("kind", "count", "names"),
    [(None, 0, ["cpu:0"]), (SimpleNamespace(type="cuda"), 2, ["cuda:0", "cuda:1"])],
)
def test_torch_is_asked_itself(monkeypatch, kind, count, names):
    asked = SimpleNamespace(current_accelerator=lambda: kind, device_count=lambda: count)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(accelerator=asked))
    assert devices.accelerators("torch") == names
