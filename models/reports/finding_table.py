"""The findings of a scan as a table: what each row shows. Words are the template's."""

from dataclasses import dataclass

from models.clinical.growth import Change, DoublingTime
from models.imaging.scan import Roi
from models.imaging.side import Side
from models.inference.finding import Earlier, Finding, FindingSummary, Verdict
from models.messages import Message


@dataclass(frozen=True)
class Grown:
    """What became of a nodule since an earlier scan, in short.

    Attributes
    ----------
    change : Change or None
        Of the volume, or else of the mean diameter; None where neither is known in both scans.
    is_volume : bool
    doubling : DoublingTime or None
    """

    change: Change | None
    is_volume: bool
    doubling: DoublingTime | None


@dataclass(frozen=True)
class FindingRow:
    """A finding in the table; what is not known, or not said where no nodule is recognised, is None.

    Attributes
    ----------
    index, name, is_leading, roi, title, verdict, headline, probability
        As of `FindingSummary`.
    largest_slice : int or None
        Where it is measured, counted from 0; None where that is the slice in which it was marked.
    was_sought : bool
        Whether it was looked for on an earlier scan.
    grown : Grown or None
        Since then; None, too, where it was not found there.
    """

    index: int
    name: str
    is_leading: bool
    roi: Roi
    title: Message | str
    verdict: Verdict
    headline: str
    probability: float | None
    side: Side | None = None
    long_axis_mm: float | None = None
    volume_mm3: float | None = None
    is_corrected: bool = False
    largest_slice: int | None = None
    was_sought: bool = False
    grown: Grown | None = None


def row_of(index: int, finding: Finding) -> FindingRow:
    """The row of a finding, by its index on the scan."""
    reading, earlier = finding.reading, finding.earlier
    return FindingRow(
        index,
        finding.name,
        finding.is_leading,
        finding.given,
        finding.title,
        finding.verdict,
        finding.headline,
        finding.probability,
        reading.side,
        reading.long_axis_mm,
        reading.volume_mm3,
        reading.corrected is not None,
        reading.roi.slice if reading.outline and reading.roi.slice != finding.given.slice else None,
        earlier is not None,
        _grown(earlier),
    )


def bare_row(found: FindingSummary) -> FindingRow:
    """The row of a finding of which no more is known at the moment than the list says."""
    names = ("index", "name", "is_leading", "roi", "title", "verdict", "headline", "probability")
    return FindingRow(**{name: getattr(found, name) for name in names})


def _grown(earlier: Earlier | None) -> Grown | None:
    growth = earlier and earlier.growth
    if not growth:
        return None
    return Grown(growth.volume or growth.mean_diameter, growth.volume is not None, growth.doubling_time)
