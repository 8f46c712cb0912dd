"""A scan, a place in it and a finding as the pages show them: what the templates fill in."""

from dataclasses import asdict, dataclass, replace
from urllib.parse import urlencode

import numpy as np

from models.imaging.display import data_uri, to_grey, to_png
from models.imaging.patch import PATCH
from models.networks.scales import DESCRIPTOR_SCALES
from models.reports.sentences import against_diagnoses
from models.reports.shown import mm_per_shown_pixel, shown_box, slice_picture, to_shown

WINDOWS = {"lung": (-600, 1500), "mediastinum": (40, 400), "bone": (400, 1800)}  # level and width in HU
MARK_MM = 13.0  # radius of the ring around a chosen place
CLOSE_UP_MM = 56.0
PATCH_SHOWN = 192  # pixels
SIZES = {
    "long_axis_mm": "Long axis",
    "short_axis_mm": "Short axis",
    "mean_diameter_mm": "Mean diameter",
    "equivalent_diameter_mm": "Area-equivalent diameter",
}
KEPT = ("model", "title", "verdict", "probability")


@dataclass(frozen=True)
class View:
    """What of a scan a viewer shows, as its address says it; ``on`` is the slice of the marked place."""

    slice: int
    level: int | None = None
    width: int | None = None
    model: str | None = None
    row: float | None = None
    col: float | None = None
    on: int | None = None

    def query(self, **changes):
        """The part of an address that leads to this view with some changes."""
        fields = asdict(replace(self, **changes))
        return urlencode({name: value for name, value in fields.items() if value is not None})


