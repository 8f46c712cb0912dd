"""The growth of a nodule from its findings on two scans, with the errors measured on unseen patients."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.clinical.growth import Growth, Size, Sizes, Z, growth
from models.inference.comparison.comparison import Pair
from models.inference.finding import Finding
from models.reports.case_context import size_error
from models.reports.tables import Report, part


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
    """Standard deviation of an error, of a volume as a share of it; from the limits of 95 % of the errors.

    A bias is the same in both scans, and so is no part of it. Lengths have errors of one slice, from the
    localiser's report, where those of whole nodules were not measured.
    """
    if finding.reading.corrected:  # by a reader, whose error nobody measured
        return None
    unit = "_mm3" if name == "volume" else "_mm"
    measured = finding.size_errors and finding.size_errors.errors.get(name + unit)
    limits: Sequence[float] | None
    if measured:
        limits = measured.limits
    else:
        limits = part(size_error(report, finding.reading.long_axis_mm) or {}, name).get("limits")
    return None if limits is None else (limits[1] - limits[0]) / (2 * Z)
