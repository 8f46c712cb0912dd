import numpy as np
import pytest

from models.inference.calibration import (
    EDGE,
    Abstention,
    Calibration,
    consensus_score,
    disagreement,
    logit,
    sigmoid,
)


@pytest.mark.parametrize("score", [0.1, 0.5, 0.93])
def test_a_and_b_of_one_and_no_intercept_leave_the_score_as_it_is(score):
    assert Calibration(1.0, 1.0, 0.0)(score) == pytest.approx(score)


def test_equal_a_and_b_act_on_the_log_odds():
    assert Calibration(2.0, 2.0, 1.0)(0.5) == pytest.approx(1 / (1 + np.exp(-1)))
    assert Calibration(2.0, 2.0, 0.0)(0.75) == pytest.approx(0.9)


def test_a_weighs_the_score_and_b_what_is_missing_to_one():
    # odds s^a / (1 - s)^b: 0.25^2, and 1 / 0.75^2
    assert Calibration(2.0, 0.0, 0.0)(0.25) == pytest.approx(1 / 17)
    assert Calibration(0.0, 2.0, 0.0)(0.25) == pytest.approx(16 / 25)


@pytest.mark.parametrize(("score", "edge"), [(0.0, EDGE), (1.0, 1 - EDGE)])
def test_scores_of_zero_and_one_have_finite_log_odds(score, edge):
    assert logit(score) == pytest.approx(np.log(edge / (1 - edge)))


def test_a_rising_score_never_lowers_the_probability():
    assert (np.diff(Calibration(1.7, 0.3, -0.4)(np.linspace(0, 1, 101))) >= 0).all()


@pytest.mark.parametrize("score", [0.001, 0.3, 0.5, 0.99])
def test_sigmoid_undoes_logit(score):
    assert sigmoid(logit(score)) == pytest.approx(score)


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ([0.3] * 5, 0),
        ([0.1, 0.3, 0.5, 0.7, 0.9], np.sqrt(0.08)),  # squares 0.16, 0.04, 0, 0.04, 0.16
        ([0, 1, 0, 1], 0.5),
        ([0.7], 0),  # one model alone agrees with itself
    ],
)
def test_disagreement_is_the_standard_deviation(probabilities, expected):
    assert disagreement(probabilities) == pytest.approx(expected)
    assert disagreement([probabilities] * 3).shape == (3,)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.2] * 5, 0.2),
        ([0.1, 0.9], 0.5),
        ([0.5, 0.8], 2 / 3),  # odds 1 and 4, whose geometric mean is 2
        ([0.0, 0.5], 1 / (1 + np.sqrt(1 / EDGE - 1))),
    ],
)
def test_the_consensus_is_the_geometric_mean_of_the_odds(scores, expected):
    assert consensus_score(scores) == pytest.approx(expected)
    assert consensus_score(np.array([scores, scores])) == pytest.approx([expected, expected])


def test_doubt_of_a_case_worked_out_by_hand():
    rule = Abstention(intercept=-1.0, distance=-0.5, disagreement=4.0, limit=0.3)
    # log odds of 0.8 are ln 4, those of the operating point 0
    expected = 1 / (1 + np.exp(1 + 0.5 * np.log(4) - 4 * 0.1))
    assert rule.doubt(0.8, 0.5, 0.1) == pytest.approx(expected)


@pytest.mark.parametrize("spread", [2.0, -2.0])
def test_doubt_rises_with_disagreement_if_its_coefficient_is_positive(spread):
    doubt = Abstention(-1.0, -0.5, spread, 0.3).doubt(0.8, 0.5, np.linspace(0, 0.5, 11))
    assert (np.sign(np.diff(doubt)) == np.sign(spread)).all()


def test_doubt_falls_on_either_side_of_the_operating_point():
    rule, threshold = Abstention(-1.0, -0.5, 2.0, 0.3), 0.2
    steps = np.linspace(0, 4, 9)
    above, below = (sigmoid(logit(threshold) + side * steps) for side in (1, -1))
    doubt = rule.doubt(above, threshold, 0.1)
    np.testing.assert_allclose(doubt, rule.doubt(below, threshold, 0.1))
    assert (np.diff(doubt) < 0).all()


@pytest.mark.parametrize(("limit", "deferred"), [(0.49, True), (0.5, False), (0.51, False)])
def test_only_more_doubt_than_the_limit_defers(limit, deferred):
    assert Abstention(0.0, -1.0, 1.0, limit).defers(0.4, 0.4, 0.0) == deferred  # a doubt of 0.5


def test_cases_are_deferred_one_by_one():
    rule = Abstention(0.0, -1.0, 1.0, 0.4)
    given = rule.defers(np.array([0.5, 0.9, 0.1, 0.5]), 0.5, np.array([0.0, 0.0, 0.0, 0.4]))
    np.testing.assert_array_equal(given, [True, False, False, True])
