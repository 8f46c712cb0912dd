import json
from pathlib import Path

import numpy as np
import pytest

from models.inference.detection.localiser import Localiser
from models.networks.localiser import build_localiser
from models.weights import WeightsError
from training.localiser import card, evaluate, export, train
from training.localiser.train import overlap_loss

pytestmark = pytest.mark.slow

SHORT = ["--views", "1", "--batch", "4", "--epochs", "2", "--average", "1", "--filters", "4", "6"]


@pytest.fixture(scope="module")
def runs(nodules_file, tmp_path_factory):
    """A run stopped after one epoch and resumed, and one straight through."""
    out = tmp_path_factory.mktemp("runs")
    data = ["--data", str(nodules_file), *SHORT]
    train.main([*data, "--out", str(out / "straight")])
    train.main([*data, "--out", str(out / "stopped"), "--epochs", "1"])
    train.main([*data, "--out", str(out / "stopped"), "--resume"])
    return out


@pytest.fixture(scope="module")
def exported(runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    export.main(["--runs", str(runs / "straight"), "--weights", str(folder)])
    return folder


def test_no_overlap_costs_more_than_overlap():
    truth = np.zeros((3, 32, 32, 1), np.float32)
    truth[:2, 8:24, 8:24] = 1
    predicted = np.full(truth.shape, 0.01, np.float32)
    predicted[0, 8:24, 8:24] = 0.99
    right, missed, empty = np.asarray(overlap_loss(truth, predicted))
    assert right < 0.1
    assert missed > 1.5
    assert empty < 0.1


def test_a_run_leaves_its_history_recipe_and_weights(runs):
    run = runs / "straight" / "localiser"
    recipe = json.loads((run / "run.json").read_text())
    assert (recipe["epochs"], recipe["filters"], recipe["split_seed"]) == (2, [4, 6], 2026)
    assert (run / "final.weights.h5").is_file()
    assert (run / "history.csv").read_text().startswith("epoch,loss,seconds,validation_dice")


def test_a_run_is_not_overwritten(runs, nodules_file):
    with pytest.raises(SystemExit, match="give --resume"):
        train.main(["--data", str(nodules_file), *SHORT, "--out", str(runs / "straight")])


def test_a_resumed_run_goes_on(runs):
    history = (runs / "stopped" / "localiser" / "history.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in history] == ["epoch", "1", "2"]
    files = [runs / name / "localiser" / "final.weights.h5" for name in ("stopped", "straight")]
    stopped, straight = (build_localiser((4, 6)) for _ in files)
    stopped.load_weights(files[0])
    straight.load_weights(files[1])
    for a, b in zip(stopped.get_weights(), straight.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_exported_weights_are_loaded_and_answer(exported):
    localiser = Localiser(exported)
    assert localiser.report["parameters"] > 0
    assert localiser.report["training"]["epochs"] == 2
    maps = localiser.maps(np.zeros((1, 16, 24, 3), np.float32))
    assert maps.shape == (1, 16, 24)
    assert 0 < maps.min() <= maps.max() < 1


def test_damaged_weights_are_refused(exported, tmp_path):
    (tmp_path / "localiser.json").write_text((exported / "localiser.json").read_text())
    with pytest.raises(WeightsError, match=r"^localiser\.weights\.h5 is missing\.$"):
        Localiser(tmp_path)
    (tmp_path / "localiser.weights.h5").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="is damaged: its checksum"):
        Localiser(tmp_path)


def test_the_evaluation_is_written_into_the_report(exported, nodules_file, few_draws, capsys):
    evaluate.main(["--data", str(nodules_file), "--weights", str(exported)])
    measured = json.loads((exported / "localiser.json").read_text())["measured"]
    assert measured == json.loads(capsys.readouterr().out)
    assert measured["all"]["nodules"] == measured["all"]["patients"] == 2
    assert measured["all"]["readers"]["dice"] == pytest.approx(2 / 3, abs=0.05)  # a disc and its half


def test_results_of_the_measured_run_are_taken_over(runs, exported, tmp_path):
    arguments = ["--runs", str(runs / "stopped"), "--weights", str(tmp_path)]
    export.main([*arguments, "--measured", str(exported / "localiser.json")])
    measured, taken = (json.loads((f / "localiser.json").read_text()) for f in (exported, tmp_path))
    assert taken["measured"] == measured["measured"]


def test_the_card_says_what_was_measured(exported):
    card.main(["--weights", str(exported)])
    text = (exported / "localiser.md").read_text()
    measured = json.loads((exported / "localiser.json").read_text())["measured"]["all"]
    assert f"| {measured['dice']:.3f} | {measured['readers']['dice']:.3f} |" in text
    assert "$" not in text


def test_the_shipped_card_is_what_the_command_writes():
    weights = Path(__file__).resolve().parents[3] / "weights"
    report = json.loads((weights / "localiser.json").read_text())
    assert card.card(report) == (weights / "localiser.md").read_text(encoding="utf-8")
