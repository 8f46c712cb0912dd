import numpy as np
import pytest

from tests.training.data.made_nodules import share_of_pairs
from training.evaluation.metrics import (
    auc,
    auc_difference,
    brier,
    calibration_error,
    calibration_noise,
    confusion,
    predictive_values,
    reliability_bins,
    sensitivity_threshold,
    youden_threshold,
)

SIX = np.array([1, 0, 1, 0, 1, 1]), np.array([0.9, 0.1, 0.7, 0.35, 0.3, 0.8])  # labels, probabilities


@pytest.mark.parametrize(
    ("labels", "scores", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], 1.0),
        ([0, 0, 1, 1], [0.9, 0.8, 0.2, 0.1], 0.0),
        ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.75),  # 3 of 4 pairs in order
        ([0, 1], [0.5, 0.5], 0.5),
        ([0, 0, 0, 1, 1], [0.1, 0.3, 0.3, 0.3, 0.9], 5 / 6),  # ties count half
    ],
)
def test_auc_is_the_share_of_pairs_in_order(labels, scores, expected):
    assert auc(np.array(labels), np.array(scores)) == pytest.approx(expected)


def test_auc_with_many_ties_counts_pairs():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 80), rng.integers(0, 6, 80)
    assert auc(labels, scores) == pytest.approx(share_of_pairs(labels, scores))


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_has_no_auc(label):
    with pytest.raises(ValueError, match="needs both classes"):
        auc(np.full(3, label), np.arange(3.0))


def of_twelve_patients(seed=0):
    """Patients, labels and scores of 24 nodules, two of a patient."""
    rng = np.random.default_rng(seed)
    labels = np.tile([0, 1, 1, 0], 6)
    return np.repeat([f"P{n:02}" for n in range(12)], 2), labels, rng.normal(labels, 1.0)


def test_scores_are_not_ahead_of_themselves_whoever_is_drawn(few_draws):
    patients, labels, scores = of_twelve_patients()
    nothing = {"value": 0, "low": 0, "high": 0, "n_nodules": 24}
    assert auc_difference(patients, labels, scores, scores) == nothing
    assert auc_difference(patients, labels, scores, np.exp(scores)) == nothing  # the same ranks


def test_a_difference_of_aucs_is_that_of_the_shares_of_pairs(few_draws):
    patients, labels, scores = of_twelve_patients()
    others = of_twelve_patients(seed=1)[2]
    found = auc_difference(patients, labels, scores, others)
    back = auc_difference(patients, labels, others, scores)
    expected = share_of_pairs(labels, scores) - share_of_pairs(labels, others)
    assert found["value"] == pytest.approx(expected)
    assert found["low"] < expected < found["high"]
    assert (back["value"], back["low"], back["high"]) == pytest.approx(
        (-found["value"], -found["high"], -found["low"])
    )


def test_patients_who_are_all_alike_leave_no_doubt_about_a_difference(few_draws):
    labels = np.tile([0, 0, 1, 1], 5)
    scores, others = np.tile([0.1, 0.2, 0.8, 0.9], 5), np.tile([0.1, 0.5, 0.4, 0.9], 5)
    found = auc_difference(np.repeat(list("ABCDE"), 4), labels, scores, others)
    assert found == pytest.approx({"value": 0.25, "low": 0.25, "high": 0.25, "n_nodules": 20})


def test_the_brier_score_is_the_mean_squared_error():
    assert brier([0, 1, 1], [0.5, 0.5, 0.8]) == pytest.approx((0.25 + 0.25 + 0.04) / 3)


