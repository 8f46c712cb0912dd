"""A comparison of two scans for programs: one definition, from which the answer and its schema follow."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from models import __version__
from models.clinical.growth import Change as MeasuredChange
from models.clinical.growth import Growth as MeasuredGrowth
from models.inference.comparison.comparison import Comparison as ComparedScans
from models.inference.finding import DISCLAIMER, Verdict
from models.inference.finding import Finding as InferredFinding
from models.reports.comparison.as_text import SOURCES
from models.reports.comparison.growth import PairedFindings
from models.reports.json_types import (
    AtLeastZero,
    Coordinate,
    Count,
    Exact,
    Probability,
    Share,
    Size,
    Version,
    Warning,
    about,
)

End = Annotated[float | None, about("End of the 95 % interval; null where the error is not known.")]


class Change(Exact):
    """How a size changed: mm, or mm3 for the volume."""

    before: AtLeastZero
    now: AtLeastZero
    difference: Annotated[float, about("now - before.")]
    low: End
    high: End
    percent: Annotated[float, about("The difference in percent of before.")]
    percent_low: End
    percent_high: End
    within_error: Annotated[bool | None, about("Whether it may be measurement error alone.")]


class DoublingTime(Exact):
    """Volume doubling time (Schwartz 1961)."""

    days: Annotated[float | None, about("Null where it has not grown.")]
    low: End
    high: Annotated[float | None, about("Upper end; null where it may not have grown at all, or not known.")]
    basis: Annotated[
        Literal["volume", "diameter"], about("diameter: that of a sphere, where there is no volume.")
    ]


class Rule(Exact):
    """What a published rule makes of the change."""

    key: Literal["fleischner", "lung_rads", "bts_volume", "bts_doubling"]
    outcome: Annotated[
        Literal["growth", "no_growth", "fast", "intermediate", "slow", "unknown"],
        about("Of bts_doubling: fast up to 400 days, intermediate up to 600, else slow."),
    ]
    value: Annotated[float | None, about("What was compared with the threshold: mm, percent or days.")]
    is_sure: Annotated[bool | None, about("Whether it is the same over the whole 95 % interval.")]
    reason: Annotated[
        Literal["no_size", "no_volume", "no_interval", "over_12_months"] | None, about("Why it is unknown.")
    ]
    source: str


class Growth(Exact):
    """What changed; null where a size is not known in both scans."""

    long_axis_mm: Change | None
    mean_diameter_mm: Change | None
    volume_mm3: Change | None
    doubling_time: DoublingTime | None
    rules: list[Rule]


class Seen(Exact):
    """The nodule in one of the scans."""

    finding: Annotated[Count, about("Index of the finding on that scan.")]
    row: Coordinate
    col: Coordinate
    slice: Count
    verdict: Verdict
    probability: Probability


class Pair(Exact):
    """One nodule; null for the scan in which it was looked for and not found."""

    before: Seen | None
    now: Seen | None
    source: Annotated[Literal["found", "clicked"], about("Who found the second of the two.")]
    distance_mm: Annotated[AtLeastZero | None, about("Between where it was expected and found.")]
    growth: Growth | None
    probability_change: Annotated[float | None, about("Of the selected model; information only.")]


class Alignment(Exact):
    """How the later scan was laid over the earlier one, and how well both fit."""

    method: Literal["affine", "rigid", "shift"]
    lungs: Annotated[Share, about("Overlap of the lungs (Dice).")]
    vessels: Annotated[float | None, about("Correlation within the lungs; null where it is not known.")]
    bones: Annotated[float | None, about("Correlation of bones; null where it is not known.")]
    fits: Annotated[bool, about("Whether this is as in one patient.")]


class Comparison(Exact):
    """Two scans of one patient, and the nodules in them."""

    days: Annotated[Size | None, about("From the earlier to the later scan; null where it is not known.")]
    days_source: Annotated[Literal["dates", "given"] | None, about("The two study dates, or a person.")]
    alignment: Annotated[Alignment | None, about("Null where they cannot be aligned.")]
    pairs: list[Pair]
    warnings: list[Warning]
    disclaimer: str
    version: Version


def comparison_as_json(
    comparison: ComparedScans, pairs: Sequence[PairedFindings], weights: str
) -> dict[str, object]:
    """The comparison as plain values; `weights` is the start of their checksum."""
    return msgspec.to_builtins(answer_of(comparison, pairs, weights))


def answer_of(comparison: ComparedScans, pairs: Sequence[PairedFindings], weights: str) -> Comparison:
    """What programs are told of a comparison."""
    link = comparison.link
    fit = link.alignment
    return Comparison(
        days=link.days,
        days_source=None if link.days is None else "given" if link.are_days_typed else "dates",
        alignment=None if fit is None else Alignment(fit.method, fit.lungs, fit.vessels, fit.bones, fit.fits),
        pairs=[_pair(each) for each in pairs],
        warnings=[Warning(notice.code, notice.message) for notice in link.notices],
        disclaimer=str(DISCLAIMER),
        version=Version(__version__, weights),
    )


def _pair(found: PairedFindings) -> Pair:
    before, now = found.before, found.now
    apart = None
    if before and now and before.probability is not None and now.probability is not None:
        apart = now.probability - before.probability
    return Pair(
        before=_seen(found.pair.before, before),
        now=_seen(found.pair.now, now),
        source=found.pair.source,
        distance_mm=found.pair.distance_mm,
        growth=None if found.growth is None else _growth(found.growth),
        probability_change=apart,
    )


def _seen(index: int | None, finding: InferredFinding | None) -> Seen | None:
    if index is None or finding is None:
        return None
    roi = finding.reading.roi
    return Seen(index, roi.row, roi.col, roi.slice, finding.verdict, finding.probability)


def _growth(found: MeasuredGrowth) -> Growth:
    time = found.doubling_time
    return Growth(
        long_axis_mm=_change(found.long_axis),
        mean_diameter_mm=_change(found.mean_diameter),
        volume_mm3=_change(found.volume),
        doubling_time=None if time is None else DoublingTime(time.days, time.low, time.high, time.basis),
        rules=[
            Rule(rule.key, rule.outcome, rule.value, rule.is_sure, rule.reason, SOURCES[rule.key])
            for rule in found.rules
        ],
    )


def _change(found: MeasuredChange | None) -> Change | None:
    if found is None:
        return None
    return Change(
        before=found.before,
        now=found.now,
        difference=found.difference,
        low=found.low,
        high=found.high,
        percent=found.percent,
        percent_low=found.percent_low,
        percent_high=found.percent_high,
        within_error=found.within_error,
    )
