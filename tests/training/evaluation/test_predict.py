import csv
import json
import os

import numpy as np
import pytest

from app import ROOT
from models.imaging.patch import PATCH
from models.imaging.phantom import draw_phantom
from models.imaging.scan import locate
from models.inference.views import views
from models.ingest.read import read_scan
from models.networks.registry import ARCHITECTURES
from models.networks.scales import DESCRIPTOR_SCALES
from tests.conftest import encode
from training.data.dataset import load
from training.data.splits import split_patients
from training.evaluation.predict import INPUTS, answers_of, main, predict, views_of

SPLIT = 7

pytestmark = pytest.mark.slow


def write_runs(folder, **changes):
    """Runs of one split whose final weights are the shipped ones; `changes` of the recipe of the last one."""
    for key in ARCHITECTURES:
        (folder / key).mkdir(parents=True)
        recipe = {"split_seed": SPLIT, "everyone": False, "start": None}
        recipe |= changes if key == list(ARCHITECTURES)[-1] else {}
        (folder / key / "run.json").write_text(json.dumps(recipe))
        (folder / key / "final.weights.h5").symlink_to(ROOT / "weights" / f"{key}.weights.h5")
    return folder


def command(patches_file, runs, out):
    main(["--data", str(patches_file), "--runs", str(runs), "--out", str(out)])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return write_runs(tmp_path_factory.mktemp("runs") / "split")


@pytest.fixture(scope="module")
def rows(patches_file, runs):
    """The rows that the command writes."""
    out = runs.parent / "held_out.csv"
    command(patches_file, runs, out)
    with open(out, newline="") as file:
        return list(csv.DictReader(file))


def upload_of(stack, spacing_mm):
    """The views that the app makes of these slices, uploaded as pictures."""
    scan = read_scan([(f"{i}.png", encode(pixels)) for i, pixels in enumerate(stack)], spacing_mm)
    roi = locate(scan)
    return views(scan.slices, scan.spacing_mm, roi.row, roi.col, roi.slice)


def drawn_stack(n_slices):
    return np.stack([draw_phantom("spiculated", 90, seed)[:, :86] for seed in range(n_slices)])


def test_rows_are_of_validation_and_test_patients_only(patches_file, rows):
    nodules = load(patches_file)
    sides = split_patients(nodules.patient, nodules.label, SPLIT)
    found = {side: {row["patient"] for row in rows if row["side"] == side} for side in ("validation", "test")}
    assert found == {side: sides[side] for side in found}
    assert all(found.values())
    assert not sides["train"] & {row["patient"] for row in rows}
    assert {row["split"] for row in rows} == {str(SPLIT)}
    assert len(rows) == len({(row["patient"], row["nodule"]) for row in rows})


