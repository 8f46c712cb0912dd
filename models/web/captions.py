"""What is written below the picture of a finding that leaves the app."""

from flask import render_template

from models.inference.finding import Finding
from models.reports.scan_report.as_text import location_text, plain_ascii
from models.web.language import in_english


def caption_of(finding: Finding) -> str:
    """Its name, side, slice and z, what the app says of it, and what that is not.

    In ASCII, which the font of the pictures has, and in English, as all that goes into an archive.
    """
    with in_english():
        return plain_ascii(render_template("caption.txt", finding=finding, location=location_text(finding)))
