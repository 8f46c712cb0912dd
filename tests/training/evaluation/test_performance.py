import numpy as np
import pytest

from tests.training.data.made_nodules import share_of_pairs
from training.evaluation.performance import abstention, curves, operating_point, performance

PATIENTS = np.array([f"P{n}" for n in range(10)])
LABELS = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
CALLED = np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0], bool)


def test_performance_of_a_case_worked_out_by_hand():
    patients = np.array(["a", "a", "b", "c", "d"])
    labels = np.array([0, 1, 0, 1, 1])
    probabilities = np.array([0.2, 0.9, 0.5, 0.4, 0.8])
    result = performance(patients, labels, np.array([0.1, 0.2, 0.3, 0.4, 0.5]), probabilities)
    assert result["auc"] == pytest.approx(5 / 6)  # by score, 0.2 lies below 0.3
    assert result["brier"] == pytest.approx((0.04 + 0.01 + 0.25 + 0.36 + 0.04) / 5)
    assert result["calibration_error"] == pytest.approx((0.2 + 0.1 + 0.5 + 0.6 + 0.2) / 5)  # a bin a nodule
    assert (result["n_nodules"], result["n_malignant"], result["n_patients"]) == (5, 3, 4)
    assert 0 <= result["auc_low"] <= result["auc"] <= result["auc_high"] <= 1


def test_an_operating_point_worked_out_by_hand():
    result = operating_point(PATIENTS, LABELS, CALLED)
    expected = {
        "accuracy": 0.7,
        "sensitivity": 3 / 4,
        "specificity": 4 / 6,
        "prevalence": 0.4,
        "ppv": 3 / 5,  # of the five called malignant
        "npv": 4 / 5,
        "ppv_at_10": 0.075 / (0.075 + 0.3),
        "npv_at_10": 0.6 / (0.6 + 0.025),
    }
    assert {name: result[name] for name in expected} == pytest.approx(expected)
    for name in ("sensitivity", "specificity"):
        assert 0 <= result[f"{name}_low"] < result[name] < result[f"{name}_high"] <= 1


def test_patients_who_are_all_alike_leave_no_doubt_about_the_operating_point():
    patients = np.repeat(PATIENTS, 4)
    labels, called = np.tile([1, 1, 0, 0], 10), np.tile([True, False, False, False], 10)
    result = operating_point(patients, labels, called)
    assert (result["sensitivity_low"], result["sensitivity_high"]) == (0.5, 0.5)
    assert (result["specificity_low"], result["specificity_high"]) == (1.0, 1.0)


def test_intervals_of_rates_are_by_patient_not_by_nodule():
    labels = np.ones(40, int)
    labels[::4] = 0
    called = np.repeat([True, False], 20)  # five patients found, five missed, with all their nodules
    result = operating_point(np.repeat(PATIENTS, 4), labels, called)
    by_nodule = 1.96 * np.sqrt(0.25 / 30)
    assert result["sensitivity_low"] < 0.5 - by_nodule
    assert result["sensitivity_high"] > 0.5 + by_nodule


def test_abstention_of_a_case_worked_out_by_hand():
    labels = np.append(LABELS, [-1, -1, -1, -1])
    patients = np.append(PATIENTS, ["Q"] * 4)
    scores = np.array([0.9, 0.8, 0.7, 0.3, 0.6, 0.6, 0.2, 0.1, 0.1, 0.4, 0.5, 0.5, 0.5, 0.5])
    called = scores >= 0.5
    deferred = np.isin(np.arange(14), [3, 4, 9, 10, 11, 12])
    result = abstention(patients, labels, scores, called, deferred)
    assert result["coverage"] == pytest.approx(0.7)  # of the ten that are benign or malignant
    assert result["deferred_of_indeterminate"] == pytest.approx(0.75)
    kept, put_off = result["kept"], result["deferred"]
    assert (kept["n_nodules"], put_off["n_nodules"]) == (7, 3)
    assert kept["auc"] == 1.0
    assert (kept["accuracy"], kept["sensitivity"], kept["specificity"]) == pytest.approx((6 / 7, 1, 3 / 4))
    assert put_off["auc"] == 0.0  # 0.3 against 0.6 and 0.4
    rates = put_off["accuracy"], put_off["sensitivity"], put_off["specificity"]
    assert rates == pytest.approx((1 / 3, 0, 1 / 2))


