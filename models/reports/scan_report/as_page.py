"""The report of a scan as its page and its PDF show it: texts, numbers, marks."""

from datetime import UTC, datetime
from typing import Any

from models.messages import Message
from models.reports.as_text import reliability_line
from models.reports.pictures import marks
from models.reports.scan_report.as_text import LIMITS, paragraph, table_row
from models.reports.scan_report.contents import ReportedFinding, ScanReport


def report_page(report: ScanReport, made: datetime | None = None) -> dict[str, Any]:
    """What the templates of the report show, texts as messages; `made` is when it is made, by default now.

    Returns
    -------
    dict
        ``rows`` of the table of all findings, ``is_compared`` (whether any has a growth), ``made``,
        ``blocks`` (one a finding), ``warnings`` on all findings alike, ``study_uid`` or None,
        ``without_outline`` (names), ``is_dicom`` and ``is_placed`` (whether there is an image to refer to,
        and it says where it lies), ``limits`` (a sentence) and ``weights`` (start of their checksum).
    """
    scan, common = report.scan, _on_all(report)
    rows = [vars(table_row(each.finding)) for each in report.findings]
    references = scan.references or ()
    return {
        "rows": rows,
        "is_compared": any(each.finding.earlier is not None for each in report.findings),
        "made": (made or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%d %H:%M"),
        "blocks": [_block(each, common) for each in report.findings],
        "warnings": common,
        "study_uid": report.study_uid,
        "without_outline": report.without_outline,
        "is_dicom": bool(references),
        "is_placed": bool(references) and all(each.plane is not None for each in references),
        "limits": LIMITS,
        "weights": report.findings[0].finding.reading.weights,
    }


def _block(each: ReportedFinding, common: list[Message | str]) -> dict[str, Any]:
    """What is said of one finding."""
    finding = each.finding
    return {
        "index": each.index,
        "name": finding.name,
        "is_leading": finding.is_leading,
        "verdict": finding.verdict,
        "slice": finding.reading.roi.slice,
        "text": paragraph(finding),
        "calculated": [vars(result) for result in each.calculated],
        "reliability": reliability_line(finding),
        "warnings": [n.text for n in finding.notices if n.message not in map(str, common)],
        "marks": marks(finding),
    }


def _on_all(report: ScanReport) -> list[Message | str]:
    """Warnings that hold for each finding, if there are several: those that read alike, as rounded."""
    said = ({notice.message: notice.text for notice in each.finding.notices} for each in report.findings)
    first, *others = said
    return [text for words, text in first.items() if others and all(words in other for other in others)]
