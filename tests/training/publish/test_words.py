"""Figures as text."""

import pytest

from training.publish.words import NUMBERS


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0, "0 %"), (1, "100 %"), (0.123, "12 %"), (0.004, "0.4 %"), (0.005, "0.5 %")]
    + [(0.994, "99 %"), (0.995, "99.5 %"), (0.9981, "99.8 %")],
)
def test_shares_are_not_rounded_to_nothing_or_to_all(value, text):
    assert NUMBERS.percent(value) == text


def test_figures_with_and_without_their_interval():
    result = {"auc": 0.93311, "auc_low": 0.89974, "auc_high": 0.96149}
    assert NUMBERS.interval(result) == "0.933 (0.900 to 0.961)"
    assert NUMBERS.interval({"auc": 0.5}) == "0.500"
    assert NUMBERS.interval({}) == "–"
    point = {"sensitivity": 0.85246, "sensitivity_low": 0.77273, "sensitivity_high": 0.92593}
    assert NUMBERS.interval(point, "sensitivity", NUMBERS.percent) == "85 % (77 to 93 %)"
    assert NUMBERS.between(0.0214, -0.0049, 0.0467) == "0.021 (−0.005 to 0.047)"


def test_decimals_and_thousands():
    assert NUMBERS.number(0.2079, 2) == "0.21"
    assert NUMBERS.count(1234567) == "1,234,567"
    assert NUMBERS.number(None) == NUMBERS.count(None) == "–"
