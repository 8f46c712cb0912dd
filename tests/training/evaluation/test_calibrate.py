import numpy as np
import pytest

from models.inference.calibration import Abstention, Calibration, sigmoid
from training.evaluation.calibrate import (
    Choice,
    answer,
    choose,
    cross_fit,
    fit_abstention,
    fit_all,
    fit_calibration,
)

FIELDS = ("score", "probability", "balanced", "high_sensitivity", "deferred")


@pytest.fixture(scope="module")
def case():
    """Patients with a benign, a malignant and an indeterminate nodule each, and scores of five models."""
    rng = np.random.default_rng(1)
    patients = np.repeat([f"P{n:02}" for n in range(40)], 3)
    labels = np.tile([0, 1, -1], 40)
    shift = np.tile([-0.7, 0.7, 0.0], 40)[:, None] + rng.normal(0, 0.6, (120, 1))
    return patients, labels, sigmoid(shift + rng.normal(0, 0.5, (120, 5)))


@pytest.fixture(scope="module")
def reported(case):
    """What is reported of each nodule of `case`."""
    return cross_fit(*case)


def same(one, other, rows):
    """Whether two Answers are equal, bit for bit, in some rows."""
    return all(np.array_equal(getattr(one, name)[rows], getattr(other, name)[rows]) for name in FIELDS)


@pytest.mark.parametrize("made", [(1.8, 1.8, 0.7), (3.0, 0.5, 1.0), (0.4, 2.0, -0.5)])
def test_beta_calibration_recovers_the_coefficients_that_made_the_labels(made):
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.02, 0.98, 100_000)
    labels = rng.random(scores.size) < Calibration(*made)(scores)
    fitted = fit_calibration(labels, scores)
    assert (fitted.a, fitted.b, fitted.intercept) == pytest.approx(made, abs=0.12)


@pytest.mark.parametrize(("made", "zero"), [((3.0, -0.8, 1.0), "b"), ((-0.8, 3.0, 1.0), "a")])
def test_a_fitted_probability_never_falls_with_the_score(made, zero):
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.02, 0.98, 40_000)
    labels = rng.random(scores.size) < Calibration(*made)(scores)
    fitted = fit_calibration(labels, scores)
    assert getattr(fitted, zero) == 0
    assert (np.diff(fitted(np.linspace(0, 1, 201))) >= 0).all()


def test_calibrated_probabilities_have_the_labels_mean(case):
    _, labels, scores = case
    judged = labels >= 0
    probabilities = answer(choose(labels[judged], scores[judged]), scores[judged]).probability
    np.testing.assert_allclose(probabilities.mean(axis=0), 0.5, atol=1e-3)  # as many of each


@pytest.mark.parametrize(("n", "coverage"), [(100, 0.85), (389, 0.85), (60, 0.5), (60, 1.0)])
def test_a_fitted_abstention_gives_the_asked_share_a_verdict(n, coverage):
    rng = np.random.default_rng(n)
    probabilities, spread = rng.random(n), rng.uniform(0, 0.3, n)
    labels = (rng.random(n) < probabilities).astype(int)
    rule = fit_abstention(labels, probabilities, 0.4, spread, coverage)
    kept = (~rule.defers(probabilities, 0.4, spread)).sum()
    assert abs(kept - coverage * n) <= 1


@pytest.fixture(scope="module")
def doubtful():
    """Labels, probabilities, spread; 150 of 1000 cases are called by a coin, and on these models disagree."""
    rng = np.random.default_rng(2)
    probabilities = rng.permuted(np.linspace(0.05, 0.95, 1000))
    coin = np.arange(1000) < 150
    labels = np.where(coin, np.arange(1000) % 2, probabilities >= 0.5)
    return labels, probabilities, np.where(coin, 0.3, 0.02), coin


def test_abstention_learns_that_disagreement_means_error(doubtful):
    labels, probabilities, spread, coin = doubtful
    rule = fit_abstention(labels, probabilities, 0.5, spread)
    assert rule.disagreement > 0
    np.testing.assert_array_equal(rule.defers(probabilities, 0.5, spread), coin)


