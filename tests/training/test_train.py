import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from training import train

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 120  # s; on a free machine a checkpoint comes within some 10 s


def arguments(data, out, *more):
    short = ["--model", "alexnet", "--epochs", "2", "--views", "1", "--batch", "4"]
    return [*short, "--data", str(data), "--out", str(out), "--quiet", *more]


def history(run):
    with open(run / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def train_until_killed(data, out):
    """Start a training, kill it as soon as its first checkpoint is there, return its history."""
    command = [sys.executable, "-m", "training.train", *arguments(data, out)]
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
def test_a_finished_run_holds_the_last_and_the_best_weights(runs, run):
    names = {path.name for path in runs[run].iterdir() if not path.name.startswith("tmp-")}
    assert names == {"best.weights.h5", "epoch-2.weights.h5", "history.csv", "run.json"}


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
