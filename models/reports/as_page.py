"""A scan and places in it as the viewer shows them: what its template fills in."""

from dataclasses import asdict, dataclass, replace
from urllib.parse import urlencode

from models.reports.viewport import mm_per_shown_pixel, shown_box, to_shown

WINDOWS = {"lung": (-600, 1500), "mediastinum": (40, 400), "bone": (400, 1800)}  # level and width in HU
MARK_MM = 13.0  # radius of the ring around a chosen place


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
        What `models.web.progress.Searches.state` says.
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
        "marked": marked(view, search["candidates"]),
    }


def marks(scan, view, findings, candidates):
    """Rings on the slice in view: what was suggested, what was found (each by its rank), what is marked."""
    scale = mm_per_shown_pixel(scan)
    found = [(f, "found", i, MARK_MM) for i, f in enumerate(findings, 1)]
    suggested = [(c, "suggested", i, ring_mm(c)) for i, c in enumerate(candidates, 1)]
    marked = [(asdict(view) | {"slice": view.on}, "marked", None, MARK_MM)] if view.row is not None else []
    rings = []
    for place, kind, rank, radius_mm in [*suggested, *found, *marked]:
        if place["slice"] == view.slice:
            x, y = to_shown(scan, place["row"], place["col"])
            reach = max(radius_mm, MARK_MM) / scale  # the label lies outside the mark's ring, too
            rings.append({"kind": kind, "rank": rank, "x": x, "y": y, "r": radius_mm / scale, "reach": reach})
    return rings


def marked(view, candidates):
    """The marked place, and which suggestion (from 1) lies just there; None where none is marked."""
    if view.row is None:
        return None
    spots = [(candidate["row"], candidate["col"], candidate["slice"]) for candidate in candidates]
    spot = view.row, view.col, view.on
    rank = spots.index(spot) + 1 if spot in spots else None
    return {"row": view.row, "col": view.col, "slice": view.on, "rank": rank}


def ring_mm(candidate):
    """Radius of the ring around a suggestion: a little larger than the nodule seems to be."""
    return max(5.0, 0.5 * (candidate["diameter_mm"] or 12.0) + 3)
