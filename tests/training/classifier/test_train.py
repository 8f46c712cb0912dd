import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from models.imaging.patch import PATCH
from models.networks.registry import ARCHITECTURES
from training.classifier import train
from training.classifier.views import RandomViews, mix
from training.data.dataset import load

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
TIMEOUT = 120  # s; on a free machine a checkpoint comes within some 10 s


def arguments(data, out, *more):
    short = ["--model", "alexnet", "--epochs", "2", "--views", "1", "--batch", "4"]
    return [*short, "--data", str(data), "--out", str(out), "--quiet", *more]


def history(run):
    with open(run / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def train_until_killed(data, out):
    """Start a training, kill it as soon as its first checkpoint is there, return its history."""
    command = [sys.executable, "-m", "training.classifier.train", *arguments(data, out)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        deadline = time.monotonic() + TIMEOUT
        while not (out / "alexnet" / "history.csv").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                pytest.fail(f"no checkpoint came: {process.stdout.read().decode()[-2000:]}")
            time.sleep(0.005)
        process.kill()
    return history(out / "alexnet")


@pytest.fixture(scope="module")
def runs(patches_file, tmp_path_factory):
    """A training killed after one epoch and resumed, and one straight through; folder of each."""
    out = tmp_path_factory.mktemp("runs")
    at_kill = train_until_killed(patches_file, out / "killed")
    left = sorted(path.name for path in (out / "killed" / "alexnet").glob("epoch-*"))
    train.main(arguments(patches_file, out / "killed", "--resume"))
    train.main(arguments(patches_file, out / "straight"))
    return {
        "at_kill": at_kill,
        "left_at_kill": left,
        "resumed": out / "killed" / "alexnet",
        "straight": out / "straight" / "alexnet",
    }


def test_a_kill_leaves_the_first_epoch_whole(runs):
    assert [row["epoch"] for row in runs["at_kill"]] == ["1"]
    assert "epoch-1.weights.h5" in runs["left_at_kill"]


def test_resume_goes_on_with_the_second_epoch_and_keeps_the_first(runs):
    rows = history(runs["resumed"])
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert rows[0] == runs["at_kill"][0]


def test_stop_and_resume_ends_as_straight_through(runs):
    resumed, straight = history(runs["resumed"]), history(runs["straight"])
    for ours, theirs in zip(resumed, straight, strict=True):
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), abs=1e-3)


@pytest.mark.parametrize("run", ["resumed", "straight"])
def test_a_finished_run_holds_the_averaged_epochs_and_their_mean(runs, run):
    names = {path.name for path in runs[run].iterdir() if not path.name.startswith("tmp-")}
    epochs = {"epoch-1.weights.h5", "epoch-2.weights.h5"}
    assert names == epochs | {"final.weights.h5", "history.csv", "run.json"}


def weights_of(path):
    model = ARCHITECTURES["alexnet"].build(PATCH.shape)
    model.load_weights(path)
    return {v.path: v.numpy() for v in model.variables if "seed" not in v.path}


def test_the_final_weights_are_the_mean_of_the_epochs_with_their_own_batch_statistics(runs):
    run = runs["straight"]
    first, second, final = (
        weights_of(run / f"{name}.weights.h5") for name in ("epoch-1", "epoch-2", "final")
    )
    for name, value in final.items():
        mean = (first[name] + second[name]) / 2
        if "moving" in name:
            assert not np.allclose(value, mean), name
        else:
            np.testing.assert_allclose(value, mean, atol=1e-6, err_msg=name)


def test_stop_and_resume_end_in_the_same_weights(runs):
    resumed, straight = (weights_of(runs[run] / "final.weights.h5") for run in ("resumed", "straight"))
    for name, value in resumed.items():
        np.testing.assert_allclose(value, straight[name], atol=2e-2, err_msg=name)


def test_a_second_cycle_begins_with_the_weights_it_is_given(runs, patches_file):
    start = str(runs["straight"] / "final.weights.h5")
    args = train.parse(["--model", "alexnet", "--data", str(patches_file), "--start", start])
    assert (args.epochs, args.rate, args.seed) == (16, 5e-4, 1)
    begun = train.compile_model("alexnet", 10, args)
    given = weights_of(start)
    for variable in begun.variables:
        if variable.path in given:
            np.testing.assert_array_equal(variable.numpy(), given[variable.path])


def test_a_first_cycle_has_its_own_recipe():
    args = train.parse(["--model", "vgg16", "--data", "patches.npz"])
    assert (args.epochs, args.rate, args.seed, args.average) == (14, 1e-3, 0, 5)


def test_everyone_trains_as_many_steps_as_the_train_patients():
    args = train.parse(["--model", "vgg16", "--data", "x", "--start", "y", "--everyone"])
    assert (args.epochs, args.average) == (6, 4)  # 70 % of 8 and of 5, rounded up


def test_everyone_trains_when_nobody_is_watched(patches_file):
    nodules = load(patches_file)
    chosen, watched = train.sides(nodules, train.parse(["--model", "vgg16", "--data", "x", "--everyone"]))
    assert (len(chosen), len(watched)) == (14, 0)


def test_nobody_trains_and_is_watched(patches_file):
    nodules = load(patches_file)
    chosen, watched = train.sides(nodules, train.parse(["--model", "vgg16", "--data", "x"]))
    assert not set(nodules.patient[chosen]) & set(nodules.patient[watched])
    assert len(chosen) + len(watched) < len(nodules)  # test patients are on neither side


def test_every_nodule_is_seen_as_often_as_asked(patches_file):
    nodules = load(patches_file)
    args = train.parse(["--model", "vgg16", "--data", "x", "--views", "3", "--batch", "4"])
    views = RandomViews(nodules, np.arange(14), 0, args)
    assert np.bincount(np.concatenate(views.batches)).tolist() == [3] * 14
    patches, targets, weights = views[0]
    assert patches.shape == (len(views.batches[0]), *PATCH.shape)
    assert set(targets) == set(weights) == {"rating", "descriptors", "diameter"}


def test_mixup_blends_patch_target_and_weight_by_one_share():
    arrays = {"patch": np.arange(4.0)[:, None], "weight": np.arange(4.0)}
    mixed = mix(arrays, np.random.default_rng(3), 0.4)
    np.testing.assert_allclose(mixed["patch"][:, 0], mixed["weight"])
    assert mixed["weight"].sum() == pytest.approx(6)
    assert not np.array_equal(mixed["weight"], arrays["weight"])


def test_the_recipe_is_written_down(runs):
    recipe = json.loads((runs["straight"] / "run.json").read_text())
    expected = {"model": "alexnet", "epochs": 2, "views": 1, "batch": 4, "seed": 0}
    assert recipe | expected == recipe
    assert recipe["split_seed"] == 2026


def test_validation_auc_is_between_0_and_1(runs):
    assert all(0 <= float(row["validation_auc"]) <= 1 for row in history(runs["straight"]))


def test_a_run_is_not_overwritten_without_resume(runs, patches_file):
    before = (runs["straight"] / "history.csv").read_bytes()
    with pytest.raises(SystemExit, match="give --resume to go on with it, or another --out"):
        train.main(arguments(patches_file, runs["straight"].parent))
    assert (runs["straight"] / "history.csv").read_bytes() == before


def test_an_unknown_model_is_refused(patches_file, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        train.main(["--model", "lenet", "--data", str(patches_file), "--out", str(tmp_path)])
    assert caught.value.code == 2
    assert "invalid choice: 'lenet'" in capsys.readouterr().err
