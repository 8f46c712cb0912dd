"""A nodule in all slices that show it, and its largest section: what a click is snapped to.

A click may lie anywhere in a nodule, and in any of its slices. What is read and measured is the slice in
which the nodule is largest, about the middle of its outline there, as guidelines ask for sizes (Bankier et
al., Radiology 285, 584, 2017). So that the answer does not hang on the click, the nodule is followed again
from its own middle until that stays the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from models.imaging.field import GRID_MM, field_at
from models.imaging.scan import Roi, Scan
from models.inference.detection.localiser import Localiser, OutlinedNodule, without_others
from models.inference.measurement.outline import contour

AT_ONCE = 4  # slices on either side, looked at together
REACH_MM, MOST = 80.0, 40  # from the clicked slice, in mm and in slices
LEAK_MM = 8.0  # more in diameter than in the slice before: no longer the nodule, but what it touches
LEAK_SPHERE_MM = 30.0  # a sphere of that size may grow by more between slices that are far apart
BESIDE_MM, BESIDE = 3.0, 5  # a click may miss the nodule's first or last slice by so much; slices looked at
TIMES = 4  # the nodule is followed at most


@dataclass(frozen=True)
class Section:
    """A nodule, and where it is largest.

    Attributes
    ----------
    roi : Roi
        The middle of the outline; its source is that of the click.
    outlines : dict of int to ndarray of shape (n, 2)
        By the slices that show it, as `models.inference.measurement.outline.contour` gives them.
    """

    roi: Roi
    outlines: Mapping[int, np.ndarray]

    @property
    def polygon(self) -> np.ndarray:
        """The outline where it is largest."""
        return self.outlines[self.roi.slice]

    @property
    def slices(self) -> tuple[int, int]:
        """The first and the last slice that show the nodule."""
        return min(self.outlines), max(self.outlines)


@dataclass(frozen=True)
class Followed:
    """A nodule on one grid: what was seen in the slice from which it was followed, and the part by slice."""

    seen: OutlinedNodule
    parts: dict[int, OutlinedNodule]

    @property
    def largest(self) -> int:
        """The slice in which it is largest."""
        return max(self.parts, key=lambda index: self.parts[index].area_mm2)

    @property
    def middle(self) -> Roi:
        """The middle of the nodule, in half pixels and whole slices: different clicks come to the same."""
        areas = {index: part.area_mm2 for index, part in self.parts.items()}
        index = round(sum(index * area for index, area in areas.items()) / sum(areas.values()))
        row, col = self.parts[index].middle
        return Roi(round(2 * row) / 2, round(2 * col) / 2, index, "")


def largest_section(scan: Scan, roi: Roi, localiser: Localiser, larger: int = 0) -> Section | None:
    """The nodule at a location with its largest section; None where the network outlines none there.

    `larger` is that of `OutlinedNodule.in_file`.
    """
    found = next(filter(None, (_followed(scan, localiser, at) for at in _beside(scan, roi))), None)
    tried = set[Roi]()
    while found is not None and found.middle not in tried and len(tried) < TIMES:
        tried.add(found.middle)
        found = _followed(scan, localiser, found.middle) or found
    return None if found is None else _section(scan, roi, found, larger)


def _beside(scan: Scan, roi: Roi) -> Iterator[Roi]:
    """A location, and then the same in some slices beside it, the nearest first."""
    positions = scan.depths_mm or tuple(BESIDE_MM * index for index in range(len(scan.slices)))
    away = [abs(position - positions[roi.slice]) for position in positions]
    for index in sorted(range(len(away)), key=away.__getitem__)[:BESIDE]:
        if away[index] <= BESIDE_MM:
            yield replace(roi, slice=index)


def _section(scan: Scan, roi: Roi, found: Followed, larger: int) -> Section | None:
    shape = scan.rows, scan.cols
    drawn = {index: contour(part.in_file(shape, larger)) for index, part in sorted(found.parts.items())}
    outlines = {index: polygon for index, polygon in drawn.items() if polygon is not None}
    largest = found.largest
    if largest not in outlines:
        return None
    row, col = found.parts[largest].middle
    return Section(replace(roi, row=row, col=col, slice=largest), outlines)


def _followed(scan: Scan, localiser: Localiser, at: Roi) -> Followed | None:
    """The nodule at a location, in all slices; None where none is outlined there."""
    seen = localiser.look_at(scan, at.row, at.col, at.slice)
    if seen is None:
        return None
    parts = {at.slice: seen}
    for step in (-1, 1):
        parts |= _follow(scan, localiser, seen, at.slice, step)
    return Followed(seen, parts)


def _follow(
    scan: Scan, localiser: Localiser, seen: OutlinedNodule, start: int, step: int
) -> dict[int, OutlinedNodule]:
    """What of the next slices, up or down, belongs to the nodule, by slice."""
    spacing = scan.slice_spacing_mm
    reach = min(MOST, int(REACH_MM / spacing)) if spacing else MOST
    last = max(-1, start - reach - 1) if step < 0 else min(len(scan.slices), start + reach + 1)
    indices, before = range(start + step, last, step), seen
    found: dict[int, OutlinedNodule] = {}
    for begin in range(0, len(indices), AT_ONCE):
        some = indices[begin : begin + AT_ONCE]
        maps = localiser.maps(np.stack([field_at(scan, index, seen.grid) for index in some]))
        for index, probability in zip(some, maps, strict=True):
            part = _continued(probability, before)
            if part is None or _leaks(before, part, spacing or 0.0):
                return found
            found[index] = before = part
    return found


def _continued(probability: np.ndarray, before: OutlinedNodule) -> OutlinedNodule | None:
    """The part that overlaps most with that of the slice before; None where there is none."""
    parts, _ = ndimage.label(probability >= before.level)
    shared = np.bincount(parts[before.inside], minlength=2)[1:]
    if not shared.any():
        return None
    return replace(before, probability=without_others(probability, parts, 1 + int(shared.argmax())))


def _leaks(before: OutlinedNodule, part: OutlinedNodule, spacing_mm: float) -> bool:
    """Whether a part is too large to be of the same nodule as that in the slice before."""
    sphere = float(np.sqrt(before.diameter_mm**2 + 4 * spacing_mm * LEAK_SPHERE_MM))
    return part.diameter_mm > max(before.diameter_mm + LEAK_MM * before.grid.pixel_mm / GRID_MM, sphere)
