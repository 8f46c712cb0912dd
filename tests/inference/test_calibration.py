import numpy as np
import pytest

from models.inference.calibration import EDGE, Platt, logit


@pytest.mark.parametrize("score", [0.1, 0.5, 0.93])
def test_slope_one_and_intercept_zero_leave_the_score_as_it_is(score):
    assert Platt(1.0, 0.0)(score) == pytest.approx(score)


def test_slope_and_intercept_act_on_the_log_odds():
    assert Platt(2.0, 1.0)(0.5) == pytest.approx(1 / (1 + np.exp(-1)))
    assert Platt(2.0, 0.0)(0.75) == pytest.approx(0.9)


@pytest.mark.parametrize(("score", "edge"), [(0.0, EDGE), (1.0, 1 - EDGE)])
def test_scores_of_zero_and_one_have_finite_log_odds(score, edge):
    assert logit(score) == pytest.approx(np.log(edge / (1 - edge)))


def test_a_rising_score_never_lowers_the_probability():
    assert (np.diff(Platt(1.7, -0.4)(np.linspace(0, 1, 101))) >= 0).all()
