"""A nodule of one scan found again in another, near where an alignment expects it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from models.imaging.field import GRID_MM, Grid, field_at
from models.imaging.scan import Roi, Scan
from models.inference.comparison.alignment import Point, location_of, point_of
from models.inference.detection.localiser import Localiser

# From the expected location; of nodules that readers had found in both scans of one patient, all lay within
# 4.4 mm of it, and what was none of them, at 13 mm and more.
REACH_MM = 12.0
FIELD = 96  # pixels of the localiser's grid a side, 72 mm
SEEN = 0.3  # probability of being nodule; less than elsewhere, since one is expected here
LEAST_MM = 2.5  # diameter of what is taken for a nodule at all
MOST_SLICES = 41
SIZE_WEIGHT_MM = 4.0  # a nodule twice as wide, or half, counts as so much farther away


@dataclass(frozen=True)
class Match:
    """What may be the nodule: where, how far from the expected location, and its largest diameter (mm)."""

    roi: Roi
    distance_mm: float
    diameter_mm: float


def matches(scan: Scan, expected: Point, diameter_mm: float | None, localiser: Localiser) -> list[Match]:
    """What may be a nodule near a point of a scan, the likeliest first.

    Parameters
    ----------
    scan : Scan
        With positions.
    expected : (float, float, float)
        In mm, as `models.inference.comparison.alignment.point_of` gives it.
    diameter_mm : float or None
        Of the nodule in the other scan.
    localiser : Localiser
    """
    row, col, middle = location_of(scan, expected)
    indices = _slices_near(scan, middle)
    grid = Grid.around(row, col, FIELD, scan.spacing_mm)
    maps = np.concatenate([localiser.maps(field_at(scan, index, grid)[None]) for index in indices])
    found = _parts(scan, maps, indices, grid, expected)
    near = [match for match in found if match.distance_mm <= REACH_MM and match.diameter_mm >= LEAST_MM]
    return sorted(near, key=lambda match: _unlikeliness(match, diameter_mm))


def _slices_near(scan: Scan, middle: int) -> list[int]:
    positions = np.asarray(scan.positions_mm)
    near = np.flatnonzero(np.abs(positions - positions[middle]) <= REACH_MM)
    return sorted(near.tolist(), key=lambda index: abs(index - middle))[:MOST_SLICES]


def _parts(scan: Scan, maps: np.ndarray, indices: list[int], grid: Grid, expected: Point) -> Iterator[Match]:
    """Each part of the maps (slices, rows, cols) that is connected, also through the slices."""
    order = np.argsort(indices)
    parts, n = ndimage.label(maps[order] >= SEEN)
    for number in range(1, n + 1):
        part = parts == number
        areas = part.sum(axis=(1, 2))
        largest = int(areas.argmax())
        row, col = grid.to_file(*ndimage.center_of_mass(part[largest]))
        index = int(indices[order[largest]])
        point = np.array(point_of(scan, float(row), float(col), index))
        distance = max(0.0, float(np.linalg.norm(point - expected)))
        diameter = float(2 * np.sqrt(areas[largest] / np.pi) * GRID_MM)
        yield Match(Roi(float(row), float(col), index, "suggested"), distance, diameter)


def _unlikeliness(match: Match, diameter_mm: float | None) -> float:
    """Its distance, and more for another size."""
    if not diameter_mm:
        return match.distance_mm
    return match.distance_mm + SIZE_WEIGHT_MM * abs(float(np.log2(match.diameter_mm / diameter_mm)))
