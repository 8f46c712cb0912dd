"""A comparison of two scans as lines of text, and its sentences for every view of it."""

from collections.abc import Iterator, Sequence

from models.clinical.growth import BTS_FAST_DAYS, BTS_SLOW_DAYS, Change, DoublingTime, Growth, Rule
from models.inference.comparison.comparison import Comparison
from models.inference.finding import DISCLAIMER, Earlier, Finding
from models.messages import ENGLISH, Language, Message, counted, joined
from models.reports.as_text import WORDS
from models.reports.comparison.growth import PairedFindings

RULES = {
    "fleischner": Message("Fleischner Society 2017 (2 mm or more in mean diameter)"),
    "lung_rads": Message("Lung-RADS v2022 (more than 1.5 mm in mean diameter within 12 months)"),
    "bts_volume": Message("British Thoracic Society 2015 (25 % or more of the volume)"),
    "bts_doubling": Message("British Thoracic Society 2015 (doubling time, 400 and 600 days)"),
}
SHORT = {
    "fleischner": Message("Fleischner 2017, 2 mm"),
    "lung_rads": Message("Lung-RADS v2022, 1.5 mm in 12 months"),
    "bts_volume": Message("BTS 2015, 25 % of volume"),
    "bts_doubling": Message("BTS 2015, doubling time"),
}
SOURCES = {
    "fleischner": "MacMahon et al., Radiology 284, 228, 2017; Bankier et al., Radiology 285, 584, 2017",
    "lung_rads": "American College of Radiology, Lung-RADS v2022; Christensen et al., J. Am. Coll. Radiol. "
    "21, 473, 2024",
    "bts_volume": "Callister et al., Thorax 70 Suppl. 2, ii1, 2015",
    "bts_doubling": "Callister et al., Thorax 70 Suppl. 2, ii1, 2015; Schwartz, Cancer 14, 1272, 1961",
}
EARLIER_SCAN, LATER_SCAN = Message("Earlier scan"), Message("Later scan")
LONG_AXIS, MEAN_DIAMETER = Message("Long axis"), Message("Mean diameter")
VOLUME, DOUBLING_TIME = Message("Volume"), Message("Doubling time")
HEADINGS = (EARLIER_SCAN, LATER_SCAN, LONG_AXIS, MEAN_DIAMETER, VOLUME, DOUBLING_TIME)
GAP = 3  # characters between the longest heading and what follows
MINUS = "\u2212"


def comparison_as_text(
    comparison: Comparison, pairs: Sequence[PairedFindings], language: Language = ENGLISH
) -> str:
    """The comparison as lines in a language, the disclaimer last."""
    say, link = language.say, comparison.link
    lines = [say(Message("Comparison: {interval}", interval=interval_text(link.days, link.are_days_typed)))]
    for each in pairs:
        lines += ["", say(Message("Nodule {n}", n=each.number)), *pair_lines(each, language)]
    lines += [say(Message("Warning: {text}", text=notice.text)) for notice in link.notices]
    return "\n".join([*lines, say(DISCLAIMER)]) + "\n"


def earlier_rows(earlier: Earlier | None) -> list[tuple[Message, Message]]:
    """What a nodule was on an earlier scan and what became of it, as headings and texts; for every view."""
    if earlier is None:
        return []
    if earlier.growth is None:
        return [
            (EARLIER_SCAN, Message("the nodule was looked for there and not found: it may be new")),
        ]
    growth = earlier.growth
    rows = [(EARLIER_SCAN, interval_text(growth.days, earlier.are_days_typed)), *_changes(growth)]
    if growth.doubling_time is not None:
        rows.append((DOUBLING_TIME, doubling_text(growth.doubling_time)))
    rows += [(SHORT[rule.key], rule_text(rule)) for rule in growth.rules]
    if earlier.verdict is not None:
        told = Message("{verdict} then", verdict=_told(earlier.verdict, earlier.probability))
        rows.append((Message("Model (information only)"), told))
    return rows


def interval_text(days: int | None, are_typed: bool) -> Message:
    """How far apart two scans are."""
    if not days:
        return Message("the interval between the scans is not known")
    apart = days_text(days)
    if are_typed:
        return Message("{days} between the scans, as entered", days=apart)
    return Message("{days} between the scans, from the two study dates", days=apart)


def pair_lines(found: PairedFindings, language: Language = ENGLISH) -> Iterator[str]:
    """One nodule in two scans."""
    nowhere = Message("no nodule found there")
    yield from _table(
        [
            (EARLIER_SCAN, nowhere if found.before is None else _place(found.before)),
            (LATER_SCAN, nowhere if found.now is None else _place(found.now)),
        ],
        language,
    )
    if found.growth is not None:
        yield from growth_lines(found.growth, language)
    if found.before is not None and found.now is not None:
        text = Message(
            "Models (information only): {before} before, {now} now",
            before=_said(found.before),
            now=_said(found.now),
        )
        yield f"  {language.say(text)}"


def growth_lines(growth: Growth, language: Language = ENGLISH) -> Iterator[str]:
    """What changed, and what rules make of it."""
    rows = list(_changes(growth))
    if growth.doubling_time is not None:
        rows.append((DOUBLING_TIME, doubling_text(growth.doubling_time)))
    yield from _table(rows, language)
    for rule in growth.rules:
        yield f"  {language.say(RULES[rule.key])}: {language.say(rule_text(rule))}"