@pytest.mark.parametrize("key", ARCHITECTURES)
def test_a_score_is_what_the_app_gives_the_same_upload(patches_file, rows, app, key):
    nodules = load(patches_file)
    for row in rows[:3]:
        i = nodules.patient.tolist().index(row["patient"])
        stack, spacing = nodules.stacks[i], float(nodules.spacing_mm[i])
        for kind, upload in (("stack", stack), ("middle", stack[len(stack) // 2, None])):
            served = app.registry.predict(key, upload_of(upload, spacing))
            assert float(row[f"{key}_{kind}"]) == pytest.approx(served.score, abs=2e-5)
            if kind == "stack":
                found = {name: float(row[f"{key}_{name}"]) for name in DESCRIPTOR_SCALES}
                assert found == pytest.approx(served.descriptors, abs=1e-3)
        assert 1 < float(row[f"{key}_diameter_mm"]) < 60


def test_answers_are_kept_and_not_made_twice(patches_file, runs, rows):
    for key in ARCHITECTURES:
        (runs / key / "final.weights.h5").unlink()
    again = runs.parent / "again.csv"
    command(patches_file, runs, again)
    assert again.read_bytes() == (runs.parent / "held_out.csv").read_bytes()


def test_kept_answers_of_other_nodules_are_not_used(patches_file, tmp_path):
    nodules, run = load(patches_file), write_runs(tmp_path / "split") / "alexnet"
    answers_of(nodules, [0, 1], "alexnet", run)
    second = answers_of(nodules, [1, 2], "alexnet", run)
    fresh = answers_of(nodules, [1, 2], "alexnet", write_runs(tmp_path / "other") / "alexnet")
    np.testing.assert_array_equal(second["stack"]["score"], fresh["stack"]["score"])


def test_answers_of_earlier_weights_are_not_used(patches_file, tmp_path):
    nodules, run = load(patches_file), write_runs(tmp_path / "split") / "alexnet"
    fresh = answers_of(nodules, [0, 1], "alexnet", run)["stack"]["score"]
    kept = run / "held_out_stack.npz"
    with np.load(kept) as file:
        answers = dict(file)
    np.savez(kept, **(answers | {"score": answers["score"] + 1}))
    os.utime(kept, (0, 0))  # older than the weights
    np.testing.assert_array_equal(answers_of(nodules, [0, 1], "alexnet", run)["stack"]["score"], fresh)


def test_a_start_of_which_nothing_is_known_is_refused(patches_file, tmp_path):
    folder = write_runs(tmp_path / "second", start=str(tmp_path / "gone" / "final.weights.h5"))
    with pytest.raises(SystemExit, match="is missing; without it nobody knows who was held out"):
        command(patches_file, folder, tmp_path / "held_out.csv")


def test_runs_that_hold_out_different_patients_are_refused(patches_file, tmp_path):
    folder = write_runs(tmp_path / "mixed", split_seed=SPLIT + 1)
    with pytest.raises(SystemExit, match=r"hold out different patients \(split seeds \[7, 8\]\)"):
        command(patches_file, folder, tmp_path / "held_out.csv")
    assert not (tmp_path / "held_out.csv").exists()


@pytest.mark.parametrize("cycle", ["only", "first"])
def test_runs_that_trained_on_everyone_are_refused(patches_file, tmp_path, cycle):
    folder = tmp_path / "runs"
    if cycle == "only":
        write_runs(folder, everyone=True)
    else:
        first = write_runs(tmp_path / "first", everyone=True) / "efficientnet"
        write_runs(folder, start=str(first / "final.weights.h5"))
    with pytest.raises(SystemExit, match="trained on all patients"):
        command(patches_file, folder, tmp_path / "held_out.csv")
    assert not (tmp_path / "held_out.csv").exists()


def test_a_second_cycle_that_holds_out_others_than_the_first_is_refused(patches_file, tmp_path):
    first = write_runs(tmp_path / "first", split_seed=SPLIT + 1) / "efficientnet"
    folder = write_runs(tmp_path / "second", start=str(first / "final.weights.h5"))
    with pytest.raises(SystemExit, match=r"hold out different patients \(split seeds \[7, 8\]\)"):
        command(patches_file, folder, tmp_path / "held_out.csv")


def test_answers_are_means_over_the_views_of_a_nodule():
    def network(patches, training):
        """Certain of the rating that the first pixel holds."""
        first = patches[:, 0, 0, 0]
        return {
            "rating": np.eye(5)[first.astype(int) - 1],
            "descriptors": np.repeat(first[:, None] / 5, len(DESCRIPTOR_SCALES), axis=1),
            "diameter": (first[:, None] - 3) / 2,
        }

    nodules = [
        np.ones((n, 2, 2, 3)) * np.reshape(values, (n, 1, 1, 1)) for n, values in ((2, [1, 5]), (1, [4]))
    ]
    answers = predict(network, nodules)
    np.testing.assert_allclose(answers["score"], [0.5, 0.75], rtol=1e-6)
    position = list(DESCRIPTOR_SCALES).index("calcification")  # 1 to 6
    np.testing.assert_allclose(answers["descriptors"][:, position], [1 + 5 * 0.6, 1 + 5 * 0.8], rtol=1e-6)
    np.testing.assert_allclose(answers["diameter_mm"], np.exp([2.1, 2.1 + 0.5 * 0.5]), rtol=1e-6)


@pytest.mark.parametrize(("n_slices", "n_views"), [(1, 8), (2, 16), (5, 40), (9, 40)])
def test_a_stack_is_read_as_the_app_reads_it(n_slices, n_views):
    stack = drawn_stack(n_slices)
    found = views_of(stack, 0.7, middle_only=False)
    assert found.shape == (n_views, *PATCH.shape)
    np.testing.assert_array_equal(found, upload_of(stack, 0.7))


@pytest.mark.parametrize(("n_slices", "middle"), [(1, 0), (2, 1), (5, 2)])
def test_the_middle_slice_alone_is_read_as_the_app_reads_one_picture(n_slices, middle):
    stack = drawn_stack(n_slices)
    found = views_of(stack, 0.7, middle_only=True)
    np.testing.assert_array_equal(found, upload_of(stack[middle, None], 0.7))


def test_a_place_may_be_given():
    stack = np.random.default_rng(0).integers(0, 256, (1, 90, 86)).astype(np.uint8)
    found = views_of(stack, 0.7, middle_only=False, row=20, col=60)
    np.testing.assert_array_equal(found, views(stack, 0.7, 20, 60, 0))
    assert (found != views_of(stack, 0.7, middle_only=False)).any()


def test_the_inputs_are_the_stack_and_the_middle_slice():
    assert INPUTS == ("stack", "middle")
