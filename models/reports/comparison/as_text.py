"""A comparison of two scans as lines of text, and its sentences for every view of it."""

from collections.abc import Iterator, Sequence

from models.clinical.growth import BTS_FAST_DAYS, BTS_SLOW_DAYS, Change, DoublingTime, Growth, Rule
from models.inference.comparison.comparison import Comparison
from models.inference.finding import DISCLAIMER, Earlier, Finding
from models.reports.as_text import WORDS
from models.reports.comparison.growth import PairedFindings

RULES = {
    "fleischner": "Fleischner Society 2017 (2 mm or more in mean diameter)",
    "lung_rads": "Lung-RADS v2022 (more than 1.5 mm in mean diameter within 12 months)",
    "bts_volume": "British Thoracic Society 2015 (25 % or more of the volume)",
    "bts_doubling": "British Thoracic Society 2015 (doubling time, 400 and 600 days)",
}
SHORT = {
    "fleischner": "Fleischner 2017, 2 mm",
    "lung_rads": "Lung-RADS v2022, 1.5 mm in 12 months",
    "bts_volume": "BTS 2015, 25 % of volume",
    "bts_doubling": "BTS 2015, doubling time",
}
SOURCES = {
    "fleischner": "MacMahon et al., Radiology 284, 228, 2017; Bankier et al., Radiology 285, 584, 2017",
    "lung_rads": "American College of Radiology, Lung-RADS v2022; Christensen et al., J. Am. Coll. Radiol. "
    "21, 473, 2024",
    "bts_volume": "Callister et al., Thorax 70 Suppl. 2, ii1, 2015",
    "bts_doubling": "Callister et al., Thorax 70 Suppl. 2, ii1, 2015; Schwartz, Cancer 14, 1272, 1961",
}
REASONS = {
    "no_size": "cannot be assessed: the size is not known on both scans",
    "no_volume": "cannot be assessed: there is no volume on both scans",
    "no_interval": "cannot be assessed: the interval between the scans is not known",
    "over_12_months": "cannot be assessed ({value}): the scans are more than 12 months apart",
}
OUTCOMES = {
    "growth": "growth ({value})",
    "no_growth": "no growth ({value})",
    "fast": f"{{value}}, at most {BTS_FAST_DAYS:.0f} days: work-up is advised",
    "intermediate": f"{{value}}, {BTS_FAST_DAYS:.0f} to {BTS_SLOW_DAYS:.0f} days: biopsy or further scans "
    "are advised",
    "slow": f"{{value}}, more than {BTS_SLOW_DAYS:.0f} days: discharge or further scans are advised",
}
ORIGINS = {True: "as entered", False: "from the two study dates"}


def comparison_as_text(comparison: Comparison, pairs: Sequence[PairedFindings]) -> str:
    """The comparison as lines, the disclaimer last."""
    lines = ["Comparison: " + interval_text(comparison.link.days, comparison.link.are_days_typed)]
    for each in pairs:
        lines += ["", f"Nodule {each.number}", *pair_lines(each)]
    lines += [f"Warning: {notice.message}" for notice in comparison.link.notices]
    return "\n".join([*lines, DISCLAIMER]) + "\n"


def earlier_rows(earlier: Earlier | None) -> list[tuple[str, str]]:
    """What a nodule was on an earlier scan and what became of it, as headings and texts; for every view."""
    if earlier is None:
        return []
    if earlier.growth is None:
        return [("Earlier scan", "the nodule was looked for there and not found: it may be new")]
    growth = earlier.growth
    rows = [("Earlier scan", interval_text(growth.days, earlier.are_days_typed))]
    for name, change, unit, digits in _changes(growth):
        rows.append((name, f"{_from_to(change, unit, digits)}: {change_text(change, unit, digits)}"))
    if growth.doubling_time is not None:
        rows.append(("Doubling time", doubling_text(growth.doubling_time)))
    rows += [(SHORT[rule.key], rule_text(rule)) for rule in growth.rules]
    if earlier.verdict is not None:
        rows.append(("Model (information only)", f"{_told(earlier.verdict, earlier.probability)} then"))
    return rows