def _table(rows: Sequence[tuple[Message, Message]], language: Language) -> Iterator[str]:
    """Lines of headings and texts below each other."""
    width = max(len(language.say(heading)) for heading in HEADINGS) + GAP
    for heading, text in rows:
        yield f"  {language.say(heading):<{width}}{language.say(text)}"


def _changes(growth: Growth) -> Iterator[tuple[Message, Message]]:
    """What changed: headings, and from what to what."""
    for heading, change, unit, digits in (
        (LONG_AXIS, growth.long_axis, "mm", 1),
        (MEAN_DIAMETER, growth.mean_diameter, "mm", 1),
        (VOLUME, growth.volume, "mm3", 0),
    ):
        if change is not None:
            before, now = decimal(change.before, digits), decimal(change.now, digits)
            how = change_text(change, unit, digits)
            yield (
                heading,
                Message("{before} to {now} {unit}: {how}", before=before, now=now, unit=unit, how=how),
            )


def change_text(change: Change, unit: str, digits: int) -> Message:
    """A difference, in percent too, with its 95 % interval, and whether it may be one of measuring."""
    said = joined(
        " ", [signed(change.difference, digits), unit, joined("", ["(", signed(change.percent), " %)"])]
    )
    if change.low is None or change.high is None:
        return Message("{change}; the measurement error is not known", change=said)
    low, high = signed(change.low, digits), signed(change.high, digits)
    if change.within_error:
        return Message(
            "{change}, 95 % interval {low} to {high} {unit}: within measurement error",
            change=said,
            low=low,
            high=high,
            unit=unit,
        )
    return Message(
        "{change}, 95 % interval {low} to {high} {unit}: beyond measurement error",
        change=said,
        low=low,
        high=high,
        unit=unit,
    )


def doubling_text(time: DoublingTime) -> Message:
    """A doubling time with its interval."""
    if time.days is None:
        said = Message("none: the nodule has not grown")
    elif time.low is None:
        said = days_text(time.days)
    elif time.high is None:
        said = Message(
            "{days} (95 % interval {low:.0f} to no upper limit: it may not have grown at all)",
            days=days_text(time.days),
            low=time.low,
        )
    else:
        said = Message(
            "{days} (95 % interval {low:.0f} to {high})",
            days=days_text(time.days),
            low=time.low,
            high=days_text(time.high),
        )
    if time.basis == "volume":
        return said
    return Message("{time}, assuming a sphere of the mean diameter", time=said)


def rule_text(rule: Rule) -> Message:
    """What a rule makes of a change."""
    said = _unknown(rule) if rule.outcome == "unknown" else _outcome(rule)
    if rule.outcome == "unknown" or rule.is_sure is not False:
        return said
    return Message("{outcome}; the threshold is within measurement error", outcome=said)


def _unknown(rule: Rule) -> Message:
    """Why a rule cannot be applied."""
    match rule.reason:
        case "no_volume":
            return Message("cannot be assessed: there is no volume on both scans")
        case "no_interval":
            return Message("cannot be assessed: the interval between the scans is not known")
        case "over_12_months":
            return Message(
                "cannot be assessed ({value}): the scans are more than 12 months apart", value=_value(rule)
            )
    return Message("cannot be assessed: the size is not known on both scans")


def _outcome(rule: Rule) -> Message:
    """What follows by a rule."""
    value = _value(rule)
    match rule.outcome:
        case "growth":
            return Message("growth ({value})", value=value)
        case "fast":
            return Message(
                "{value}, at most {days:.0f} days: work-up is advised", value=value, days=BTS_FAST_DAYS
            )
        case "intermediate":
            return Message(
                "{value}, {low:.0f} to {high:.0f} days: biopsy or further scans are advised",
                value=value,
                low=BTS_FAST_DAYS,
                high=BTS_SLOW_DAYS,
            )
        case "slow":
            return Message(
                "{value}, more than {days:.0f} days: discharge or further scans are advised",
                value=value,
                days=BTS_SLOW_DAYS,
            )
    return Message("no growth") if rule.value is None else Message("no growth ({value})", value=value)


def _value(rule: Rule) -> Message:
    value = rule.value or 0.0
    if rule.key == "bts_doubling":
        return days_text(value)
    in_percent = rule.key == "bts_volume"
    return joined(" ", [signed(value), "%"] if in_percent else [signed(value, 1), "mm"])


def _place(finding: Finding) -> Message:
    roi, n = finding.reading.roi, len(finding.scan.slices)
    if n == 1:
        return Message("row {row:.0f}, column {col:.0f}", row=roi.row, col=roi.col)
    return Message(
        "slice {slice} of {n}, row {row:.0f}, column {col:.0f}",
        slice=roi.slice + 1,
        n=n,
        row=roi.row,
        col=roi.col,
    )


def _said(finding: Finding) -> Message:
    return _told(finding.verdict, finding.probability)


def _told(verdict: str, probability: float | None) -> Message:
    words = WORDS[verdict]
    if probability is None:
        return words
    return joined(" ", [words, joined("", ["(", decimal(probability, 2), ")"])])


def decimal(value: float, digits: int = 0, plus: str = "") -> Message:
    """A number with that many decimals; `plus` stands before one above 0."""
    rounded = round(value, digits)
    sign = MINUS if rounded < 0 else plus if rounded > 0 else ""
    text = f"{sign}{{value:.{digits}f}}"
    return Message(text, value=abs(value))


def signed(value: float, digits: int = 0) -> Message:
    """A number with its sign, unless it is rounded to 0."""
    return decimal(value, digits, "+")


def days_text(days: float) -> Message:
    """A number of days."""
    return counted("1 day", "{n:,} days", round(days))
