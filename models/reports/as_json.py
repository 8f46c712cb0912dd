"""A finding as the JSON that outside clients are written against."""

from models import __version__
from models.inference.finding import DISCLAIMER


def finding_as_json(finding):
    """The answer of ``POST /api/v1/predict`` as a dict of plain values."""
    scan, roi = finding.scan, finding.roi
    return {
        "verdict": finding.verdict,
        "model": finding.model,
        "probability": finding.probability,
        "threshold": finding.threshold,
        "models": [
            {
                "key": answer.key,
                "verdict": answer.verdict,
                "probability": answer.probability,
                "threshold": answer.threshold,
            }
            for answer in finding.models
        ],
        "nodule": {
            "row": roi.row,
            "col": roi.col,
            "slice": roi.slice,
            "source": roi.source,
            "long_axis_mm": None,
            "short_axis_mm": None,
        },
        "characteristics": finding.characteristics,
        "image": {
            "rows": scan.rows,
            "cols": scan.cols,
            "slices": len(scan.slices),
            "spacing_mm": scan.spacing_mm[0],
            "is_hu": scan.is_hu,
            "spacing_assumed": scan.spacing_assumed,
        },
        "warnings": [{"code": notice.code, "message": notice.message} for notice in finding.notices],
        "disclaimer": DISCLAIMER,
        "version": {"app": __version__, "weights": finding.weights},
    }
