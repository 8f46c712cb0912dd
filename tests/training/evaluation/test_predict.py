import csv
import os
from dataclasses import replace

import numpy as np
import pytest

from app import ROOT
from models.imaging.patch import PATCH
from models.inference.views import views
from models.ingest.read import read_scan
from models.networks.registry import ARCHITECTURES
from models.networks.scales import DESCRIPTOR_SCALES
from tests.training.data.made_nodules import recipe_of
from training.data.outlines import largest_section
from training.data.splits import FOLDS, fold_of_patients
from training.evaluation import predict as module
from training.evaluation.predict import answers_of, load_network, main, predict, views_of

pytestmark = pytest.mark.slow


def write_runs(folder, nodules, last=None):
    """Runs of all folds whose final weights are the shipped ones; `last` is the recipe of the last one."""
    for fold in range(FOLDS):
        for key in ARCHITECTURES:
            run = folder / f"fold-{fold}" / key
            run.mkdir(parents=True)
            is_last = (fold, key) == (FOLDS - 1, list(ARCHITECTURES)[-1])
            recipe = last if last and is_last else recipe_of(nodules, fold)
            (run / "run.json").write_text(recipe)
            (run / "final.weights.h5").symlink_to(ROOT / "weights" / f"{key}.weights.h5")
    return folder


@pytest.fixture(scope="module")
def command(nodules_file):
    """A function that runs the command and gives the rows that it writes."""

    def run(runs, out):
        files = {"data": nodules_file, "runs": runs, "out": out}
        main([f"--{name}={path}" for name, path in files.items()])
        with open(out, newline="") as file:
            return list(csv.DictReader(file))

    return run


@pytest.fixture(scope="module")
def pictures(nodules_file):
    """The folder of the pictures that nodules.npz was made of."""
    return nodules_file.parent / "LIDC-IDRI-slices"


def said_by(path):
    """What a network with the weights in a file says in `named`: a rating, the higher the later the fold."""
    return int(path.parent.parent.name.removeprefix("fold-")) + 2


@pytest.fixture
def named(monkeypatch):
    """Networks that say who they are: of ratings `said_by`, of other things the brightness."""

    def load(key, path):
        def network(patches, training):
            bright = patches.mean(axis=(1, 2, 3))[:, None]
            return {
                "rating": np.repeat(np.eye(5)[[said_by(path) - 1]], len(patches), axis=0),
                "descriptors": np.repeat(bright, len(DESCRIPTOR_SCALES), axis=1),
                "diameter": bright + list(ARCHITECTURES).index(key),
            }

        return network

    monkeypatch.setattr(module, "load_network", load)


@pytest.fixture(scope="module")
def rows(command, nodules, tmp_path_factory):
    """The rows that the command writes of networks with the shipped weights, each loaded once."""
    networks = {}

    def load(key, path):
        networks[key] = networks.get(key) or load_network(key, path)
        return networks[key]

    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_network", load)
        return command(write_runs(folder / "runs", nodules), folder / "held_out.csv")


def upload_of(outlines, nodule, images):
    """The views that the app makes of a nodule's pictures, outlined as the readers did."""
    number, row, col = largest_section(outlines, nodule)
    files = [(path.name, path.read_bytes()) for path in images.iterdir()]
    scan = read_scan(files, float(outlines.spacing_mm[nodule]))
    return views(scan.slices[number - outlines.first[nodule]], scan.spacing_mm, row, col)


@pytest.mark.parametrize("key", ARCHITECTURES)
def test_a_score_is_what_the_app_gives_the_same_upload(made, pictures, rows, app, key):
    for i, row in enumerate(rows[:3]):
        images = pictures / row["patient"] / row["nodule"] / "images"
        served = app.registry.predict(key, upload_of(made, i, images))
        assert float(row[f"{key}_score"]) == pytest.approx(served.score, abs=2e-5)
        found = {name: float(row[f"{key}_{name}"]) for name in DESCRIPTOR_SCALES}
        assert found == pytest.approx(served.descriptors, abs=1e-3)
        assert 1 < float(row[f"{key}_diameter_mm"]) < 100


def test_each_nodule_is_answered_once_by_who_held_its_patient_out(command, named, nodules, tmp_path):
    found = command(write_runs(tmp_path / "runs", nodules), tmp_path / "held_out.csv")
    folds = fold_of_patients(nodules)
    assert [(row["patient"], row["nodule"]) for row in found] == [(f"P{n:02}", "nodule-0") for n in range(14)]
    assert [row["fold"] for row in found] == [str(folds[row["patient"]]) for row in found]
    for key in ARCHITECTURES:
        scores = [row[f"{key}_score"] for row in found]
        assert scores == [f"{(int(row['fold']) + 1) / 4:.6f}" for row in found]


