"""Growth of a nodule: arithmetic against values worked out by hand, and the rules at their limits."""

import math

import pytest

from models.clinical.growth import Size, Sizes, Z, growth, length_change, volume_change


def mm(value, error=None):
    """A nodule of which only the diameter is known."""
    return Sizes(mean_diameter=Size(value, error))


def mm3(value, error=None):
    return Sizes(volume=Size(value, error))


def rule(key, before, now, days):
    return growth(before, now, days).rule(key)


def test_a_length_changes_by_its_difference_and_errors_add_as_squares():
    change = length_change(Size(8.0, 0.3), Size(10.0, 0.4))
    assert (change.before, change.now, change.difference, change.percent) == (8.0, 10.0, 2.0, 25.0)
    assert (change.low, change.high) == pytest.approx((2 - Z * 0.5, 2 + Z * 0.5))
    share = 100 * Z * 1.25 * math.hypot(0.3 / 8, 0.4 / 10)
    assert (change.percent_low, change.percent_high) == pytest.approx((25 - share, 25 + share))
    assert change.within_error is False
    assert length_change(Size(8.0, 0.3), Size(8.9, 0.4)).within_error is True


def test_a_volume_changes_by_its_ratio_and_errors_add_in_the_logarithm():
    change = volume_change(Size(500.0, 0.06), Size(1000.0, 0.08))
    assert (change.difference, change.percent) == (500.0, 100.0)
    reach = Z * 0.1
    assert change.percent_low == pytest.approx(100 * (2 * math.exp(-reach) - 1))
    assert change.percent_high == pytest.approx(100 * (2 * math.exp(reach) - 1))
    assert (change.low, change.high) == pytest.approx((5 * change.percent_low, 5 * change.percent_high))
    assert change.within_error is False
    assert volume_change(Size(500.0, 0.06), Size(600.0, 0.08)).within_error is True


def test_without_errors_nothing_is_said_of_them():
    for change in (length_change(Size(8.0, 0.3), Size(10.0)), volume_change(Size(500.0), Size(600.0, 0.1))):
        assert (change.low, change.high, change.percent_low, change.percent_high) == (None,) * 4
        assert change.within_error is None


def test_what_is_not_known_has_no_change():
    found = growth(Sizes(), mm(8.0), 100)
    assert (found.long_axis, found.mean_diameter, found.volume, found.doubling_time) == (None,) * 4
    assert {one.key: (one.outcome, one.reason) for one in found.rules} == {
        "fleischner": ("unknown", "no_size"),
        "lung_rads": ("unknown", "no_size"),
        "bts_volume": ("unknown", "no_volume"),
        "bts_doubling": ("unknown", "no_volume"),
    }


def test_a_volume_that_doubles_takes_its_doubling_time():
    found = growth(mm3(500.0, 0.05), mm3(1000.0, 0.05), 120).doubling_time
    assert (found.days, found.basis) == (pytest.approx(120), "volume")
    reach = Z * math.hypot(0.05, 0.05)
    assert found.low == pytest.approx(120 * math.log(2) / (math.log(2) + reach))
    assert found.high == pytest.approx(120 * math.log(2) / (math.log(2) - reach))


def test_a_diameter_that_grows_by_26_percent_has_doubled_its_sphere():
    found = growth(mm(10.0, 0.1), mm(10 * 2 ** (1 / 3), 0.1), 90).doubling_time
    assert (found.days, found.basis) == (pytest.approx(90), "diameter")
    reach = Z * 3 * math.hypot(0.1 / 10, 0.1 / (10 * 2 ** (1 / 3)))
    assert found.low == pytest.approx(90 * math.log(2) / (math.log(2) + reach))


def test_what_may_not_have_grown_has_no_longest_doubling_time():
    found = growth(mm3(500.0, 0.2), mm3(550.0, 0.2), 100).doubling_time
    assert found.days == pytest.approx(100 * math.log(2) / math.log(1.1))
    assert found.low is not None
    assert found.high is None


def test_what_shrinks_has_none():
    assert growth(mm3(1000.0), mm3(500.0), 100).doubling_time.days is None


@pytest.mark.parametrize("days", [None, 0, -30])
def test_without_an_interval_there_is_no_speed(days):
    found = growth(mm3(500.0), mm3(1000.0), days)
    assert found.doubling_time is None
    assert (found.rule("bts_volume").outcome, found.rule("bts_doubling").reason) == ("growth", "no_interval")


@pytest.mark.parametrize(("now", "outcome"), [(9.9, "no_growth"), (10.0, "growth"), (6.0, "no_growth")])
def test_fleischner_asks_for_two_millimetres(now, outcome):
    assert rule("fleischner", mm(8.0), mm(now), 400).outcome == outcome


@pytest.mark.parametrize(
    ("now", "days", "outcome", "reason"),
    [
        (9.5, 300, "no_growth", None),
        (9.6, 300, "growth", None),
        (9.6, 366, "growth", None),
        (9.6, 367, "unknown", "over_12_months"),
        (9.6, None, "unknown", "no_interval"),
        (9.5, 800, "no_growth", None),
        (9.5, None, "no_growth", None),
    ],
)
def test_lung_rads_asks_for_more_than_one_and_a_half_within_a_year(now, days, outcome, reason):
    found = rule("lung_rads", mm(8.0), mm(now), days)
    assert (found.outcome, found.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("now", "outcome"), [(1249.0, "no_growth"), (1250.0, "growth"), (700.0, "no_growth")]
)
def test_bts_asks_for_a_quarter_of_the_volume(now, outcome):
    assert rule("bts_volume", mm3(1000.0), mm3(now), 100).outcome == outcome


@pytest.mark.parametrize(
    ("days", "outcome"), [(400, "fast"), (401, "intermediate"), (600, "intermediate"), (601, "slow")]
)
def test_bts_sorts_doubling_times(days, outcome):
    found = rule("bts_doubling", mm3(1000.0), mm3(2000.0), days)
    assert (found.outcome, found.value) == (outcome, pytest.approx(days))


def test_bts_sorts_none_of_what_has_not_grown_by_a_quarter():
    found = rule("bts_doubling", mm3(1000.0), mm3(1200.0), 10)
    assert (found.outcome, found.value) == ("no_growth", None)


def test_a_rule_is_sure_where_the_whole_interval_agrees():
    assert rule("fleischner", mm(8.0, 0.1), mm(11.0, 0.1), 100).is_sure is True
    assert rule("fleischner", mm(8.0, 0.5), mm(10.2, 0.5), 100).is_sure is False
    assert rule("fleischner", mm(8.0, 0.1), mm(8.1, 0.1), 100).is_sure is True
    assert rule("fleischner", mm(8.0), mm(8.1), 100).is_sure is None
    assert rule("bts_volume", mm3(1000.0, 0.02), mm3(2000.0, 0.02), 100).is_sure is True
    assert rule("bts_volume", mm3(1000.0, 0.2), mm3(1300.0, 0.2), 100).is_sure is False
    assert rule("bts_doubling", mm3(1000.0, 0.02), mm3(2000.0, 0.02), 100).is_sure is True
    assert rule("bts_doubling", mm3(1000.0, 0.1), mm3(2000.0, 0.1), 410).is_sure is False
