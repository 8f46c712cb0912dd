"""What a report of a scan is made of."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from models.imaging.scan import Scan
from models.inference.finding import Finding


@dataclass(frozen=True)
class CalculatedText:
    """What a calculator says of a finding, in words: its name, its answer, and what was entered."""

    title: str
    answer: str
    entered: str


@dataclass(frozen=True)
class ReportedFinding:
    """A finding, its index among all of its scan, and what the reader had calculated of it."""

    finding: Finding
    index: int
    calculated: tuple[CalculatedText, ...] = ()

    @property
    def is_outlined(self) -> bool:
        """Whether it is a segment of the report's segmentation."""
        return bool(self.finding.reading.outlines or self.finding.reading.outline)


@dataclass(frozen=True)
class ScanReport:
    """The findings of a scan, at least one, the leading one first; the study's date, where it is known."""

    findings: tuple[ReportedFinding, ...]
    study_date: date | None = None

    @property
    def scan(self) -> Scan:
        """What they were found on."""
        return self.findings[0].finding.scan

    @property
    def study_uid(self) -> str | None:
        """What names the study; None where the upload holds no DICOM images, or these no valid UIDs."""
        references = self.scan.references
        return references[0].study_uid if references else None

    @property
    def without_outline(self) -> list[str]:
        """Names of the findings that the segmentation leaves out."""
        return [each.finding.name for each in self.findings if not each.is_outlined]


def in_order(findings: Iterable[ReportedFinding]) -> tuple[ReportedFinding, ...]:
    """The leading finding first, the others as they come."""
    return tuple(sorted(findings, key=lambda each: not each.finding.is_leading))
