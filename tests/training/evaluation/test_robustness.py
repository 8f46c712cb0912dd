import json
from types import SimpleNamespace

import numpy as np
import pytest

from models.imaging.patch import PATCH
from models.inference.calibration import Abstention, Calibration
from models.inference.classifier import CONSENSUS
from models.inference.views import views
from models.networks.registry import ARCHITECTURES
from tests.training.data.made_nodules import recipe_of
from training.data.outlines import largest_section
from training.data.splits import fold_of_patients
from training.evaluation import robustness
from training.evaluation.calibrate import Answers, Choice
from training.evaluation.perturb import PERTURBATIONS, move

SURE_OUTSIDE = Abstention(0.0, -1.0, 0.0, 0.25)  # with threshold 0.5: indeterminate from 0.25 to 0.75


def test_only_benign_and_malignant_nodules_of_patients_of_the_first_fold_are_read():
    labels = np.tile([-1, 0, 1], 40)
    nodules = SimpleNamespace(patient=np.array([f"P{n:03}" for n in range(120)]), label=labels)
    chosen = robustness.judged_nodules(nodules)
    first = {patient for patient, fold in fold_of_patients(nodules).items() if fold == 0}
    assert set(nodules.patient[chosen]) == {f"P{n:03}" for n in range(120) if labels[n] >= 0} & first
    assert len(chosen) == 28
    np.testing.assert_array_equal(robustness.judged_nodules(nodules, limit=5), chosen[:5])


def test_an_upload_is_the_slice_of_the_largest_section(made):
    upload = robustness.upload_of(made, 3)
    index, row, col = largest_section(made, 3)
    np.testing.assert_array_equal(upload.pixels, made.grey[index])
    assert (upload.spacing_mm, upload.row, upload.col) == (0.7, row, col) == (0.7, 63.5, 63.5)


def test_an_upload_is_seen_as_the_app_sees_it(made):
    upload = move(robustness.upload_of(made, 3), 4, np.random.default_rng(0))
    found = robustness.patches_of(upload)
    assert found.shape == (8, *PATCH.shape)
    np.testing.assert_array_equal(found, views(upload.pixels, 0.7, upload.row, upload.col))
    assert (found != robustness.patches_of(robustness.upload_of(made, 3))).any()


def test_each_nodule_has_a_generator_of_its_own(nodules):
    draws = [robustness.rng_of(nodules, i).random() for i in (0, 1, 0)]
    assert draws[0] == draws[2] != draws[1]


def test_a_nodule_is_missed_in_one_direction_at_all_distances(nodules, made):
    upload = robustness.upload_of(made, 3)
    moved = [move(upload, pixels, robustness.rng_of(nodules, 3)) for pixels in (2, 4, 8)]
    steps = np.array([(m.row - upload.row, m.col - upload.col) for m in moved])
    np.testing.assert_allclose(steps[1:], steps[0] * [[2], [4]])


def made_answers(consensus, model, deferred):
    """Answers with one column for the consensus, one for all five models."""
    probability = np.array([[*[m] * 5, c] for m, c in zip(model, consensus, strict=True)])
    return Answers(
        score=probability,
        probability=probability,
        balanced=probability >= 0.5,
        high_sensitivity=probability >= 0.2,
        deferred=np.array([[d] * 6 for d in deferred]),
    )


def test_changes_of_a_case_by_hand():
    # consensus: benign to malignant, malignant to indeterminate, malignant twice
    before = made_answers([0.1, 0.8, 0.7, 0.9], [0.1, 0.8, 0.7, 0.9], [False, False, False, False])
    after = made_answers([0.6, 0.7, 0.7, 0.8], [0.1, 0.3, 0.3, 0.8], [False, True, False, False])
    result = robustness.changes(np.array([0, 0, 1, 1]), before, after)
    assert result == {
        "mean_change": pytest.approx(0.175),  # of 0, 0.1, 0.1, 0.5
        "p95_change": pytest.approx(0.44),  # 0.85 of the way from 0.1 to 0.5
        "flips": 0.5,
        "flips_benign_malignant": 0.25,
        "auc": 0.875,  # 0.7 and 0.8 against 0.6 and 0.7: three won, one tied
        "flips_by_model": dict.fromkeys(ARCHITECTURES, 0.25),  # the third, from malignant to benign
    }


