"""A scan and locations in it as the viewer shows them: what its template fills in."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode

from models.imaging.planes import PLANES, SLABS, has_planes, plane_geometry
from models.imaging.scan import Roi, Scan
from models.inference.detection.candidates import Candidate, SearchState
from models.inference.finding import FindingSummary
from models.reports.viewport import TILE, Box, mm_per_shown_pixel, shown_box, to_shown

WINDOWS = {"lung": (-600, 1500), "mediastinum": (40, 400), "bone": (400, 1800)}  # level and width in HU
MARK_MM = 13.0  # radius of the ring around a chosen location
LABEL_AT_MOST = 16  # characters of a name beside a ring


@dataclass(frozen=True)
class View:
    """What of a scan a viewer shows, as its address says it; ``on`` is the slice of the marked location."""

    slice: int
    level: int | None = None
    width: int | None = None
    model: str | None = None
    row: float | None = None
    col: float | None = None
    on: int | None = None
    slab: str | None = None

    def query(self, **changes: float | str | None) -> str:
        """The part of an address that leads to this view with some changes."""
        fields = asdict(self) | changes
        return urlencode({name: value for name, value in fields.items() if value is not None})


@dataclass(frozen=True)
class Mark:
    """A marked location, and which suggestion (from 1) lies just there."""

    row: float
    col: float
    slice: int
    rank: int | None


@dataclass(frozen=True)
class Ring:
    """A circle on the shown slice, in its pixels; its label (name or rank) lies `reach` from the middle."""

    kind: str  # suggested | found | marked
    rank: int | None
    x: float
    y: float
    r: float
    reach: float
    name: str = ""


def first_view(scan: Scan, candidates: Sequence[Candidate], model: str) -> View:
    """What a viewer shows at first: the slice of the most probable candidate, or else the middle one.

    Nothing is marked: which nodule is meant is for the reader to say.
    """
    level, width = WINDOWS["lung"] if scan.is_hu else (None, None)
    index = candidates[0].slice if candidates else len(scan.slices) // 2
    return View(index, level, width, model)


def viewer_page(
    scan: Scan,
    view: View,
    address: str,
    findings: Sequence[FindingSummary],
    search: SearchState,
    lungs: Box | None = None,
) -> dict[str, Any]:
    """What the template of the viewer shows; `address` is that of the scan's page.

    `lungs` is the part of the pictures that holds them, as `models.reports.viewport.lungs_box` gives it.
    """
    width, height = shown_box(scan)
    mark = marked(view, search.candidates)
    facts = {
        "address": address,
        "count": len(scan.slices),
        "rows": scan.rows,
        "cols": scan.cols,
        "width": width,
        "height": height,
        "mmPerPixel": mm_per_shown_pixel(scan),
        "assumed": scan.spacing_guess,
        "turns": scan.orientation,
        "positions": scan.positions_mm,
        "windows": WINDOWS if scan.is_hu else {},
        "lungs": lungs,
        "values": {"type": scan.slices.dtype.name, "tile": TILE, "isHu": scan.is_hu},
        "planes": {plane: plane_geometry(scan, plane) for plane in PLANES} if has_planes(scan) else {},
        "pixelMm": scan.spacing_mm[0] if scan.spacing_can_be_set else None,
        "view": view,
        "findings": [asdict(found.roi) | {"label": ring_label(found.name)} for found in findings],
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
        "slabs": SLABS,
        "marks": list(rings(scan, view.slice, findings, search.candidates, mark)),
        "findings": findings,
        "search": search,
        "has_sides": scan.positions_mm is not None,
        "marked": mark,
    }


def rings(
    scan: Scan,
    index: int,
    findings: Sequence[FindingSummary],
    candidates: Sequence[Candidate],
    mark: Mark | None,
) -> Iterator[Ring]:
    """Rings on a slice: what was suggested (by its rank), what was found (by its name), what is marked."""
    scale = mm_per_shown_pixel(scan)
    locations: list[tuple[Candidate | Roi | Mark, str, int | None, str, float]] = [
        *((candidate, "suggested", i, "", ring_mm(candidate)) for i, candidate in enumerate(candidates, 1)),
        *((found.roi, "found", None, ring_label(found.name), MARK_MM) for found in findings),
    ]
    if mark is not None:
        locations.append((mark, "marked", None, "", MARK_MM))
    for location, kind, rank, name, radius_mm in locations:
        if location.slice == index:
            x, y = to_shown(scan, location.row, location.col)
            # the label lies outside the mark's ring, too
            yield Ring(kind, rank, x, y, radius_mm / scale, max(radius_mm, MARK_MM) / scale, name)


def marked(view: View, candidates: Sequence[Candidate]) -> Mark | None:
    """The location that a view marks; None where it marks none."""
    if view.row is None or view.col is None or view.on is None:
        return None
    suggested = [(candidate.row, candidate.col, candidate.slice) for candidate in candidates]
    location = view.row, view.col, view.on
    return Mark(*location, rank=suggested.index(location) + 1 if location in suggested else None)


def ring_label(name: str) -> str:
    """A finding's name as it stands beside its ring."""
    return name if len(name) <= LABEL_AT_MOST else name[: LABEL_AT_MOST - 1].rstrip() + "…"


def ring_mm(candidate: Candidate) -> float:
    """Radius of the ring around a suggestion: a little larger than the nodule seems to be."""
    return max(5.0, 0.5 * (candidate.diameter_mm or 12.0) + 3)
