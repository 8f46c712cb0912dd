"""The largest section of a nodule: what a click is snapped to.

A click may lie anywhere in a nodule, and in any of its slices. What is read and measured is the slice in
which the nodule is largest, about the middle of its outline there, as guidelines ask for sizes (Bankier et
al., Radiology 285, 584, 2017).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from models.imaging.field import field_at
from models.imaging.scan import Roi, Scan
from models.inference.detection.localiser import Localiser, OutlinedNodule
from models.inference.measurement.outline import contour

AT_ONCE = 4  # slices on either side, looked at together
REACH_MM, MOST = 80.0, 40  # from the clicked slice, in mm and in slices
LEAK_MM = 8.0  # more in diameter than in the slice before: no longer the nodule, but what it touches


@dataclass(frozen=True)
class Section:
    """A nodule where it is largest.

    Attributes
    ----------
    roi : Roi
        The middle of the outline; its source is that of the click.
    polygon : ndarray of shape (n, 2)
        The outline, as `models.inference.measurement.outline.contour` gives it.
    slices : (int, int)
        The first and the last slice that show the nodule.
    """

    roi: Roi
    polygon: np.ndarray
    slices: tuple[int, int]


def largest_section(scan: Scan, roi: Roi, localiser: Localiser) -> Section | None:
    """The largest section of the nodule at a location; None where the network outlines none there."""
    seen = localiser.look_at(scan, roi.row, roi.col, roi.slice)
    if seen is None:
        return None
    parts = {roi.slice: seen.inside}
    for step in (-1, 1):
        parts |= _follow(scan, localiser, seen, roi.slice, step)
    largest = max(parts, key=lambda index: (parts[index].sum(), -abs(index - roi.slice)))
    if largest != roi.slice:
        row, col = seen.middle_of(parts[largest])
        again = localiser.look_at(scan, row, col, largest)
        seen, largest = (again, largest) if again is not None else (seen, roi.slice)
    polygon = contour(seen.in_file((scan.rows, scan.cols)))
    if polygon is None:
        return None
    row, col = seen.middle
    return Section(replace(roi, row=row, col=col, slice=largest), polygon, (min(parts), max(parts)))


def _follow(
    scan: Scan, localiser: Localiser, seen: OutlinedNodule, start: int, step: int
) -> dict[int, np.ndarray]:
    """What of the next slices, up or down, belongs to the nodule: its pixels on the grid by slice."""
    spacing = scan.slice_spacing_mm
    reach = min(MOST, int(REACH_MM / spacing)) if spacing else MOST
    last = max(-1, start - reach - 1) if step < 0 else min(len(scan.slices), start + reach + 1)
    indices, before = range(start + step, last, step), seen.inside
    found: dict[int, np.ndarray] = {}
    for begin in range(0, len(indices), AT_ONCE):
        some = indices[begin : begin + AT_ONCE]
        maps = localiser.maps(np.stack([field_at(scan, index, seen.grid) for index in some]))
        for index, probability in zip(some, maps, strict=True):
            part = _continued(probability >= seen.level, before)
            if part is None or seen.diameter_of(part) > seen.diameter_of(before) + LEAK_MM * seen.scale:
                return found
            found[index] = before = part
    return found


def _continued(bright: np.ndarray, before: np.ndarray) -> np.ndarray | None:
    """The part that overlaps most with that of the slice before; None where there is none."""
    parts, n = ndimage.label(bright)
    shared = np.bincount(parts[before], minlength=2)[1:]
    return parts == 1 + shared.argmax() if shared.any() else None
