"""A finding as the JSON that outside clients are written against."""

from models import __version__
from models.inference.finding import DISCLAIMER
from models.inference.measurement.sizes import Measurement


def finding_as_json(finding):
    """The answer of ``POST /api/v1/predict`` as a dict of plain values."""
    scan, given = finding.scan, finding.given or finding.roi
    return {
        "verdict": finding.verdict,
        "model": finding.model,
        "probability": finding.probability,
        "nodule_probability": finding.nodule_probability,
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
            "row": given.row,
            "col": given.col,
            "slice": given.slice,
            "source": given.source,
            **_axes(finding.measurement or Measurement()),
            **_sections(finding),
            **_density(finding.measurement or Measurement()),
            "outline": _outline(finding.outline),
        },
        "characteristics": finding.characteristics,
        "image": {
            "rows": scan.rows,
            "cols": scan.cols,
            "slices": len(scan.slices),
            "spacing_mm": scan.spacing_mm[0],
            "is_hu": scan.is_hu,
            "spacing_assumed": scan.spacing_assumed,
            "thickness_mm": scan.thickness_mm,
            "slice_spacing_mm": scan.slice_spacing_mm,
        },
        "warnings": [{"code": notice.code, "message": notice.message} for notice in finding.notices],
        "disclaimer": DISCLAIMER,
        "version": {"app": __version__, "weights": finding.weights},
        "similar": _similar(finding.similar_cases),
        "reliability": _reliability(finding.reliability),
    }


def _sections(finding):
    """Which slices show the nodule, and in which it is largest; null where it is not outlined."""
    first, last = finding.slices or (None, None)
    largest = finding.roi.slice if finding.slices else None
    return {"largest_slice": largest, "first_slice": first, "last_slice": last}


def _axes(measurement):
    lengths = ("long_axis_mm", "short_axis_mm", "mean_diameter_mm", "equivalent_diameter_mm")
    return {name: _tenths(getattr(measurement, name)) for name in lengths}


def _density(measurement):
    return {"mean_hu": _tenths(measurement.mean_hu), "texture": measurement.texture}


def _reliability(worth):
    """How the models did on unseen nodules of this size, and on those of them with this verdict."""
    if worth is None:
        return None
    counts = {name: getattr(worth, name) for name in ("adds", "nodules", "malignant", "recognised")}
    same = worth.same
    return counts | {
        "size_mm": list(worth.size_mm),
        "same_verdict": same
        and {
            "nodules": same.nodules,
            "malignant": same.malignant,
            "share_low": same.low,
            "share_high": same.high,
        },
    }


def _similar(similar_cases):
    """Readers' ratings (how often 1 to 5) and sizes of the nearest training nodules, and how near."""
    if similar_cases is None:
        return None
    return {
        "ratings": list(similar_cases.ratings),
        "diameters_mm": [_tenths(diameter) for diameter in similar_cases.diameters_mm],
        "distance": similar_cases.distance,
        "farther_than": similar_cases.farther_than,
        "is_unlike": similar_cases.is_out_of_distribution,
    }


def _outline(vertices):
    return None if vertices is None else [[_tenths(row), _tenths(col)] for row, col in vertices]


def _tenths(value):
    return None if value is None else round(value, 1)