@pytest.mark.parametrize(
    ("bins", "predicted", "observed"),
    [
        (1, [0.525], [2 / 3]),
        (2, [0.25, 0.8], [1 / 3, 1]),
        (3, [0.2, 0.525, 0.85], [1 / 2, 1 / 2, 1]),
        (15, [0.1, 0.3, 0.35, 0.7, 0.8, 0.9], [0, 1, 0, 1, 1, 1]),  # never more bins than cases
    ],
)
def test_bins_of_the_reliability_hold_as_many_cases_each(bins, predicted, observed):
    parts = reliability_bins(*SIX, bins)
    assert [part["n"] for part in parts] == [6 // len(predicted)] * len(predicted)
    np.testing.assert_allclose([part["predicted"] for part in parts], predicted)
    np.testing.assert_allclose([part["observed"] for part in parts], observed)
    gap = np.mean(np.abs(np.subtract(predicted, observed)))
    assert calibration_error(*SIX, bins) == pytest.approx(gap)


def test_a_bin_counts_by_its_cases():
    labels, probabilities = np.array([0, 1, 1]), np.array([0.3, 0.5, 0.9])  # bins of two and one
    assert calibration_error(labels, probabilities, 2) == pytest.approx((2 * 0.1 + 0.1) / 3)


@pytest.mark.parametrize(
    ("probabilities", "noise", "tolerance"),
    [
        ([0.0, 1.0] * 10, 0, 0),  # certain and right
        ([0.2] * 5, 2 * 0.2 * 0.8, 0.03),  # a bin a case: 0.2 off in 80 %, 0.8 off in 20 %
        ([0.5] * 1500, np.sqrt(2 / np.pi) * 0.05, 0.002),  # mean distance of a mean of 100 coins from 0.5
    ],
)
def test_calibration_noise_is_the_error_of_perfect_probabilities(probabilities, noise, tolerance):
    assert calibration_noise(np.array(probabilities)) == pytest.approx(noise, abs=tolerance)


@pytest.mark.parametrize(
    ("sensitivity", "expected"),
    [(1.0, 0.15), (0.76, 0.15), (0.75, 0.35), (0.74, 0.35), (0.5, 0.55), (0.25, 0.75)],
)
def test_the_high_sensitivity_point_lies_midway_below_the_score_to_keep(sensitivity, expected):
    labels, scores = np.tile([0, 1], 4), np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    assert sensitivity_threshold(labels, scores, sensitivity) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(5))
def test_no_higher_operating_point_keeps_95_percent(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 150)
    scores = np.round(rng.random(150) * 0.7 + 0.3 * labels, 2)  # with ties
    chosen = sensitivity_threshold(labels, scores, 0.95)
    assert confusion(labels, scores, chosen)["sensitivity"] >= 0.95
    enough = [t for t in np.unique(scores) if confusion(labels, scores, t)["sensitivity"] >= 0.95]
    assert chosen <= max(enough)
    np.testing.assert_array_equal(scores >= chosen, scores >= max(enough))


@pytest.mark.parametrize(
    ("rates", "prevalence", "expected"),
    [
        ((0.9, 0.8), 0.1, (0.09 / 0.27, 0.72 / 0.73)),
        ((0.9, 0.8), 0.5, (0.45 / 0.55, 0.4 / 0.45)),
        ((1.0, 1.0), 0.3, (1, 1)),
        ((0.0, 1.0), 0.1, (np.nan, 0.9)),  # nothing is called malignant
        ((1.0, 0.0), 0.1, (0.1, np.nan)),
    ],
)
def test_predictive_values_follow_from_the_prevalence(rates, prevalence, expected):
    assert predictive_values(*rates, prevalence) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("labels", "scores", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9], 0.4),
        ([1, 0, 0, 1], [0.9, 0.3, 0.2, 0.5], 0.4),
        # 0.4 and 0.6 are equally good: the more specific one counts
        ([0, 0, 0, 1, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], 0.55),
        ([0, 0, 0, 1, 1], [0.1, 0.2, 0.7, 0.3, 0.9], 0.25),
    ],
)
def test_the_operating_point_lies_midway_below_the_best_score(labels, scores, expected):
    assert youden_threshold(np.array(labels), np.array(scores)) == pytest.approx(expected)


def test_the_operating_point_maximises_sensitivity_plus_specificity():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 60)
    scores = rng.random(60) * 0.6 + 0.4 * labels * rng.random(60)

    def youden(threshold):
        result = confusion(labels, scores, threshold)
        return result["sensitivity"] + result["specificity"] - 1

    best = max(youden(threshold) for threshold in np.linspace(0, 1, 2001))
    assert youden(youden_threshold(labels, scores)) == pytest.approx(best)


@pytest.mark.parametrize(
    ("threshold", "accuracy", "sensitivity", "specificity"),
    [
        (0.5, 3 / 5, 1 / 2, 2 / 3),
        (0.4, 4 / 5, 1, 2 / 3),
        (0.0, 2 / 5, 1, 0),
        (1.1, 3 / 5, 0, 1),
        (0.8, 4 / 5, 1 / 2, 1),
    ],
)
def test_scores_at_or_above_the_threshold_are_called_malignant(threshold, accuracy, sensitivity, specificity):
    result = confusion([0, 0, 0, 1, 1], [0.1, 0.2, 0.6, 0.4, 0.8], threshold)
    assert result == pytest.approx(
        {"accuracy": accuracy, "sensitivity": sensitivity, "specificity": specificity}
    )


def test_a_threshold_equal_to_a_score_calls_it_malignant():
    assert confusion([1, 0], [0.5, 0.4], 0.5) == {
        "accuracy": 1.0,
        "sensitivity": 1.0,
        "specificity": 1.0,
    }