def interval_text(days: int | None, are_typed: bool) -> str:
    """How far apart two scans are."""
    if not days:
        return "the interval between the scans is not known"
    return f"{days_text(days)} between the scans, {ORIGINS[are_typed]}"


def pair_lines(found: PairedFindings) -> Iterator[str]:
    """One nodule in two scans."""
    for name, finding in (("Earlier scan", found.before), ("Later scan", found.now)):
        yield f"  {name:<16}{'no nodule found there' if finding is None else _place(finding)}"
    if found.growth is not None:
        yield from growth_lines(found.growth)
    if found.before is not None and found.now is not None:
        yield f"  Models (information only): {_said(found.before)} before, {_said(found.now)} now"


def growth_lines(growth: Growth) -> Iterator[str]:
    """What changed, and what rules make of it."""
    for name, change, unit, digits in _changes(growth):
        yield f"  {name:<16}{_from_to(change, unit, digits)}: {change_text(change, unit, digits)}"
    if growth.doubling_time is not None:
        yield f"  Doubling time   {doubling_text(growth.doubling_time)}"
    for rule in growth.rules:
        yield f"  {RULES[rule.key]}: {rule_text(rule)}"


def _changes(growth: Growth) -> Iterator[tuple[str, Change, str, int]]:
    """What changed: name, change, unit and decimals."""
    for name, change, unit, digits in (
        ("Long axis", growth.long_axis, "mm", 1),
        ("Mean diameter", growth.mean_diameter, "mm", 1),
        ("Volume", growth.volume, "mm3", 0),
    ):
        if change is not None:
            yield name, change, unit, digits


def change_text(change: Change, unit: str, digits: int) -> str:
    """A difference, in percent too, with its 95 % interval, and whether it may be one of measuring."""
    said = f"{signed(change.difference, digits)} {unit} ({signed(change.percent)} %)"
    if change.low is None or change.high is None:
        return f"{said}; the measurement error is not known"
    said += f", 95 % interval {signed(change.low, digits)} to {signed(change.high, digits)} {unit}"
    return f"{said}: {'within' if change.within_error else 'beyond'} measurement error"


def doubling_text(time: DoublingTime) -> str:
    """A doubling time with its interval."""
    basis = "" if time.basis == "volume" else ", assuming a sphere of the mean diameter"
    if time.days is None:
        return f"none: the nodule has not grown{basis}"
    said = days_text(time.days)
    if time.low is not None:
        upto = "no upper limit: it may not have grown at all" if time.high is None else days_text(time.high)
        said += f" (95 % interval {time.low:.0f} to {upto})"
    return said + basis


def rule_text(rule: Rule) -> str:
    """What a rule makes of a change."""
    value = "" if rule.value is None else _value(rule)
    if rule.outcome == "unknown":
        return REASONS[rule.reason or "no_size"].format(value=value)
    said = OUTCOMES[rule.outcome].format(value=value).replace(" ()", "")
    return f"{said}; the threshold is within measurement error" if rule.is_sure is False else said


def _value(rule: Rule) -> str:
    value = rule.value or 0.0
    if rule.key == "bts_doubling":
        return days_text(value)
    return f"{signed(value)} %" if rule.key == "bts_volume" else f"{signed(value, 1)} mm"


def _from_to(change: Change, unit: str, digits: int) -> str:
    return f"{change.before:.{digits}f} to {change.now:.{digits}f} {unit}"


def _place(finding: Finding) -> str:
    roi = finding.reading.roi
    said = f"row {roi.row:.0f}, column {roi.col:.0f}"
    n = len(finding.scan.slices)
    return f"slice {roi.slice + 1} of {n}, {said}" if n > 1 else said


def _said(finding: Finding) -> str:
    return _told(finding.verdict, finding.probability)


def _told(verdict: str, probability: float | None) -> str:
    return WORDS[verdict] if probability is None else f"{WORDS[verdict]} ({probability:.2f})"


def signed(value: float, digits: int = 0) -> str:
    """A number with its sign, unless it is rounded to 0."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "\u2212")


def days_text(days: float) -> str:
    """A number of days."""
    return "1 day" if round(days) == 1 else f"{days:,.0f} days"
