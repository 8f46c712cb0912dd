"""Growth of a nodule between two scans: what changed, how sure that is, and what published rules make of it.

Errors are carried through: of lengths as absolute errors, of volumes as relative ones, whose logarithms add.
All intervals are of 95 %. Sources of the rules:

- Fleischner Society 2017: a mean diameter larger by 2 mm or more has grown (MacMahon et al., Radiology 284,
  228, 2017; Bankier et al., Radiology 285, 584, 2017).
- Lung-RADS v2022: growth is more than 1.5 mm in mean diameter within 12 months (American College of
  Radiology, November 2022; Christensen et al., J. Am. Coll. Radiol. 21, 473, 2024).
- British Thoracic Society 2015: a volume larger by 25 % or more has grown; a doubling time of up to 400 days
  asks for work-up, of up to 600 days for biopsy or further scans (Callister et al., Thorax 70 Suppl. 2, ii1,
  2015).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from models.clinical.terms import rounded

Z = 1.959964  # of a normal distribution, for 95 %
FLEISCHNER_MM = 2.0
LUNG_RADS_MM, LUNG_RADS_DAYS = 1.5, 366  # twelve months, one of which may be a leap year's
BTS_PERCENT = 25.0
BTS_FAST_DAYS, BTS_SLOW_DAYS = 400.0, 600.0

RuleKey = Literal["fleischner", "lung_rads", "bts_volume", "bts_doubling"]
Outcome = Literal["growth", "no_growth", "fast", "intermediate", "slow", "unknown"]
Reason = Literal["no_size", "no_volume", "no_interval", "over_12_months"]


@dataclass(frozen=True)
class Size:
    """A length in mm, or a volume in mm3, and the standard deviation of its error.

    Attributes
    ----------
    value : float
        Above 0.
    error : float or None
        Of a length in mm, of a volume as a share of it; None where it was not measured.
    """

    value: float
    error: float | None = None


@dataclass(frozen=True)
class Change:
    """How a size changed; the ends of the intervals are None where an error is not known.

    Attributes
    ----------
    before, now : float
    difference, low, high : float
        ``now - before``, and its interval.
    percent, percent_low, percent_high : float
        The same in percent of ``before``.
    """

    before: float
    now: float
    difference: float
    percent: float
    low: float | None = None
    high: float | None = None
    percent_low: float | None = None
    percent_high: float | None = None

    @property
    def within_error(self) -> bool | None:
        """Whether it may be an error of measuring alone; None where errors are not known."""
        return None if self.low is None or self.high is None else self.low <= 0 <= self.high


@dataclass(frozen=True)
class DoublingTime:
    """Volume doubling time in days (Schwartz, Cancer 14, 1272, 1961), of what grew exponentially.

    Attributes
    ----------
    days : float or None
        None where the volume did not grow.
    low, high : float or None
        Ends of its interval; no `high`: it may not have grown at all. Both None where errors are not known.
    basis : str
        ``volume``; or ``diameter``, taken for that of a sphere, where there is no volume.
    """

    days: float | None
    low: float | None
    high: float | None
    basis: Literal["volume", "diameter"]


@dataclass(frozen=True)
class Rule:
    """What a rule makes of a change.

    Attributes
    ----------
    key : str
    outcome : str
        ``growth`` or ``no_growth``; of ``bts_doubling`` ``fast``, ``intermediate``, ``slow`` or
        ``no_growth``; ``unknown``, and then the `reason`.
    value : float or None
        What was held against the rule's limits: mm, percent or days.
    is_sure : bool or None
        Whether the outcome is the same over the whole interval; None where that is not known.
    reason : str or None
    """

    key: RuleKey
    outcome: Outcome
    value: float | None = None
    is_sure: bool | None = None
    reason: Reason | None = None


@dataclass(frozen=True)
class Sizes:
    """A nodule's sizes in one scan, as far as they are known."""

    long_axis: Size | None = None
    mean_diameter: Size | None = None
    volume: Size | None = None


@dataclass(frozen=True)
class Growth:
    """All that is said of a nodule in two scans.

    Attributes
    ----------
    days : int or None
        From one scan to the other; None or 0 where nothing can be said of a speed.
    long_axis, mean_diameter, volume : Change or None
    doubling_time : DoublingTime or None
    rules : tuple of Rule
    """

    days: int | None
    long_axis: Change | None
    mean_diameter: Change | None
    volume: Change | None
    doubling_time: DoublingTime | None
    rules: tuple[Rule, ...]

    def rule(self, key: RuleKey) -> Rule:
        """The rule of that key."""
        return next(rule for rule in self.rules if rule.key == key)


def growth(before: Sizes, now: Sizes, days: int | None) -> Growth:
    """Growth between two scans, `days` apart; the earlier one comes first."""
    long_axis = length_change(before.long_axis, now.long_axis)
    diameter = length_change(before.mean_diameter, now.mean_diameter)
    volume = volume_change(before.volume, now.volume)
    doubling = doubling_time(before, now, days)
    rules = tuple(_rules(diameter, volume, doubling, days))
    return Growth(days, long_axis, diameter, volume, doubling, rules)


