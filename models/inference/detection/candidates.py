"""Maps of probability to nodule candidates, in one slice and through a series."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from models.imaging.field import GRID_MM, Grid

State = Literal["none", "queued", "running", "done", "cancelled", "failed", "unavailable"]
SEED = 0.15  # pixels that reach this probability make a candidate
LEAST_MM = 2.5  # equivalent diameter; less is not a nodule of 3 mm
NODULE_MM = 3.0  # the smallest that LIDC-IDRI calls a nodule
LINK_MM = 5.0  # in adjacent slices, centres no farther apart belong to one nodule


@dataclass(frozen=True)
class Blob:
    """A candidate in one slice.

    Attributes
    ----------
    row, col : float
        Centre in the file's pixels.
    slice : int
    at_mm : (float, float)
        The same centre in mm: down, across.
    score : float
        Mean probability over its best pixels, as many as a nodule of 3 mm has.
    diameter_mm : float
        Of a disc of the same area.
    """

    row: float
    col: float
    slice: int
    at_mm: tuple[float, float]
    score: float
    diameter_mm: float


@dataclass(frozen=True)
class Candidate:
    """A location that may be a nodule.

    Attributes
    ----------
    row, col : float
        Centre in the file's pixels.
    slice : int
    probability : float
        That a radiologist of LIDC-IDRI would mark it as a nodule; calibrated.
    diameter_mm : float or None
        Of a disc of the same area; None where the spacing is assumed.
    """

    row: float
    col: float
    slice: int
    probability: float
    diameter_mm: float | None


@dataclass(frozen=True)
class SearchState:
    """How far the search of a scan is: slices done and in all, and the candidates, best first."""

    state: State
    done: int = 0
    total: int = 0
    candidates: tuple[Candidate, ...] = ()


def blobs_in(probability: np.ndarray, grid: Grid, index: int, seed: float = SEED) -> list[Blob]:
    """The candidates of one slice.

    Parameters
    ----------
    probability : ndarray of shape ``grid.size``
        0 where no nodule can be.
    grid : Grid
    index : int
        The slice.
    seed : float
        Pixels that reach it make a candidate.
    """
    parts, _ = ndimage.label(probability >= seed)
    found = []
    for number, window in enumerate(ndimage.find_objects(parts), start=1):
        own = np.where(parts[window] == number, probability[window], 0)
        diameter = 2 * np.sqrt((own > 0).sum() / np.pi) * grid.pixel_mm
        if diameter < LEAST_MM:
            continue
        centre = ndimage.center_of_mass(own)
        row, col = grid.to_file(*(at + edge.start for at, edge in zip(centre, window, strict=True)))
        at_mm = float(row * grid.spacing_mm[0]), float(col * grid.spacing_mm[1])
        score = best_mean(own, grid.pixel_mm)
        found.append(Blob(float(row), float(col), index, at_mm, score, float(diameter)))
    return found


def best_mean(probability: np.ndarray, pixel_mm: float = GRID_MM) -> float:
    """Mean over the best pixels of a map, as many as a nodule of 3 mm has."""
    best = max(1, round(np.pi * (NODULE_MM / 2 / pixel_mm) ** 2))
    return float(np.sort(probability, axis=None)[-best:].mean())


class Linking:
    """Blobs of adjacent slices to chains, one chain a nodule, slice by slice."""

    def __init__(self) -> None:
        self._open: list[list[Blob]] = []

    def add(self, layer: Iterable[Blob]) -> list[list[Blob]]:
        """Take the blobs of the next slice; gives the chains that do not go on in it."""
        continued, free = [], list(self._open)
        for blob in sorted(layer, key=lambda blob: -blob.score):
            chain = min(free, key=lambda chain: _apart(chain[-1], blob), default=None)
            if chain is None or _apart(chain[-1], blob) > max(LINK_MM, blob.diameter_mm / 2):
                chain = []
            else:
                free.remove(chain)
            chain.append(blob)
            continued.append(chain)
        self._open = continued
        return free

    def end(self) -> list[list[Blob]]:
        """The chains that reach the last slice."""
        return self.add(())


def link(layers: Iterable[Sequence[Blob]]) -> list[list[Blob]]:
    """All chains of the blobs of slices in order; the blobs of each chain are in order, too."""
    linking = Linking()
    ended = [chain for layer in layers for chain in linking.add(layer)]
    return ended + linking.end()


def _apart(a: Blob, b: Blob) -> float:
    return float(np.hypot(a.at_mm[0] - b.at_mm[0], a.at_mm[1] - b.at_mm[1]))


def best_of(chain: Sequence[Blob]) -> Blob:
    """The blob that stands for a chain: the largest of those that score at least nine tenths of the best."""
    best = max(blob.score for blob in chain)
    return max((blob for blob in chain if blob.score >= 0.9 * best), key=lambda blob: blob.diameter_mm)
