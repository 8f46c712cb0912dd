"""A finding as one A4 sheet in PDF, safe in black and white. All its words are in templates/sheet/."""

import io
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np
from contourpy import contour_generator
from PIL import Image

from models import __version__
from models.imaging.display import data_uri, to_png
from models.imaging.scan import Scan
from models.inference.finding import DISCLAIMER, Finding
from models.messages import ENGLISH, Language
from models.reports.comparison.as_text import earlier_rows
from models.reports.evaluation import auc_of
from models.reports.pictures import PATCH_SHOWN
from models.reports.result import result_page
from models.reports.sheet import sheet, time_of
from models.reports.tables import Report
from models.reports.viewport import slice_picture

LEVEL = 0.5  # of the highest value of a saliency map: what its contour holds


def finding_as_pdf(
    finding: Finding,
    evaluation: Report,
    saliency: Report | None = None,
    case: Report | None = None,
    made: datetime | None = None,
    language: Language = ENGLISH,
) -> bytes:
    """The sheet of a finding, one page of A4; it names no patient, no file and no computer.

    Parameters as those of `models.reports.result.result_page`; `made` is when it was made, with its time
    zone, by default now.
    """
    made = time_of(made)
    facts = sheet_facts(finding, evaluation, saliency, case)
    facts["made"] = made.strftime("%Y-%m-%d %H:%M")
    return sheet("sheet.typ", facts, made, language)


def sheet_facts(
    finding: Finding, evaluation: Report, saliency: Report | None = None, case: Report | None = None
) -> dict[str, Any]:
    """Keys, numbers and pictures of the sheet: those of the finding's page, and what the sheet adds."""
    page = result_page(finding, evaluation, saliency, case, overlay_on=False)
    del page["finding"]
    return page | {
        "front": {name: getattr(finding, name) for name in ("verdict", "headline", "model", "title")},
        "nodule_probability": finding.nodule_probability,
        "probability": finding.probability,
        "threshold": finding.threshold,
        "models": [vars(answer) | auc_of(evaluation, answer.key) for answer in finding.models],
        "front_auc": auc_of(evaluation, finding.model),
        "warnings": [notice.text for notice in finding.notices],
        "similar_cases": finding.reading.similar_cases and asdict(finding.reading.similar_cases),
        "contours": contours(finding),
        "corrected": finding.reading.corrected is not None,
        "volume_error": finding.volume_relative_error,
        "enlarged": page["close_up"] and _enlarged(finding, page["close_up"]),
        "image": _image(finding.scan),
        "location": asdict(finding.reading.roi) | {"z_mm": _z(finding)},
        "earlier": earlier_rows(finding.earlier),
        "disclaimer": DISCLAIMER,
        "version": __version__,
        "weights": finding.reading.weights,
    }


def contours(finding: Finding) -> list[list[tuple[float, float]]]:
    """Lines around what has at least half the saliency map's highest value, as the patch is shown.

    Returns
    -------
    list of list of (float, float)
        Points (x, y) in shares of the patch's edge; empty where there is no map.
    """
    found = finding.saliency
    if found is None or found.is_empty:
        return []
    shown = np.asarray(finding.scan.orientation.shown(found.map), float)
    padded = np.pad(shown, 1)  # so that lines are closed at the border, too
    lines = contour_generator(z=padded).lines(LEVEL * shown.max())
    edge = len(shown)
    return [np.clip((np.asarray(line) - 0.5) / edge, 0, 1).round(4).tolist() for line in lines]


def _enlarged(finding: Finding, view: dict[str, float]) -> str:
    """The close-up resampled: not all readers of PDF smooth the few pixels that it has."""
    picture = Image.open(io.BytesIO(slice_picture(finding.scan, finding.reading.roi.slice)))
    corners = (view["x"], view["y"], view["x"] + view["side"], view["y"] + view["side"])
    size = (PATCH_SHOWN, PATCH_SHOWN)
    return data_uri(to_png(np.asarray(picture.resize(size, Image.Resampling.BICUBIC, corners))))


def _image(scan: Scan) -> dict[str, Any]:
    names = ("rows", "cols", "spacing_mm", "spacing_guess", "is_hu", "thickness_mm", "slice_spacing_mm")
    return {name: getattr(scan, name) for name in names} | {"slices": len(scan.slices)}


def _z(finding: Finding) -> float | None:
    positions = finding.scan.positions_mm
    return None if positions is None else positions[finding.reading.roi.slice]
