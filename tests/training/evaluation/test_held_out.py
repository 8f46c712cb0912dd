"""The shipped results are what the shipped scores say, with labels read anew from the published ratings."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from app import ROOT
from models.inference.calibration import consensus_score
from training.data.dataset import label_of
from training.data.prepare import read_labels
from training.data.splits import fold_of_nodules
from training.evaluation.ahead import BEFORE
from training.evaluation.calibrate import cross_fit, fit_all
from training.evaluation.evaluate import KEYS
from training.evaluation.metrics import auc
from training.evaluation.predict import HELD_OUT, read_scores
from training.evaluation.robustness import read_choices

WEIGHTS = ROOT / "weights"
LABELS = ROOT.parent / "shared" / "lidc" / "nodules.csv"
pytestmark = pytest.mark.skipif(
    not (LABELS.exists() and HELD_OUT.exists()), reason="published labels or shipped scores are not there"
)


@pytest.fixture(scope="module")
def published():
    """Label of each usable nodule, by patient and nodule."""
    rows = [row for row in read_labels(LABELS) if row["masks_match"] == "1"]
    ratings = ([int(rating) for rating in row["malignancy"].split("|")] for row in rows)
    labels = (int(label_of(np.mean(rating))) for rating in ratings)
    return {(row["patient_id"], row["nodule"]): label for row, label in zip(rows, labels, strict=True)}


@pytest.fixture(scope="module")
def case(published):
    """Rows of the shipped scores, labels, scores, and answers by choices of other patients."""
    rows, scores = read_scores(HELD_OUT)
    patients = np.array([row["patient"] for row in rows])
    labels = np.array([published[row["patient"], row["nodule"]] for row in rows])
    answers = cross_fit(patients, labels, scores)
    return SimpleNamespace(rows=rows, labels=labels, scores=scores, answers=answers)


def test_scores_are_of_all_nodules_once_from_the_fold_that_held_them_out(case, published):
    patients = np.array([patient for patient, _ in published])
    folds = fold_of_nodules(SimpleNamespace(patient=patients, label=np.array(list(published.values()))))
    expected = [(str(fold), *key) for fold, key in zip(folds, published, strict=True)]
    assert [(row["fold"], row["patient"], row["nodule"]) for row in case.rows] == expected


def test_version_0_5_is_compared_on_nodules_that_are_there(published):
    assert {(row["patient"], row["nodule"]) for row in read_scores(BEFORE)[0]} <= published.keys()


def test_the_shipped_counts_are_those_of_the_published_labels(case):
    data = json.loads((WEIGHTS / "evaluation.json").read_text())["data"]
    counts = [int((case.labels == label).sum()) for label in (0, 1, -1)]
    assert [data["n_benign"], data["n_malignant"], data["n_indeterminate"]] == counts
    assert data["n_nodules"] == len(case.rows)


@pytest.mark.parametrize("m", range(6))
def test_shipped_figures_are_those_of_the_shipped_scores(case, m):
    models = json.loads((WEIGHTS / "evaluation.json").read_text())["models"]
    result, judged = models[KEYS[m]], case.labels >= 0
    score = np.column_stack([case.scores, consensus_score(case.scores)])[judged, m]
    assert result["auc"] == pytest.approx(auc(case.labels[judged], score), abs=1e-5)
    for point in ("balanced", "high_sensitivity"):
        called = getattr(case.answers, point)[:, m]
        assert result[point]["sensitivity"] == pytest.approx(called[case.labels == 1].mean(), abs=1e-5)
        assert result[point]["specificity"] == pytest.approx((~called[case.labels == 0]).mean(), abs=1e-5)
    squares = (case.answers.probability[judged, m] - case.labels[judged]) ** 2
    assert result["brier"] == pytest.approx(squares.mean(), abs=1e-5)
    kept = ~case.answers.deferred[judged, m]
    assert result["abstention"]["coverage"] == pytest.approx(kept.mean(), abs=1e-5)


@pytest.mark.parametrize("m", range(6))
def test_shipped_choices_are_those_of_the_shipped_scores(case, m):
    made, shipped = fit_all(case.labels, case.scores)[m], read_choices(WEIGHTS)[m]
    assert vars(shipped.calibration) == pytest.approx(vars(made.calibration), abs=1e-4)
    assert vars(shipped.abstention) == pytest.approx(vars(made.abstention), abs=1e-3)
    assert shipped.balanced == pytest.approx(made.balanced, abs=1e-4)
    assert shipped.high_sensitivity == pytest.approx(made.high_sensitivity, abs=1e-4)
