import numpy as np
import pytest

from training.evaluation.metrics import auc
from training.intervals import bootstrap_by_patient, clopper_pearson, wilson


def test_one_patient_has_an_interval_of_one_value():
    values = np.array([1.0, 2.0, 6.0])
    assert bootstrap_by_patient(np.mean, np.array(["a"] * 3), values, repeats=20) == (3.0, 3.0)


def test_patients_are_drawn_with_all_their_nodules():
    patients, values = np.array(["a", "b", "b", "b"]), np.array([0.0, 1.0, 1.0, 1.0])
    means = []

    def mean(drawn):
        means.append(float(drawn.mean()))
        return means[-1]

    interval = bootstrap_by_patient(mean, patients, values, repeats=400)
    assert set(means) == {0.0, 0.75, 1.0}  # aa, ab or ba, bb
    assert means.count(0.75) == pytest.approx(200, abs=40)
    assert interval == (0.0, 1.0)


def test_arrays_are_drawn_together():
    patients = np.array(["a", "b", "c", "c"])
    first = np.arange(4.0)

    def difference(one, other):
        return float(np.abs(other - 10 * one).max())

    assert bootstrap_by_patient(difference, patients, first, 10 * first, repeats=50) == (0.0, 0.0)


def test_a_statistic_with_several_values_has_an_interval_of_each():
    patients, values = np.repeat(np.arange(8), 2), np.arange(16.0)
    low, high = bootstrap_by_patient(lambda x: [x.mean(), x.max()], patients, values, repeats=60)
    for position, one in enumerate((np.mean, np.max)):
        interval = bootstrap_by_patient(one, patients, values, repeats=60)
        assert (low[position], high[position]) == interval


def test_the_interval_is_that_of_95_percent():
    values = np.random.default_rng(0).normal(size=400)
    low, high = bootstrap_by_patient(np.mean, np.arange(400), values, repeats=1000)
    error = values.std() / np.sqrt(400)
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(0).normal(size=30)
    intervals = [
        bootstrap_by_patient(np.mean, np.arange(30), values, repeats=50, seed=seed) for seed in (1, 1, 2)
    ]
    assert intervals[0] == intervals[1]
    assert intervals[0] != intervals[2]


def test_draws_in_which_the_statistic_is_undefined_are_drawn_again():
    drawn = []

    def mean_of_both(values):
        if len(set(values)) < 2:
            raise ValueError
        drawn.append(values)
        return values.mean()

    interval = bootstrap_by_patient(mean_of_both, np.array([1, 2]), np.array([0, 1]), repeats=30)
    assert len(drawn) == 30
    assert interval == (0.5, 0.5)


def test_the_interval_of_an_auc_over_few_patients_is_a_number():
    labels, scores = np.array([0, 0, 1]), np.array([0.1, 0.4, 0.8])
    assert bootstrap_by_patient(auc, np.arange(3), labels, scores, repeats=50) == (1.0, 1.0)


def test_wilson_intervals():
    assert wilson(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(0.0, 26) == pytest.approx((0.0, 0.1287), abs=1e-4)
    assert wilson(1.0, 26) == pytest.approx((0.8713, 1.0), abs=1e-4)


def test_exact_intervals():
    """Of 0, 1 and all of a few the bounds have closed forms."""
    assert clopper_pearson(0, 10) == pytest.approx((0.0, 1 - 0.025**0.1))
    assert clopper_pearson(10, 10) == pytest.approx((0.025**0.1, 1.0))
    assert clopper_pearson(1, 2) == pytest.approx((1 - 0.975**0.5, 0.975**0.5))
    assert clopper_pearson(0, 0) == (0.0, 1.0)
