"""The growth of a nodule from its findings on two scans, with the errors measured on unseen patients."""

from dataclasses import dataclass

from models.clinical.growth import Growth, Size, Sizes, growth
from models.inference.comparison.comparison import Pair
from models.inference.finding import Finding
from models.reports.case_context import size_error
from models.reports.tables import Report, part

MEDIAN = 0.674490  # of the absolute errors, in standard deviations of a normal distribution


@dataclass(frozen=True)
class PairedFindings:
    """A pair with its findings, and what changed; no growth where one of the two is missing."""

    number: int  # from 1
    pair: Pair
    before: Finding | None
    now: Finding | None
    growth: Growth | None


def paired(
    number: int, pair: Pair, found: tuple[Finding | None, Finding | None], days: int | None, report: Report
) -> PairedFindings:
    """A pair with its findings, the earlier one first; `report` is that of ``localiser.json``."""
    before, now = found
    change = None if before is None or now is None else growth_of(before, now, days, report)
    return PairedFindings(number, pair, before, now, change)


def growth_of(before: Finding, now: Finding, days: int | None, report: Report) -> Growth:
    """What changed from one finding to another, `days` later."""
    return growth(sizes_of(before, report), sizes_of(now, report), days)


def sizes_of(finding: Finding, report: Report) -> Sizes:
    """The sizes of a finding with their standard errors."""
    found = finding.reading.measurement
    if found is None or found.long_axis_mm is None or found.mean_diameter_mm is None:
        return Sizes()
    volume = found.volume_mm3
    return Sizes(
        long_axis=Size(found.long_axis_mm, _deviation(finding, "long_axis", report)),
        mean_diameter=Size(found.mean_diameter_mm, _deviation(finding, "mean_diameter", report)),
        volume=Size(volume, _deviation(finding, "volume", report)) if volume else None,
    )


def _deviation(finding: Finding, name: str, report: Report) -> float | None:
    """Standard deviation of an error, of a volume as a share of it, from the median of the absolute errors.

    So it is that of outlines that did not fail: the few that run into their surroundings, which the reader
    sees, do not widen it for all (Rousseeuw and Croux, J. Am. Stat. Assoc. 88, 1273, 1993). Lengths have
    errors of one slice, from the localiser's report, where those of whole nodules were not measured.
    """
    if finding.reading.corrected:  # by a reader, whose error nobody measured
        return None
    unit = "_mm3" if name == "volume" else "_mm"
    measured = finding.size_errors and finding.size_errors.errors.get(name + unit)
    reported = part(size_error(report, finding.reading.long_axis_mm) or {}, name)
    median = measured.median if measured else reported.get("median")
    return None if median is None else median / MEDIAN
