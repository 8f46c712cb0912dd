"""Two scans side by side as their page shows them: keys, numbers and pictures. Words are the template's."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlencode

from models.clinical.growth import Change
from models.inference.comparison.alignment import location_of, point_of
from models.inference.comparison.comparison import OTHER, Comparison, Side, Which
from models.inference.finding import Finding, FindingSummary
from models.reports.as_page import MARK_MM, WINDOWS, Ring, ring_label
from models.reports.comparison.as_text import (
    RULES,
    SOURCES,
    change_text,
    doubling_text,
    interval_text,
    rule_text,
)
from models.reports.comparison.growth import PairedFindings
from models.reports.pictures import scale_bar
from models.reports.viewport import mm_per_shown_pixel, shown_box, to_shown

SIDES: tuple[Which, Which] = ("before", "now")
CLOSE_UP_MM = 30.0  # across at least, the same for both scans
UNITS = {"long_axis": ("mm", 1), "mean_diameter": ("mm", 1), "volume": ("mm³", 0)}


@dataclass(frozen=True)
class Sought:
    """A finding (its index) of one scan, whose nodule is looked for in the other."""

    which: Which
    finding: int


@dataclass(frozen=True)
class CompareView:
    """What of two scans is shown: a slice of each, a window in HU, and which nodule is to be clicked."""

    before: int
    now: int
    level: int | None = None
    width: int | None = None
    seek: Sought | None = None

    def query(self, **changes: Any) -> str:
        """The part of an address that leads to this view with some changes."""
        view = replace(self, **changes)
        fields = asdict(view)
        fields["seek"] = view.seek and f"{view.seek.which}-{view.seek.finding}"
        return urlencode({name: value for name, value in fields.items() if value is not None})


def first_view(comparison: Comparison, pairs: Sequence[PairedFindings]) -> CompareView:
    """The first nodule, or else the middle of the later scan."""
    level, width = WINDOWS["lung"] if comparison.now.scan.is_hu else (None, None)
    linked = linked_slices(comparison)
    for each in pairs:
        if each.now is not None:
            now = each.now.reading.roi.slice
            return CompareView(_slice_before(each, linked["now"][now]), now, level, width)
    now = len(comparison.now.scan.slices) // 2
    return CompareView(linked["now"][now], now, level, width)


def _slice_before(found: PairedFindings, linked: int) -> int:
    if found.before is not None:
        return found.before.reading.roi.slice
    return found.pair.expected.slice if found.pair.expected else linked


def linked_slices(comparison: Comparison) -> dict[Which, list[int]]:
    """For each slice of either scan the slice of the other that shows the same, as far as that is known."""
    found: dict[Which, list[int]] = {}
    for which in SIDES:
        own, other = comparison.side(which).scan, comparison.side(OTHER[which]).scan
        n, m, alignment = len(own.slices), len(other.slices), comparison.link.alignment
        if alignment is None:
            found[which] = [round(i * (m - 1) / max(n - 1, 1)) for i in range(n)]
            continue
        mapped = alignment.to_earlier if which == "now" else alignment.to_later
        middle = (own.rows - 1) / 2, (own.cols - 1) / 2
        found[which] = [location_of(other, mapped(point_of(own, *middle, i)))[2] for i in range(n)]
    return found


def comparison_page(
    comparison: Comparison, pairs: Sequence[PairedFindings], view: CompareView
) -> dict[str, Any]:
    """What the template of the comparison shows."""
    sides = {which: _side(comparison, pairs, which, view) for which in SIDES}
    windows = WINDOWS if comparison.now.scan.is_hu and comparison.before.scan.is_hu else {}
    facts = {
        "sides": {
            which: {
                name: side[name]
                for name in ("address", "count", "width", "height", "positions", "shape", "turns", "rings")
            }
            for which, side in sides.items()
        },
        "linked": linked_slices(comparison),
        "windows": windows,
        "view": {name: getattr(view, name) for name in ("before", "now", "level", "width")},
        "seeks": OTHER[view.seek.which] if view.seek else None,
    }
    return {
        "comparison": comparison,
        "link": comparison.link,
        "address": f"/scan/{comparison.token}/comparison",
        "added": "before" if comparison.link.is_earlier else "now",
        "interval": interval_text(comparison.link.days, comparison.link.are_days_typed),
        "view": view,
        "sides": sides,
        "windows": windows,
        "facts": facts,
        "pairs": [_pair(each) for each in pairs],
        "sought": _sought(comparison, pairs, view.seek),
    }


def _side(
    comparison: Comparison, pairs: Sequence[PairedFindings], which: Which, view: CompareView
) -> dict[str, Any]:
    """One of the scans: where it is, the slice that is shown, its rings, and what is in no pair."""
    side, index = comparison.side(which), getattr(view, which)
    width, height = shown_box(side.scan)
    unpaired = [
        found
        for found in side.findings
        if comparison.pair_of(which, found.index) is None and found.verdict != "no_nodule"
    ]
    every = list(_rings(side, pairs, which, unpaired))
    return {
        "address": f"/scan/{side.token}",
        "scan": side.scan,
        "count": len(side.scan.slices),
        "shape": (side.scan.rows, side.scan.cols),
        "turns": side.scan.orientation,
        "positions": side.scan.positions_mm,
        "slice": index,
        "width": width,
        "height": height,
        "bar": scale_bar(0, 0, width, height, mm_per_shown_pixel(side.scan)),
        "rings": [{"slice": at} | asdict(ring) for at, ring in every],
        "shown": [ring for at, ring in every if at == index],
        "unpaired": unpaired,
    }


def _rings(
    side: Side,
    pairs: Sequence[PairedFindings],
    which: Which,
    unpaired: Sequence[FindingSummary],
) -> Iterator[tuple[int, Ring]]:
    """Rings with their slices: nodules of pairs, where the others are expected, and findings in no pair."""
    for each in pairs:
        finding = each.before if which == "before" else each.now
        roi, kind = (finding.reading.roi, "paired") if finding else (each.pair.expected, "suggested")
        if roi is not None:
            yield roi.slice, _ring(side, roi.row, roi.col, kind, each.number)
    for found in unpaired:
        name = ring_label(found.name)
        yield found.roi.slice, _ring(side, found.roi.row, found.roi.col, "found", None, name)


def _ring(side: Side, row: float, col: float, kind: str, rank: int | None, name: str = "") -> Ring:
    x, y = to_shown(side.scan, row, col)
    r = MARK_MM / mm_per_shown_pixel(side.scan)
    return Ring(kind, rank, x, y, r, r, name)


def _pair(found: PairedFindings) -> dict[str, Any]:
    """One nodule: both enlarged, what changed, what rules make of it, and the models' answers."""
    growth, sizes = found.growth, [CLOSE_UP_MM]
    for finding in (found.before, found.now):
        if finding is not None and finding.reading.long_axis_mm:
            sizes.append(2.4 * finding.reading.long_axis_mm)
    changes = [] if growth is None else [(name, getattr(growth, name)) for name in UNITS]
    return {
        "number": found.number,
        "pair": found.pair,
        "before": found.before,
        "now": found.now,
        "close_ups": {
            which: finding and _close_up(finding, max(sizes))
            for which, finding in (("before", found.before), ("now", found.now))
        },
        "changes": [_change(name, change) for name, change in changes if change is not None],
        "doubling": growth and growth.doubling_time and doubling_text(growth.doubling_time),
        "rules": [
            {
                "key": rule.key,
                "outcome": rule.outcome,
                "name": RULES[rule.key],
                "text": rule_text(rule),
                "source": SOURCES[rule.key],
            }
            for rule in (growth.rules if growth else ())
        ],
        "models": _models(found.before, found.now),
    }


