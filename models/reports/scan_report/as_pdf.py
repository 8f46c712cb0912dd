"""The report of a scan as A4 sheets in PDF, safe in black and white. Its words are in templates/sheet/."""

import io
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
from PIL import Image

from models import __version__
from models.imaging.display import data_uri, to_png
from models.messages import ENGLISH, Language
from models.reports.pictures import PATCH_SHOWN
from models.reports.scan_report.as_page import report_page
from models.reports.scan_report.contents import ScanReport
from models.reports.sheet import sheet, time_of
from models.reports.viewport import slice_picture

SLICE_SHOWN = 512  # pixels


def report_as_pdf(report: ScanReport, made: datetime | None = None, language: Language = ENGLISH) -> bytes:
    """As many sheets as are needed; they name no patient, no file and no computer.

    Parameters
    ----------
    report : ScanReport
    made : datetime, optional
        When it was made, with its time zone; by default now.
    language : Language
    """
    made = time_of(made)
    facts = report_page(report, made) | {
        "study_date": report.study_date and report.study_date.isoformat(),
        "version": __version__,
    }
    for block in facts["blocks"]:
        block |= _pictures(report, block)
    return sheet("report.typ", facts, made, language)


def _pictures(report: ScanReport, block: Mapping[str, Any]) -> dict[str, str | None]:
    """The slice, reduced, and the nodule enlarged: not all readers of PDF smooth the few pixels it has."""
    picture = Image.open(io.BytesIO(slice_picture(report.scan, block["slice"])))
    view, whole = block["marks"]["close_up"], picture.copy()
    whole.thumbnail((SLICE_SHOWN, SLICE_SHOWN))
    drawn: dict[str, str | None] = {"picture": data_uri(to_png(np.asarray(whole))), "enlarged": None}
    if view is not None:
        corners = (view["x"], view["y"], view["x"] + view["side"], view["y"] + view["side"])
        part = picture.resize((PATCH_SHOWN, PATCH_SHOWN), Image.Resampling.BICUBIC, corners)
        drawn["enlarged"] = data_uri(to_png(np.asarray(part)))
    return drawn
