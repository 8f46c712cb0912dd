"""What can be taken along of a finding, by the name of its file."""

import json

from models.inference.classifier import ModelRegistry
from models.inference.finding import Finding
from models.messages import ENGLISH, Language
from models.reports.as_json import finding_as_json
from models.reports.as_pdf import finding_as_pdf
from models.reports.case_context import case_of


def finding_json(finding: Finding, registry: ModelRegistry, caption: str, language: Language) -> bytes:
    """The answer of the JSON interface."""
    return json.dumps(finding_as_json(finding), indent=2).encode()


def report_pdf(finding: Finding, registry: ModelRegistry, caption: str, language: Language) -> bytes:
    """One sheet of A4."""
    case = case_of(finding, registry.evaluation, registry.localiser_report)
    return finding_as_pdf(finding, registry.evaluation, registry.saliency_report, case, language=language)


def report_sr(finding: Finding, registry: ModelRegistry, caption: str, language: Language) -> bytes:
    """A DICOM Structured Report."""
    from models.reports.dicom import structured_report  # takes 80 MB of memory, and half a second

    return structured_report(finding)


def outline_seg(finding: Finding, registry: ModelRegistry, caption: str, language: Language) -> bytes:
    """A DICOM Segmentation."""
    from models.reports.dicom import segmentation

    return segmentation(finding)


def overlay_sc(finding: Finding, registry: ModelRegistry, caption: str, language: Language) -> bytes:
    """A DICOM Secondary Capture."""
    from models.reports.dicom import secondary_capture

    return secondary_capture(finding, caption)


EXPORTS = {  # name: what makes it, and its media type
    "finding.json": (finding_json, "application/json"),
    "report.pdf": (report_pdf, "application/pdf"),
    "report.sr.dcm": (report_sr, "application/dicom"),
    "outline.seg.dcm": (outline_seg, "application/dicom"),
    "overlay.sc.dcm": (overlay_sc, "application/dicom"),
}

SHOW_THE_MAP = ("report.pdf", "overlay.sc.dcm")


def export(
    name: str, finding: Finding, registry: ModelRegistry, caption: str, language: Language = ENGLISH
) -> tuple[bytes, str]:
    """A file of a finding, one of `EXPORTS`, and its media type.

    `caption` is written below a picture; the sheet is in the `language`, all else in English.

    Raises
    ------
    UserError
        ``not_dicom``: a DICOM file was asked for of an upload that was none; ``not_outlined``: a
        segmentation of a nodule without outline.
    """
    make, media_type = EXPORTS[name]
    return make(finding, registry, caption, language), media_type