def _change(name: str, change: Change) -> dict[str, Any]:
    unit, digits = UNITS[name]
    return {
        "name": name,
        "unit": unit,
        "digits": digits,
        "change": change,
        "text": change_text(change, unit, digits),
    }


def _close_up(finding: Finding, side_mm: float) -> dict[str, Any]:
    """A square around the nodule, `side_mm` across, in pixels of the shown slice; with its outline."""
    scan, roi = finding.scan, finding.reading.roi
    scale, (width, height) = mm_per_shown_pixel(scan), shown_box(scan)
    x, y = to_shown(scan, roi.row, roi.col)
    side = side_mm / scale
    outline = [to_shown(scan, row, col) for row, col in finding.reading.outline or ()]
    return {
        "x": x - side / 2,
        "y": y - side / 2,
        "side": side,
        "width": width,
        "height": height,
        "slice": roi.slice,
        "outline": " ".join(f"{x:.1f},{y:.1f}" for x, y in outline),
        "bar": scale_bar(x - side / 2, y - side / 2, side, side, scale),
    }


def _models(before: Finding | None, now: Finding | None) -> list[dict[str, Any]]:
    """Each model's probabilities, that in front first; empty where one of the two is not known."""
    if before is None or now is None:
        return []
    rows = [(now.title, before.probability, now.probability)]
    rows += [(b.title, a.probability, b.probability) for a, b in zip(before.models, now.models, strict=True)]
    return [
        {"title": title, "before": first, "now": second, "change": second - first}
        for i, (title, first, second) in enumerate(rows)
        if first is not None and second is not None and (i == 0 or title != now.title)
    ]


def _sought(
    comparison: Comparison, pairs: Sequence[PairedFindings], seek: Sought | None
) -> dict[str, Any] | None:
    """Which nodule is to be clicked in which scan; its number in the list of pairs, where it has one."""
    if seek is None:
        return None
    number = next((each.number for each in pairs if each.pair.of(seek.which) == seek.finding), None)
    listed = comparison.side(seek.which).findings
    name = next((found.name for found in listed if found.index == seek.finding), None)
    if name is None:  # it is deleted
        return None
    return {
        "which": seek.which,
        "index": seek.finding,
        "other": OTHER[seek.which],
        "number": number,
        "name": name,
    }