def test_deferred_nodules_of_one_kind_are_only_counted():
    deferred = np.isin(np.arange(10), [8, 9])
    result = abstention(PATIENTS, LABELS, np.linspace(1, 0, 10), CALLED, deferred)
    assert result["deferred"] == {"n_nodules": 2}
    assert result["kept"]["n_nodules"] == 8
    assert result["deferred_of_indeterminate"] is None


def test_histograms_count_each_nodule_once_on_its_side():
    probabilities = np.array([0.0, 0.04, 0.05, 0.52, 0.97, 1.0, 0.31, 0.31, 0.31, 0.99])
    result = curves(PATIENTS, LABELS, np.arange(10), probabilities)["histogram"]
    assert result["edges"] == pytest.approx([i / 20 for i in range(21)])
    malignant, benign = np.zeros(20), np.zeros(20)
    malignant[[0, 1, 10]] = 2, 1, 1
    benign[[6, 19]] = 3, 3
    assert (result["malignant"], result["benign"]) == (malignant.tolist(), benign.tolist())


@pytest.fixture(scope="module")
def overlapping():
    """Labels and scores, with ties, of 50 benign and 30 malignant nodules of 40 patients; their ROC curve."""
    rng = np.random.default_rng(0)
    labels = rng.permuted(np.repeat([0, 1], [50, 30]))
    scores = np.round(rng.normal(labels, 1), 1)
    patients = np.repeat([f"P{n:02}" for n in range(40)], 2)
    return labels, scores, curves(patients, labels, scores, rng.random(80))["roc"]


def test_the_roc_curve_is_the_best_that_a_threshold_reaches(overlapping):
    labels, scores, roc = overlapping
    called = scores >= np.append(np.unique(scores), np.inf)[:, None]  # a row a threshold
    found, alarms = called[:, labels == 1].mean(axis=1), called[:, labels == 0].sum(axis=1)
    assert roc["false_positive"] == [i / 50 for i in range(51)]
    best = [found[alarms <= i].max() for i in range(51)]  # i of the 50 benign nodules
    np.testing.assert_allclose(roc["true_positive"], best, atol=6e-5)  # rounded to four digits


def test_the_roc_curve_of_a_ladder_has_a_step_a_nodule():
    scores = np.arange(100.0)  # benign and malignant in turns, a malignant one on top
    labels = np.tile([0, 1], 50)
    roc = curves(np.repeat(PATIENTS, 10), labels, scores, scores / 100)["roc"]
    assert roc["true_positive"] == pytest.approx([(i + 1) / 50 for i in range(50)] + [1.0])


def test_the_band_encloses_the_roc_curve_and_all_rise(overlapping):
    low, middle, high = (np.array(overlapping[2][name]) for name in ("low", "true_positive", "high"))
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert (low < high)[:20].all()
    for line in (low, middle, high):
        assert (np.diff(line) >= 0).all()


def test_the_area_under_the_roc_curve_is_the_auc(overlapping):
    labels, scores, roc = overlapping
    area = np.trapezoid(roc["true_positive"], roc["false_positive"])
    assert area == pytest.approx(share_of_pairs(labels, scores), abs=0.02)


def test_scores_that_separate_reach_everything_at_once():
    roc = curves(PATIENTS, LABELS, LABELS, np.full(10, 0.5))["roc"]
    assert roc["true_positive"] == roc["low"] == roc["high"] == [1.0] * 51


def test_the_reliability_of_twenty_nodules_has_fifteen_bins():
    labels, probabilities = np.repeat([0, 1], 10), np.linspace(0, 0.95, 20)
    bins = curves(np.repeat(PATIENTS, 2), labels, labels, probabilities)["reliability"]
    assert [part["n"] for part in bins] == [2] * 5 + [1] * 10
    assert bins[0] == pytest.approx({"predicted": 0.025, "observed": 0.0, "n": 2})
    assert bins[-1] == pytest.approx({"predicted": 0.95, "observed": 1.0, "n": 1})
