"""Maps of probability to nodule candidates, in one slice and through a series."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from models.imaging.field import GRID_MM

SEED = 0.2  # pixels that reach this probability make a candidate
LEAST_MM = 2.5  # equivalent diameter; less is no nodule of 3 mm
BEST = max(1, round(np.pi * (3.0 / 2 / GRID_MM) ** 2))  # pixels of a nodule of 3 mm
LINK_MM = 5.0  # in neighbouring slices, centres no farther apart belong to one nodule
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


def blobs_in(probability, grid, index, z_mm=0.0):
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


def best_mean(probability):
    """Mean over the best pixels of a map, as many as a nodule of 3 mm has."""
    return float(np.sort(probability, axis=None)[-BEST:].mean())


def link(blobs):
    """Blobs of neighbouring slices to chains: one chain a nodule.

    Parameters
    ----------
    blobs : list of list of Blob
        Of each slice that was looked at, in order.

    Returns
    -------
    list of list of Blob
        Each chain in the order of its slices.
    """
    chains, open_chains = [], []
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


def _apart(a, b):
    return float(np.hypot(a.at_mm[0] - b.at_mm[0], a.at_mm[1] - b.at_mm[1]))


def best_of(chain):
    """The blob that stands for a chain: the largest of those that score at least nine tenths of the best."""
    best = max(blob.score for blob in chain)
    return max((blob for blob in chain if blob.score >= 0.9 * best), key=lambda blob: blob.diameter_mm)


def plausibility(chain, step_mm=None):
    """How well the extent of a chain across the slices fits a nodule: a factor on its score, 0 to 1.

    Parameters
    ----------
    chain : list of Blob
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
