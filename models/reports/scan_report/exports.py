"""The files of a report of a scan, by name: text and PDF in a language, DICOM files in English."""

import io
import zipfile
from collections.abc import Callable, Sequence

from models.messages import ENGLISH, Language
from models.reports.scan_report.as_pdf import report_as_pdf
from models.reports.scan_report.as_text import report_as_text
from models.reports.scan_report.contents import ScanReport

Captions = Sequence[str]  # a text for below the picture of each finding


def report_text(report: ScanReport, captions: Captions, language: Language = ENGLISH) -> bytes:
    """The text to copy into a report system."""
    return report_as_text(report, language).encode()


def report_pdf(report: ScanReport, captions: Captions, language: Language = ENGLISH) -> bytes:
    """Sheets of A4."""
    return report_as_pdf(report, language=language)


def report_sr(report: ScanReport, captions: Captions, language: Language = ENGLISH) -> bytes:
    """A DICOM Structured Report with a measurement group a finding."""
    from models.reports.dicom import structured_report  # takes 80 MB of memory, and half a second

    return structured_report(*(each.finding for each in report.findings))


def outlines_seg(report: ScanReport, captions: Captions, language: Language = ENGLISH) -> bytes:
    """A DICOM Segmentation with a segment an outlined finding."""
    from models.reports.dicom import segmentation

    return segmentation(*(each.finding for each in report.findings))


def pictures_sc(report: ScanReport, captions: Captions) -> list[bytes]:
    """A DICOM Secondary Capture a finding, all of one series."""
    from models.reports.dicom import secondary_capture
    from models.reports.dicom.common import new_uid

    series = new_uid()
    return [
        secondary_capture(each.finding, caption, series, number)
        for number, (each, caption) in enumerate(zip(report.findings, captions, strict=True), start=1)
    ]


def pictures_zip(report: ScanReport, captions: Captions, language: Language = ENGLISH) -> bytes:
    """These pictures as a ZIP of DICOM files, each named by its finding's number."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for each, data in zip(report.findings, pictures_sc(report, captions), strict=True):
            archive.writestr(f"finding-{each.index + 1}.sc.dcm", data)
    return stream.getvalue()


REPORT_EXPORTS: dict[
    str, tuple[Callable[[ScanReport, Captions, Language], bytes], str]
] = {  # maker, media type
    "report.txt": (report_text, "text/plain"),
    "report.pdf": (report_pdf, "application/pdf"),
    "report.sr.dcm": (report_sr, "application/dicom"),
    "outlines.seg.dcm": (outlines_seg, "application/dicom"),
    "pictures.sc.zip": (pictures_zip, "application/zip"),
}