def length_change(before: Size | None, now: Size | None) -> Change | None:
    """Change of a length; its errors add as squares."""
    if before is None or now is None:
        return None
    difference = now.value - before.value
    change = Change(before.value, now.value, difference, 100 * difference / before.value)
    if before.error is None or now.error is None:
        return change
    reach = Z * math.hypot(before.error, now.error)
    share = Z * now.value / before.value * math.hypot(before.error / before.value, now.error / now.value)
    return Change(
        change.before,
        change.now,
        difference,
        change.percent,
        difference - reach,
        difference + reach,
        change.percent - 100 * share,
        change.percent + 100 * share,
    )


def volume_change(before: Size | None, now: Size | None) -> Change | None:
    """Change of a volume; the errors of the two logarithms add as squares."""
    if before is None or now is None:
        return None
    difference = now.value - before.value
    percent = 100 * difference / before.value
    if before.error is None or now.error is None:
        return Change(before.value, now.value, difference, percent)
    log, reach = math.log(now.value / before.value), Z * math.hypot(before.error, now.error)
    low, high = math.expm1(log - reach), math.expm1(log + reach)
    return Change(
        before.value,
        now.value,
        difference,
        percent,
        low * before.value,
        high * before.value,
        100 * low,
        100 * high,
    )


def doubling_time(before: Sizes, now: Sizes, days: int | None) -> DoublingTime | None:
    """Days times log 2 through the log of the ratio of the volumes; None without sizes or an interval.

    Where there are no volumes, those of spheres of the mean diameters.
    """
    if not days or days < 0:
        return None
    basis: Literal["volume", "diameter"] = "volume"
    if before.volume and now.volume:
        log = math.log(now.volume.value / before.volume.value)
        errors = before.volume.error, now.volume.error
    elif before.mean_diameter and now.mean_diameter:
        log = 3 * math.log(now.mean_diameter.value / before.mean_diameter.value)
        errors = _as_volume(before.mean_diameter), _as_volume(now.mean_diameter)
        basis = "diameter"
    else:
        return None

    def time(log: float) -> float | None:
        return days * math.log(2) / log if log > 0 else None

    first, second = errors
    if first is None or second is None:
        return DoublingTime(time(log), None, None, basis)
    reach = Z * math.hypot(first, second)
    return DoublingTime(time(log), time(log + reach), time(log - reach), basis)


def _as_volume(diameter: Size) -> float | None:
    """Relative error of the volume of a sphere of a diameter."""
    return None if diameter.error is None else 3 * diameter.error / diameter.value


def _rules(
    diameter: Change | None, volume: Change | None, doubling: DoublingTime | None, days: int | None
) -> Iterator[Rule]:
    yield _by_diameter("fleischner", diameter, lambda mm: rounded(mm, 1) >= FLEISCHNER_MM)
    yield _lung_rads(diameter, days)
    yield _bts_volume(volume)
    yield _bts_doubling(volume, doubling, days)


def _by_diameter(key: RuleKey, change: Change | None, has_grown: Callable[[float], bool]) -> Rule:
    if change is None:
        return Rule(key, "unknown", reason="no_size")
    sure = None
    if change.low is not None and change.high is not None:
        sure = has_grown(change.low) == has_grown(change.high)
    outcome: Outcome = "growth" if has_grown(change.difference) else "no_growth"
    return Rule(key, outcome, change.difference, sure)


def _lung_rads(change: Change | None, days: int | None) -> Rule:
    """Within 12 months alone: over a longer time, only what has not grown so much is known not to have."""
    rule = _by_diameter("lung_rads", change, lambda mm: rounded(mm, 1) > LUNG_RADS_MM)
    if rule.outcome != "growth" or (days and abs(days) <= LUNG_RADS_DAYS):
        return rule
    return Rule("lung_rads", "unknown", rule.value, reason="over_12_months" if days else "no_interval")


def _bts_volume(change: Change | None) -> Rule:
    if change is None:
        return Rule("bts_volume", "unknown", reason="no_volume")
    has_grown = change.percent >= BTS_PERCENT
    sure = None
    if change.percent_low is not None and change.percent_high is not None:
        sure = (change.percent_low >= BTS_PERCENT) == (change.percent_high >= BTS_PERCENT)
    return Rule("bts_volume", "growth" if has_grown else "no_growth", change.percent, sure)


def _bts_doubling(volume: Change | None, time: DoublingTime | None, days: int | None) -> Rule:
    """Only of what has grown by the volume's rule; the classes are those of volumetry."""
    key: RuleKey = "bts_doubling"
    if volume is None:
        return Rule(key, "unknown", reason="no_volume")
    if volume.percent < BTS_PERCENT:
        return Rule(key, "no_growth", None, _bts_volume(volume).is_sure)
    if time is None or time.days is None:
        return Rule(key, "unknown", reason="no_interval")
    classes = [_speed(each) for each in (time.low, time.days, time.high)]
    sure = None if time.low is None else len(set(classes)) == 1 and bool(_bts_volume(volume).is_sure)
    return Rule(key, _speed(time.days), time.days, sure)


def _speed(days: float | None) -> Outcome:
    """The class of a doubling time; None: it may not grow."""
    if days is None:
        return "no_growth"
    if days <= BTS_FAST_DAYS:
        return "fast"
    return "intermediate" if days <= BTS_SLOW_DAYS else "slow"
