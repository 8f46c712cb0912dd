"""Training on two virtual CPU devices, and on two processes, against training on one device.

The runs use JAX, all of `training.classifier.train` and a tiny network with batch normalisation and dropout.
They count in 64 bits, so that what is left between them is rounding and not the noise that AdamW makes of it.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from models.imaging.patch import PATCH
from training.classifier import devices

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
TIMEOUT = 600  # s; on a free machine the runs take some 15 s
EPOCHS, BATCH = 2, 4
FED = EPOCHS * 4 + 1  # batches: two views of each of eight nodules; at its start `fit` looks at one more
HALF = [BATCH // 2, *PATCH.shape]
RUN = Path("fold-0", "tiny")


def start(files, out, alone="", **environment):
    """Start `tiny_run`; `alone` is the folder for a run on one device before."""
    arguments = ["--model", "tiny", "--epochs", str(EPOCHS), "--views", "2", "--batch", str(BATCH), "--quiet"]
    arguments += ["--fold", "0", "--precision", "float64"]
    paths = [*files, "--out", str(out), str(alone)]
    environment |= {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1"}
    environment |= {"PYTHONPATH": ""}  # in which JAX is hidden
    environment |= {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}  # compiling is most of the time here
    return subprocess.Popen(
        [sys.executable, "-m", "tests.training.classifier.tiny_run", *arguments, *paths],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(process):
    """What the run says at its end."""
    output, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, errors[-3000:]
    return json.loads(output.splitlines()[-1])


@pytest.fixture(scope="module")
def runs(nodules_file, tmp_path_factory):
    """Folders of the runs, and what each process said."""
    out, files = tmp_path_factory.mktemp("devices"), ["--data", nodules_file]
    (out / "one" / RUN).mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    cluster = dict(zip(devices.CLUSTER, (address, "2"), strict=False))
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    processes = {"two": start(files, out / "two", out / "one" / RUN, **flags)}
    for number in ("0", "1"):
        own = cluster | {devices.CLUSTER[2]: number}
        processes[f"process{number}"] = start(files, out / f"process{number}", **own)
    try:
        return SimpleNamespace(out=out, said={name: said(process) for name, process in processes.items()})
    finally:
        for process in processes.values():
            process.kill()


def weights(path):
    """Every array of a weights file, by its name."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]} if hasattr(item, "dtype") else {}))
    return found


def losses(run):
    return np.loadtxt(run / "history.csv", delimiter=",", skiprows=1, usecols=1)


@pytest.mark.parametrize("process", ["two", "process0", "process1"])
def test_each_variable_is_whole_on_both_devices(runs, process):
    assert runs.said[process]["copies"] == [2]
    assert runs.said[process]["whole"]


def test_each_batch_is_cut_in_two(runs):
    assert runs.said["two"]["patches"] == [[HALF, HALF]] * FED


@pytest.mark.parametrize("process", ["process0", "process1"])
def test_each_process_feeds_its_half(runs, process):
    assert runs.said[process]["patches"] == [[HALF]] * FED


@pytest.mark.parametrize("run", ["two", "process0"])
def test_the_losses_are_those_of_one_device(runs, run):
    alone = losses(runs.out / "one" / RUN)
    assert losses(runs.out / run / RUN) == pytest.approx(alone, rel=1e-6)


@pytest.mark.parametrize("run", ["two", "process0"])
@pytest.mark.parametrize(("file", "arrays"), [("epoch-2.weights.h5", 15), ("final.weights.h5", 11)])
def test_the_weights_are_those_of_one_device(runs, run, file, arrays):
    """While it is trained, a network has four arrays more, which outline."""
    alone, ours = (weights(runs.out / name / RUN / file) for name in ("one", run))
    shared = [name for name in alone if name.startswith("layers/")]
    assert len(shared) == len([name for name in ours if name.startswith("layers/")]) == arrays
    assert max(np.abs(alone[name] - ours[name]).max() for name in shared) < 1e-6


def test_the_weights_were_trained(runs):
    early, late = (weights(runs.out / "two" / RUN / f"epoch-{n}.weights.h5") for n in (1, 2))
    assert np.abs(early["layers/conv2d/vars/0"] - late["layers/conv2d/vars/0"]).max() > 1e-3


def test_both_processes_see_the_same_losses(runs):
    assert runs.said["process0"]["losses"] == runs.said["process1"]["losses"]


def test_only_the_first_process_writes(runs):
    names = {path.name for path in (runs.out / "process0" / RUN).iterdir()}
    assert {"run.json", "history.csv", "epoch-2.weights.h5", "final.weights.h5"} <= names
    assert not any((runs.out / "process1" / RUN).iterdir())


@pytest.mark.parametrize(("run", "processes"), [("two", 1), ("process0", 2)])
def test_the_devices_are_written_down(runs, run, processes):
    recipe = json.loads((runs.out / run / RUN / "run.json").read_text())
    assert recipe | {"backend": "jax", "processes": processes} == recipe
    assert len(recipe["devices"]) == 2