def test_the_area_of_one_class_is_unknown():
    answers = made_answers([0.1, 0.8], [0.1, 0.8], [False, False])
    assert robustness.changes(np.array([1, 1]), answers, answers)["auc"] is None


def test_rows_of_scores_by_hand():
    choices = [Choice(Calibration(1.0, 1.0, 0.0), 0.5, 0.2, SURE_OUTSIDE)] * 6
    before = np.repeat([[0.1], [0.2], [0.9], [0.8]], 5, axis=1)
    scores = {row.name: before for row in (robustness.UNPERTURBED, *PERTURBATIONS)}
    scores["lung window"] = np.repeat([[0.2], [0.3], [0.1], [0.8]], 5, axis=1)
    rows = {row["name"]: row for row in robustness.rows_of(np.array([0, 0, 1, 1]), choices, scores)}
    assert list(rows)[0] == "unperturbed"
    assert (rows["quarter turn"]["mean_change"], rows["quarter turn"]["flips"]) == (0, 0)
    changed = rows["lung window"]
    assert changed["mild"]
    assert changed["mean_change"] == pytest.approx(0.25)  # of 0.1, 0.1, 0.8, 0
    assert changed["flips"] == 0.5  # benign to indeterminate, malignant to benign
    assert changed["flips_benign_malignant"] == 0.25
    assert changed["auc"] == 0.5


@pytest.fixture
def command(tmp_path, nodules_file, nodules, monkeypatch):
    """A function that runs the command on networks that rate the brightness of a patch."""

    def brightness(patches, training=False):
        bright = patches.mean(axis=(1, 2, 3))[:, None]
        rating = np.concatenate([1 - bright, 0 * bright, 0 * bright, 0 * bright, bright], axis=1)
        return {"rating": rating, "descriptors": np.zeros((len(patches), 7)), "diameter": bright}

    monkeypatch.setattr(robustness, "load_network", lambda key, path: brightness)
    runs, weights = tmp_path / "runs", tmp_path / "weights"
    weights.mkdir()
    report = {
        "calibration": {"a": 1.0, "b": 1.0, "intercept": 0.0},
        "threshold": 0.5,
        "high_sensitivity_threshold": 0.2,
        "abstention": vars(SURE_OUTSIDE),
    }
    for key in (*ARCHITECTURES, CONSENSUS):
        (weights / f"{key}.json").write_text(json.dumps(report))
        (runs / "fold-0" / key).mkdir(parents=True)
        (runs / "fold-0" / key / "run.json").write_text(recipe_of(nodules, 0))
    (weights / "evaluation.json").write_text('{"data": {"n_nodules": 14}}')
    files = {"data": nodules_file, "runs": runs, "weights": weights}

    def run(*more):
        robustness.main([*(f"--{name}={path}" for name, path in files.items()), *more])
        return json.loads((weights / "evaluation.json").read_text())

    return run


def test_the_command_adds_the_rows_and_keeps_all_else(command):
    evaluation = command()
    result = evaluation["robustness"]
    rows = {row["name"]: row for row in result["rows"]}
    assert evaluation["data"] == {"n_nodules": 14}
    assert result["n_nodules"] == 6
    assert list(rows) == ["unperturbed", *(row.name for row in PERTURBATIONS)]
    assert rows["unperturbed"]["mean_change"] == rows["quarter turn"]["mean_change"] == 0  # five digits
    assert rows["spacing 20 % too large"]["mean_change"] > 0


def test_networks_that_have_learnt_from_the_patients_are_refused(command, nodules, tmp_path):
    run = tmp_path / "runs" / "fold-0" / "efficientnet"
    (run / "run.json").write_text(recipe_of(nodules, None))
    with pytest.raises(SystemExit, match=f"the run in {run} did not hold out the patients of fold 0"):
        command()


def test_resume_reads_no_nodule_again(command, monkeypatch, tmp_path):
    before = command()
    assert (tmp_path / "runs" / "fold-0" / "robustness.npz").exists()
    monkeypatch.setattr(robustness, "read", None)
    assert command("--resume") == before


def test_resume_refuses_the_scores_of_other_nodules(command):
    command("--limit", "1")
    with pytest.raises(SystemExit, match="other nodules"):
        command("--resume")
