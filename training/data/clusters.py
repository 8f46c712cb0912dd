"""Which radiologists' readings are of one nodule, as pylidc's ``Scan.cluster_annotations`` has it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

MOST_READERS, SHRINK, LEAST_TOLERANCE = 4, 0.9, 0.1  # pylidc's defaults


@dataclass(frozen=True)
class Outline:
    """A closed line in one slice, around a part of a nodule or around a hole in it."""

    slice: int
    points: np.ndarray  # row, column; int, (n, 2)
    is_hole: bool


@dataclass(frozen=True)
class Reading:
    """What one radiologist drew and rated."""

    ratings: dict[str, int]  # by the columns of nodules.csv
    diameter_mm: float  # longest distance of two points of one outline, as pylidc's ``Annotation.diameter``
    outlines: tuple[Outline, ...]

    @cached_property
    def points(self) -> np.ndarray:
        """Row, column, slice number of all outlines' points, around holes too; int, (n, 3)."""
        parts = [np.column_stack([o.points, np.full(len(o.points), o.slice)]) for o in self.outlines]
        return np.concatenate(parts)

    @property
    def centroid(self) -> np.ndarray:
        """Mean of the points (row, column, slice number), as pylidc's ``Annotation.centroid``."""
        return self.points.mean(axis=0)


def cluster(readings: list[Reading], tolerance: float) -> list[list[Reading]]:
    """Put together the readings of each nodule.

    Readings belong together where points of their outlines are at most `tolerance` apart. If more than four
    come together anywhere, the whole scan is done again with a smaller tolerance, down to a least one.

    Parameters
    ----------
    readings : list of Reading
        All of one scan, at least one.
    tolerance : float
        The scan's slice thickness. As in pylidc, the distances it is held against are in pixels and slices.

    Returns
    -------
    list of list of Reading
        By ascending mean slice number of the nodules; the readers in the order of `readings`.
    """
    distance = _distances(readings, tolerance)
    while True:
        n_clusters, labels = connected_components(distance <= tolerance, directed=False)
        if np.bincount(labels).max() <= MOST_READERS or tolerance * SHRINK < LEAST_TOLERANCE:
            break
        tolerance *= SHRINK
    clusters = [[readings[i] for i in np.flatnonzero(labels == label)] for label in range(n_clusters)]
    return sorted(clusters, key=lambda members: np.mean([reading.centroid[2] for reading in members]))


def _distances(readings: list[Reading], tolerance: float) -> np.ndarray:
    """Least distance between the points of any two readings, (n, n); inf where it is beyond the tolerance."""
    trees = [KDTree(reading.points) for reading in readings]
    distance = np.zeros((len(trees), len(trees)))
    for i, reading in enumerate(readings):
        for j in range(i):
            nearest, _ = trees[j].query(reading.points, distance_upper_bound=tolerance + 1)  # an open bound
            distance[i, j] = distance[j, i] = nearest.min()
    return distance