def test_a_row_has_all_that_each_network_says(command, named, nodules, made, tmp_path):
    found = command(write_runs(tmp_path / "runs", nodules), tmp_path / "held_out.csv")
    of_key = ("score", "diameter_mm", *DESCRIPTOR_SCALES)
    columns = [f"{key}_{name}" for key in ARCHITECTURES for name in of_key]
    assert list(found[0]) == ["fold", "patient", "nodule", *columns]
    for i, row in enumerate(found):
        bright = views_of(made, i).mean()
        for m, key in enumerate(ARCHITECTURES):
            diameter_mm = np.exp(2.1 + 0.5 * (bright + m))
            assert float(row[f"{key}_diameter_mm"]) == pytest.approx(diameter_mm, abs=0.006)
            assert float(row[f"{key}_texture"]) == pytest.approx(1 + 4 * bright, abs=6e-4)


def test_answers_are_kept_and_not_made_twice(command, named, nodules, tmp_path, monkeypatch):
    runs = write_runs(tmp_path / "runs", nodules)
    before = command(runs, tmp_path / "held_out.csv")
    for path in runs.rglob("final.weights.h5"):
        path.unlink()
    monkeypatch.setattr(module, "load_network", None)
    assert command(runs, tmp_path / "again.csv") == before


def test_kept_answers_of_other_nodules_are_not_used(named, nodules, made, tmp_path):
    run = write_runs(tmp_path / "runs", nodules) / "fold-0" / "alexnet"
    first = answers_of(nodules, made, np.array([0, 1]), "alexnet", run)["diameter_mm"]
    second = answers_of(nodules, made, np.array([1, 2]), "alexnet", run)["diameter_mm"]
    assert first[0] != first[1] == second[0] != second[1]


def test_answers_of_earlier_weights_are_not_used(named, nodules, made, tmp_path):
    run, chosen = write_runs(tmp_path / "runs", nodules) / "fold-0" / "alexnet", np.array([0, 1])
    fresh = answers_of(nodules, made, chosen, "alexnet", run)["score"]
    kept = run / "held_out.npz"
    with np.load(kept) as file:
        answers = dict(file)
    np.savez(kept, **(answers | {"score": answers["score"] + 1}))
    np.testing.assert_array_equal(answers_of(nodules, made, chosen, "alexnet", run)["score"], fresh + 1)
    os.utime(kept, (0, 0))  # older than the weights
    np.testing.assert_array_equal(answers_of(nodules, made, chosen, "alexnet", run)["score"], fresh)


@pytest.mark.parametrize("fold", [0, None])
def test_runs_that_did_not_hold_their_fold_out_are_refused(command, named, nodules, tmp_path, fold):
    runs = write_runs(tmp_path / "runs", nodules, last=recipe_of(nodules, fold))
    sentence = f"the run in {runs / 'fold-2' / 'efficientnet'} did not hold out the patients of fold 2"
    with pytest.raises(SystemExit, match=sentence):
        command(runs, tmp_path / "held_out.csv")
    assert not (tmp_path / "held_out.csv").exists()


def test_runs_on_other_patients_whose_folds_have_the_same_number_are_refused(
    command, named, nodules, tmp_path
):
    others = replace(nodules, patient=np.array(["X", *nodules.patient[1:]]))
    runs = write_runs(tmp_path / "runs", others)
    with pytest.raises(SystemExit, match="did not hold out the patients of fold"):
        command(runs, tmp_path / "held_out.csv")


def test_a_run_of_which_nothing_is_known_is_refused(command, named, nodules, tmp_path):
    runs = write_runs(tmp_path / "runs", nodules)
    (runs / "fold-0" / "vgg16" / "run.json").unlink()
    with pytest.raises(SystemExit, match="is missing; without it nobody knows who was held out"):
        command(runs, tmp_path / "held_out.csv")


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
        np.ones((n, 2, 2, 2)) * np.reshape(values, (n, 1, 1, 1)) for n, values in ((2, [1, 5]), (1, [4]))
    ]
    answers = predict(network, nodules)
    np.testing.assert_allclose(answers["score"], [0.5, 0.75], rtol=1e-6)
    position = list(DESCRIPTOR_SCALES).index("calcification")  # 1 to 6
    np.testing.assert_allclose(answers["descriptors"][:, position], [1 + 5 * 0.6, 1 + 5 * 0.8], rtol=1e-6)
    np.testing.assert_allclose(answers["diameter_mm"], np.exp([2.1, 2.1 + 0.5 * 0.5]), rtol=1e-6)


def test_a_nodule_is_read_as_the_app_reads_its_upload(made, pictures):
    for i in (0, 1, 13):
        found = views_of(made, i)
        assert found.shape == (8, *PATCH.shape)
        images = pictures / f"P{i:02}" / "nodule-0" / "images"
        np.testing.assert_array_equal(found, upload_of(made, i, images))