def first_view(scan, candidates, model):
    """What a viewer shows at first: the best candidate, marked, or else the middle slice."""
    level, width = WINDOWS["lung"] if scan.is_hu else (None, None)
    if not candidates:
        return View(len(scan.slices) // 2, level, width, model)
    best = candidates[0]
    return View(best["slice"], level, width, model, best["row"], best["col"], best["slice"])


def viewer_page(scan, view, address, findings, search):
    """What the template of the viewer shows.

    Parameters
    ----------
    scan : Scan
    view : View
    address : str
        Of the scan's page.
    findings : list of dict
        The answers so far: row, col, slice, model, verdict, probability.
    search : dict
        What `models.reports.progress.Searches.state` says.
    """
    width, height = shown_box(scan)
    facts = {
        "address": address,
        "count": len(scan.slices),
        "rows": scan.rows,
        "cols": scan.cols,
        "width": width,
        "height": height,
        "mmPerPixel": mm_per_shown_pixel(scan),
        "assumed": scan.spacing_assumed,
        "turns": asdict(scan.orientation),
        "positions": scan.positions_mm,
        "windows": WINDOWS if scan.is_hu else {},
        "view": asdict(view),
        "findings": [{name: finding[name] for name in ("row", "col", "slice")} for finding in findings],
        "search": search,
    }
    return {
        "scan": scan,
        "view": view,
        "address": address,
        "facts": facts,
        "width": width,
        "height": height,
        "windows": facts["windows"],
        "marks": marks(scan, view, findings, search["candidates"]),
        "findings": findings,
        "search": search,
        "has_sides": scan.positions_mm is not None,
        "marked_as": marked_as(scan, view, search["candidates"]),
    }


def marks(scan, view, findings, candidates):
    """Rings on the slice in view: what was suggested (S), what was found (F), what is marked."""
    scale = mm_per_shown_pixel(scan)
    found = [(f, "found", f"F{i}", MARK_MM) for i, f in enumerate(findings, 1)]
    suggested = [(c, "suggested", f"S{i}", ring_mm(c)) for i, c in enumerate(candidates, 1)]
    marked = [(asdict(view) | {"slice": view.on}, "marked", "", MARK_MM)] if view.row is not None else []
    rings = []
    for place, kind, label, radius_mm in [*suggested, *found, *marked]:
        if place["slice"] == view.slice:
            x, y = to_shown(scan, place["row"], place["col"])
            reach = max(radius_mm, MARK_MM) / scale  # the label lies outside the mark's ring, too
            rings.append(
                {"kind": kind, "label": label, "x": x, "y": y, "r": radius_mm / scale, "reach": reach}
            )
    return rings


def marked_as(scan, view, candidates):
    """Which place is marked, in words; empty where none is."""
    if view.row is None:
        return ""
    spots = [(candidate["row"], candidate["col"], candidate["slice"]) for candidate in candidates]
    spot, n_slices = (view.row, view.col, view.on), len(scan.slices)
    who = f"Suggestion S{spots.index(spot) + 1} of the app is marked" if spot in spots else "Marked"
    where = f"slice {view.on + 1} of {n_slices}, " if n_slices > 1 else ""
    return f"{who}: {where}row {view.row:g}, column {view.col:g}."


def ring_mm(candidate):
    """Radius of the ring around a suggestion: a little larger than the nodule seems to be."""
    return max(5.0, 0.5 * (candidate["diameter_mm"] or 12.0) + 3)


def result_page(finding, evaluation):
    """What the template of the result shows."""
    scan, roi = finding.scan, finding.roi
    width, height = shown_box(scan)
    x, y = to_shown(scan, roi.row, roi.col)
    scale = mm_per_shown_pixel(scan)
    patch = np.ascontiguousarray(scan.orientation.shown(finding.patch[..., 1]))
    outline = [to_shown(scan, row, col) for row, col in finding.outline or ()]
    return {
        "finding": finding,
        "picture": data_uri(slice_picture(scan, roi.slice)),
        "width": width,
        "height": height,
        "mark": {"cx": x, "cy": y, "r": min(PATCH.field_mm / 2 / scale, 0.48 * min(width, height))},
        "outline": " ".join(f"{x:.1f},{y:.1f}" for x, y in outline),
        "close_up": close_up(x, y, width, height, CLOSE_UP_MM / scale),
        "close_up_mm": CLOSE_UP_MM,
        "has_sides": scan.positions_mm is not None,
        "patch": data_uri(to_png(to_grey(patch, False), (PATCH_SHOWN, PATCH_SHOWN))),
        "patch_mm": PATCH.field_mm,
        "measured": measured(finding),
        "scales": DESCRIPTOR_SCALES,
        "diagnoses": against_diagnoses(evaluation, finding.model),
    }


def note_of(finding):
    """What is kept of a finding beside its scan: the question, and the answer in short."""
    return asdict(finding.roi) | {name: getattr(finding, name) for name in KEPT}


def close_up(x, y, width, height, side):
    """Top left corner and side of a square around (x, y); None where the picture is hardly larger."""
    if side > 0.6 * min(width, height):
        return None
    return {
        "x": min(max(x - side / 2, 0), width - side),
        "y": min(max(y - side / 2, 0), height - side),
        "side": side,
    }


def measured(finding):
    """Sizes, density and texture in words, and why one is unknown: rows of (id, term, words)."""
    found, is_hu = finding.measurement, finding.scan.is_hu
    if found is None:
        return [("size", "Size", "unknown: the nodule was not outlined")]
    no_size = "unknown: the file does not give the pixel size" if finding.scan.spacing_assumed else "unknown"
    no_hu = "unknown" if is_hu else "unknown: no Hounsfield units"
    rows = [(name, term, _in_mm(getattr(found, name), no_size)) for name, term in SIZES.items()]
    density = no_hu if found.mean_hu is None else f"{found.mean_hu:.0f} HU".replace("-", "−")
    texture = f"{found.texture} (an impression, not a measurement)" if found.texture else None
    rows.append(("mean_hu", "Mean density", density))
    rows.append(("texture", "Texture", texture or (no_size if is_hu else no_hu)))
    return [(name.removesuffix("_mm").replace("_", "-"), term, words) for name, term, words in rows]


def _in_mm(value, unknown):
    return unknown if value is None else f"{value:.1f} mm"
