"""What can be taken along of a finding, by the name of its file."""

import json

from models.reports.as_json import finding_as_json
from models.reports.as_pdf import finding_as_pdf
from models.reports.case_context import case_of


def finding_json(finding, registry, caption):
    """The answer of the JSON interface."""
    return json.dumps(finding_as_json(finding), indent=2).encode()


def report_pdf(finding, registry, caption):
    """One sheet of A4."""
    case = case_of(finding, registry.evaluation, registry.localiser_report)
    return finding_as_pdf(finding, registry.evaluation, registry.saliency_report, case)


def report_sr(finding, registry, caption):
    """A DICOM Structured Report."""
    from models.reports.dicom import structured_report  # takes 80 MB of memory, and half a second

    return structured_report(finding)


def overlay_sc(finding, registry, caption):
    """A DICOM Secondary Capture."""
    from models.reports.dicom import secondary_capture

    return secondary_capture(finding, caption)


EXPORTS = {  # name: what makes it, and its media type
    "finding.json": (finding_json, "application/json"),
    "report.pdf": (report_pdf, "application/pdf"),
    "report.sr.dcm": (report_sr, "application/dicom"),
    "overlay.sc.dcm": (overlay_sc, "application/dicom"),
}


def export(name, finding, registry, caption):
    """A file of a finding.

    Parameters
    ----------
    name : str
        One of `EXPORTS`.
    finding : Finding
    registry : ModelRegistry
        For what was measured of its models.
    caption : str
        What is written below a picture.

    Returns
    -------
    (bytes, str)
        The file, and its media type.

    Raises
    ------
    UserError
        ``not_dicom``: a DICOM file was asked for of an upload that was none.
    """
    make, media_type = EXPORTS[name]
    return make(finding, registry, caption), media_type