def test_abstention_learns_that_nearness_to_the_operating_point_means_error():
    probabilities = np.random.default_rng(3).permuted(np.linspace(0.05, 0.95, 1000))
    near = np.abs(probabilities - 0.5) < 0.45 * 0.15
    labels = np.where(near, np.arange(1000) % 2, probabilities >= 0.5)
    rule = fit_abstention(labels, probabilities, 0.5, np.full(1000, 0.1))
    assert rule.distance < 0
    deferred = rule.defers(probabilities, 0.5, 0.1)
    assert (deferred == near).mean() > 0.99
    wrong = (probabilities >= 0.5) != labels
    assert wrong[deferred].mean() > 0.4
    assert wrong[~deferred].mean() < 0.01


@pytest.mark.parametrize("m", range(6))
def test_the_high_sensitivity_point_is_the_highest_that_keeps_95_percent(case, m):
    _, labels, scores = case
    labels, scores = labels[labels >= 0], scores[labels >= 0]
    choices = choose(labels, scores)
    malignant = np.sort(answer(choices, scores).probability[labels == 1, m])
    assert (malignant >= choices[m].high_sensitivity).sum() == 38  # of 40
    assert malignant[1] < choices[m].high_sensitivity < malignant[2]


def test_answers_of_a_case_worked_out_by_hand():
    plain, rule = (
        Calibration(1.0, 1.0, 0.0),
        Abstention(0.0, 0.0, 1.0, limit=float(sigmoid(0.28))),
    )  # spread above 0.28
    choices = [Choice(plain, 0.4, 0.15, rule)] * 5 + [
        Choice(Calibration(1.0, 1.0, np.log(3)), 0.5, 0.4, rule)
    ]
    given = answer(choices, np.array([[0.2, 0.2, 0.2, 0.2, 0.2], [0.1, 0.3, 0.5, 0.7, 0.9]]))
    # odds of the consensus: 1/4, and 1 by symmetry; calibration makes them three times as high
    np.testing.assert_allclose(given.score, [[0.2] * 6, [0.1, 0.3, 0.5, 0.7, 0.9, 0.5]])
    np.testing.assert_allclose(given.probability[:, :5], given.score[:, :5])
    np.testing.assert_allclose(given.probability[:, 5], [3 / 7, 3 / 4])
    np.testing.assert_array_equal(given.balanced, [[0] * 6, [0, 0, 1, 1, 1, 1]])
    np.testing.assert_array_equal(given.high_sensitivity, [[1] * 6, [0, 1, 1, 1, 1, 1]])
    np.testing.assert_array_equal(given.deferred, [[0] * 6, [1] * 6])  # spreads of the five: 0 and 0.283


def test_indeterminate_nodules_choose_nothing(case):
    _, labels, scores = case
    judged = labels >= 0
    assert fit_all(labels, scores) == choose(labels[judged], scores[judged])


@pytest.mark.parametrize("patient", ["P00", "P17", "P39"])
def test_what_is_reported_of_a_patient_owes_nothing_to_the_patients_labels(case, reported, patient):
    patients, labels, scores = case
    own = patients == patient
    changed = labels.copy()
    changed[own] = [1, 0, -1]  # benign and malignant exchanged, which keeps the folds
    anew = cross_fit(patients, changed, scores)
    assert same(anew, reported, own)
    fold = np.array([same(anew, reported, patients == other) for other in np.unique(patients)])
    assert fold.sum() == 8  # of 40: who is answered together; the label counts for all others


def test_scores_of_indeterminate_nodules_are_answered_but_choose_nothing(case, reported):
    patients, labels, scores = case
    changed = np.where(labels[:, None] == -1, 1 - scores, scores)
    anew = cross_fit(patients, labels, changed)
    assert same(anew, reported, labels >= 0)
    assert (anew.probability[labels == -1] != reported.probability[labels == -1]).all()


def test_reported_answers_are_in_the_order_of_the_nodules(case, reported):
    patients, labels, scores = case
    order = np.random.default_rng(4).permutation(len(labels))
    shuffled = cross_fit(patients[order], labels[order], scores[order])
    np.testing.assert_allclose(shuffled.probability, reported.probability[order], atol=1e-3)
