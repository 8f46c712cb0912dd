"""Maps of probability to nodule candidates, in one slice and through a series."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from models.imaging.field import GRID_MM, Grid

State = Literal["none", "queued", "running", "done", "cancelled", "failed", "unavailable"]
SEED = 0.2  # pixels that reach this probability make a candidate
LEAST_MM = 2.5  # equivalent diameter; less is no nodule of 3 mm
BEST = max(1, round(np.pi * (3.0 / 2 / GRID_MM) ** 2))  # pixels of a nodule of 3 mm
LINK_MM = 5.0  # in adjacent slices, centres no farther apart belong to one nodule
DENSE_MM = 2.5  # slices no farther apart show a nodule at least twice
LONG = 3.0  # a vessel across the slices is so many times as long as it is wide


@dataclass(frozen=True)
class Blob:
    """A candidate in one slice.

    Attributes
    ----------
    row, col : float
        Centre in the file's pixels.
    slice : int
    at_mm : (float, float, float)
        The same centre in mm: down, across, and the slice's position.
    score : float
        Mean probability over its best pixels, as many as a nodule of 3 mm has.
    diameter_mm : float
        Of a disc of the same area.
    """

    row: float
    col: float
    slice: int
    at_mm: tuple[float, float, float]
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
    score : float
        0 to 1: how sure the network is; no probability of anything.
    diameter_mm : float or None
        Of a disc of the same area; None where the spacing is assumed.
    """

    row: float
    col: float
    slice: int
    score: float
    diameter_mm: float | None


@dataclass(frozen=True)
class SearchState:
    """How far the search of a scan is: slices done and in all, and the candidates, best first."""

    state: State
    done: int = 0
    total: int = 0
    candidates: tuple[Candidate, ...] = ()


def blobs_in(probability: np.ndarray, grid: Grid, index: int, z_mm: float = 0.0) -> list[Blob]:
    """The candidates of one slice.

    Parameters
    ----------
    probability : ndarray of shape ``grid.size``
        0 where no nodule can be.
    grid : Grid
    index : int
        The slice.
    z_mm : float
        Its position.
    """
    parts, _ = ndimage.label(probability >= SEED)
    found = []
    for number, window in enumerate(ndimage.find_objects(parts), start=1):
        own = np.where(parts[window] == number, probability[window], 0)
        diameter = 2 * np.sqrt((own > 0).sum() / np.pi) * GRID_MM
        if diameter < LEAST_MM:
            continue
        centre = ndimage.center_of_mass(own)
        row, col = grid.to_file(*(at + edge.start for at, edge in zip(centre, window, strict=True)))
        at_mm = float(row * grid.spacing_mm[0]), float(col * grid.spacing_mm[1]), float(z_mm)
        found.append(Blob(float(row), float(col), index, at_mm, best_mean(own), float(diameter)))
    return found


def best_mean(probability: np.ndarray) -> float:
    """Mean over the best pixels of a map, as many as a nodule of 3 mm has."""
    return float(np.sort(probability, axis=None)[-BEST:].mean())


def link(blobs: Sequence[Sequence[Blob]]) -> list[list[Blob]]:
    """Blobs of adjacent slices to chains: one chain a nodule.

    Parameters
    ----------
    blobs : sequence of sequences of Blob
        Of each slice that was looked at, in order; so are those of each chain.
    """
    chains: list[list[Blob]] = []
    open_chains: list[list[Blob]] = []
    for layer in blobs:
        continued, free = [], list(open_chains)
        for blob in sorted(layer, key=lambda blob: -blob.score):
            chain = min(free, key=lambda chain: _apart(chain[-1], blob), default=None)
            if chain is None or _apart(chain[-1], blob) > max(LINK_MM, blob.diameter_mm / 2):
                chain = []
                chains.append(chain)
            else:
                free.remove(chain)
            chain.append(blob)
            continued.append(chain)
        open_chains = continued
    return chains


def _apart(a: Blob, b: Blob) -> float:
    return float(np.hypot(a.at_mm[0] - b.at_mm[0], a.at_mm[1] - b.at_mm[1]))


def best_of(chain: Sequence[Blob]) -> Blob:
    """The blob that stands for a chain: the largest of those that score at least nine tenths of the best."""
    best = max(blob.score for blob in chain)
    return max((blob for blob in chain if blob.score >= 0.9 * best), key=lambda blob: blob.diameter_mm)


def plausibility(chain: Sequence[Blob], step_mm: float | None = None) -> float:
    """How well the extent of a chain across the slices fits a nodule: a factor on its score, 0 to 1.

    Parameters
    ----------
    chain : sequence of Blob
    step_mm : float, optional
        Distance of the slices that were looked at; None for slices that stand alone.

    Returns
    -------
    float
        Half where the slices are dense enough for two to show a nodule, and one does. Less than 1 where a
        chain is much longer than wide, like a vessel.
    """
    if step_mm is None or step_mm > DENSE_MM:
        return 1.0
    length = chain[-1].at_mm[2] - chain[0].at_mm[2] + step_mm
    width = max(blob.diameter_mm for blob in chain)
    return (1.0 if len(chain) > 1 else 0.5) * min(1.0, LONG * width / length)
