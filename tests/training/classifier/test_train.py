import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from models.imaging.patch import PATCH
from models.networks.blocks import add_heads
from models.networks.fields import split_fields
from models.networks.registry import ARCHITECTURES, Architecture
from tests.training.data.made_nodules import make_nodules
from training.classifier import learnt, train
from training.classifier.outlining import outlining

ROOT = Path(__file__).resolve().parents[3]
TIMEOUT = 120  # s; on a free machine a checkpoint comes within some 10 s


@pytest.fixture(scope="module")
def files(nodules_file):
    """The options that name the data."""
    return ["--data", str(nodules_file)]


def arguments(files, out, *more):
    short = ["--model", "alexnet", "--epochs", "2", "--views", "1", "--batch", "4"]
    return [*short, "--precision", "float32", "--fold", "0", *files, "--out", str(out), "--quiet", *more]


def parse(key, *more):
    return train.parse(["--model", key, "--data", "x", *more])


def history(run):
    with open(run / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def train_until_killed(files, out):
    """Start a training, kill it as soon as its first checkpoint is there, return its history."""
    command = [sys.executable, "-m", "training.classifier.train", *arguments(files, out)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        deadline = time.monotonic() + TIMEOUT
        while not (out / "fold-0" / "alexnet" / "history.csv").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                pytest.fail(f"no checkpoint came: {process.stdout.read().decode()[-2000:]}")
            time.sleep(0.005)
        process.kill()
    return history(out / "fold-0" / "alexnet")


@pytest.fixture(scope="module")
def runs(files, tmp_path_factory):
    """A training killed after one epoch and resumed, and one straight through; folder of each."""
    out = tmp_path_factory.mktemp("runs")
    at_kill = train_until_killed(files, out / "killed")
    killed, straight = (out / name / "fold-0" / "alexnet" for name in ("killed", "straight"))
    left = sorted(path.name for path in killed.glob("epoch-*"))
    train.main(arguments(files, out / "killed", "--resume"))
    train.main(arguments(files, out / "straight"))
    return {"at_kill": at_kill, "left_at_kill": left, "resumed": killed, "straight": straight}


@pytest.mark.slow
def test_a_kill_leaves_the_first_epoch_whole(runs):
    assert [row["epoch"] for row in runs["at_kill"]] == ["1"]
    assert "epoch-1.weights.h5" in runs["left_at_kill"]


@pytest.mark.slow
def test_resume_goes_on_with_the_second_epoch_and_keeps_the_first(runs):
    rows = history(runs["resumed"])
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert rows[0] == runs["at_kill"][0]


@pytest.mark.slow
def test_stop_and_resume_ends_as_straight_through(runs):
    resumed, straight = history(runs["resumed"]), history(runs["straight"])
    for ours, theirs in zip(resumed, straight, strict=True):
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("run", ["resumed", "straight"])
def test_a_finished_run_holds_the_averaged_epochs_and_their_mean(runs, run):
    names = {path.name for path in runs[run].iterdir() if not path.name.startswith("tmp-")}
    epochs = {"epoch-1.weights.h5", "epoch-2.weights.h5"}
    assert names == epochs | {"final.weights.h5", "history.csv", "run.json"}


def weights_of(path):
    """Those of the classifier, from its own file or from a checkpoint, in which it also outlines."""
    model = ARCHITECTURES["alexnet"].build(PATCH.shape)
    (model if path.name.startswith("final") else outlining(model)).load_weights(path)
    return {v.path: v.numpy() for v in model.variables if "seed" not in v.path}


@pytest.mark.slow
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


@pytest.mark.slow
def test_stop_and_resume_end_in_the_same_weights(runs):
    """But for rounding, which threads do in any order: little beside what the second epoch changed."""
    before = weights_of(runs["straight"] / "epoch-1.weights.h5")
    resumed, straight = (weights_of(runs[run] / "epoch-2.weights.h5") for run in ("resumed", "straight"))
    for name in (name for name in before if name.endswith("kernel")):
        off = np.abs(resumed[name] - straight[name]).mean()
        assert off < 0.1 * np.abs(straight[name] - before[name]).mean(), name


@pytest.mark.parametrize(
    ("key", "epochs", "rate", "average", "precision"),
    [
        ("vgg16", 6, 5e-4, 3, "mixed_bfloat16"),
        ("alexnet", 20, 1e-3, 5, "mixed_bfloat16"),
        ("efficientnet", 16, 2e-3, 5, "float32"),
    ],
)
def test_each_model_has_its_own_recipe(key, epochs, rate, average, precision):
    args = parse(key, "--fold", "0")
    assert (args.epochs, args.rate, args.average, args.precision) == (epochs, rate, average, precision)
    assert (args.seed, args.batch, args.views) == (0, 64, 2)


def test_a_recipe_can_be_overruled():
    args = parse("vgg16", "--everyone", "--epochs", "2", "--rate", "0.1", "--precision", "float32")
    assert (args.epochs, args.rate, args.precision) == (2, 0.1, "float32")
    assert args.average == 2  # not more epochs than there are


@pytest.mark.parametrize(
    ("who", "problem"),
    [
        ([], "one of the arguments --fold --everyone is required"),
        (["--fold", "1", "--everyone"], "not allowed with argument"),
        (["--fold", "3"], "invalid choice: 3"),
    ],
)
def test_who_is_held_out_has_to_be_said(who, problem, capsys):
    with pytest.raises(SystemExit) as caught:
        parse("vgg16", *who)
    assert caught.value.code == 2
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize(("who", "folder"), [(["--fold", "2"], "fold-2"), (["--everyone"], "everyone")])
def test_a_run_lies_in_the_folder_of_who_is_held_out(files, tmp_path, monkeypatch, who, folder):
    begun = []
    monkeypatch.setattr(train, "train", lambda args, nodules, outlines, out: begun.append(out))
    train.main(["--model", "vgg16", *files, *who, "--out", str(tmp_path)])
    assert begun == [tmp_path / folder / "vgg16"]
    assert (begun[0] / "run.json").exists()


def test_everyone_trains_as_many_steps_as_without_a_fold():
    args = parse("resnet", "--everyone")
    assert (args.epochs, args.average) == (11, 4)  # two thirds of 16 and of 5, rounded up


def test_everyone_trains_when_nobody_is_watched(nodules):
    chosen, watched = train.sides(nodules, parse("vgg16", "--everyone"))
    assert (chosen.tolist(), len(watched)) == (list(range(14)), 0)


def test_who_is_held_out_is_watched_and_all_others_train(nodules):
    shares = [train.sides(nodules, parse("vgg16", "--fold", str(fold))) for fold in range(3)]
    for chosen, watched in shares:
        assert sorted([*chosen, *watched]) == list(range(14))
        assert not set(nodules.patient[chosen]) & set(nodules.patient[watched])
    assert sorted(np.concatenate([watched for _, watched in shares])) == list(range(14))


def test_indeterminate_nodules_train_unless_left_out_and_are_not_watched():
    ratings = [[1], [3], [5]] * 6
    unclear = np.arange(18) % 3 == 1
    nodules = make_nodules([f"P{n:02}" for n in range(18)], ratings)
    chosen, watched = train.sides(nodules, parse("vgg16", "--fold", "0"))
    clear_only, same = train.sides(nodules, parse("vgg16", "--fold", "0", "--clear-only"))
    assert (len(chosen), unclear[chosen].sum(), len(watched), unclear[watched].sum()) == (12, 4, 4, 0)
    np.testing.assert_array_equal(clear_only, chosen[~unclear[chosen]])
    np.testing.assert_array_equal(same, watched)


@pytest.mark.parametrize(("options", "begun"), [((), ["alexnet"]), (("--random",), [])])
def test_a_network_begins_with_what_a_package_knows_unless_it_begins_at_random(monkeypatch, options, begun):
    known = []
    monkeypatch.setattr(learnt, "begin", lambda model: known.append(model.name))
    train.compile_model("alexnet", 10, parse("alexnet", "--fold", "0", *options))
    assert known == begun


class TinyArchitecture(Architecture):
    def build(self, shape):
        inputs = keras.Input(shape)
        features = keras.layers.Conv2D(4, 8, 8)(split_fields(inputs))
        return keras.Model(inputs, add_heads(features, shape[-1], dropout=0.4), name="tiny")


@pytest.mark.slow
def test_a_run_on_everyone_watches_nobody(files, tmp_path, monkeypatch):
    monkeypatch.setitem(ARCHITECTURES, "tiny", TinyArchitecture("tiny", "Tiny", "", ""))
    options = ["--epochs", "1", "--views", "1", "--precision", "float32", "--everyone", "--quiet"]
    train.main(["--model", "tiny", *files, *options, "--out", str(tmp_path)])
    (row,) = history(tmp_path / "everyone" / "tiny")
    assert row["held_out_auc"] == "nan"
    assert float(row["loss"]) > 0


@pytest.mark.slow
def test_the_recipe_is_written_down(runs):
    recipe = json.loads((runs["straight"] / "run.json").read_text())
    expected = {"model": "alexnet", "epochs": 2, "views": 1, "batch": 4, "seed": 0}
    expected |= {"fold": 0, "everyone": False, "random": False, "precision": "float32", "rate": 1e-3}
    expected |= {"began_with": "random weights"}
    assert recipe | expected == recipe


@pytest.mark.slow
def test_the_auc_of_who_is_held_out_is_between_0_and_1(runs):
    rows = history(runs["straight"])
    assert list(rows[0]) == ["epoch", "loss", "seconds", "held_out_auc"]
    assert all(0 <= float(row["held_out_auc"]) <= 1 for row in rows)


@pytest.mark.slow
def test_a_run_is_not_overwritten_without_resume(runs, files):
    before = (runs["straight"] / "history.csv").read_bytes()
    with pytest.raises(SystemExit, match="give --resume to go on with it, or another --out"):
        train.main(arguments(files, runs["straight"].parents[1]))
    assert (runs["straight"] / "history.csv").read_bytes() == before


def test_an_unknown_model_is_refused(capsys):
    with pytest.raises(SystemExit) as caught:
        parse("lenet", "--fold", "0")
    assert caught.value.code == 2
    assert "invalid choice: 'lenet'" in capsys.readouterr().err
