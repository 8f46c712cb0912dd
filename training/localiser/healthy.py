"""Whole slices without a nodule: what lies at the border of the lungs and must not be taken for one.

Crops around nodules show little of hilum, great vessels and first ribs. A source is a folder, a ZIP or a
file of one CT series; ``PATH:FIRST-LAST`` takes only these slices of it, counted from 0, feet to head.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.random import Generator

from models.imaging.field import FINDER_REDUCTION, Grid, adjacent_slices, cut_field
from models.imaging.lung import lung_mask
from models.imaging.scan import Scan
from models.inference.detection.candidates import Blob
from models.inference.detection.search import search_all
from models.ingest.read import read_scan

MISTAKEN = 0.25  # score from which a location counts as taken for a nodule
NEAR_MM = 15.0  # a field's middle lies no farther from such a location, in rows and in columns


class Untrained:
    """A network in training as what the search asks (`models.inference.detection.search.Networks`)."""

    def __init__(self, model: keras.Model) -> None:
        self.model, self.thresholds = model, {"series": MISTAKEN, "picture": MISTAKEN}

    def map_of(self, field: np.ndarray) -> np.ndarray:
        """The map at half the size of the field; on any backend."""
        answer = self.model.predict(field[None], verbose=0)[0, ..., 0]
        step = field.shape[0] // answer.shape[0]
        return answer[:: FINDER_REDUCTION // step, :: FINDER_REDUCTION // step]

    def judged(self, scan: Scan, chains: Sequence[Sequence[Blob]], scale: float = 1.0) -> np.ndarray:
        """The network's own score of each location."""
        return np.array([max(blob.score for blob in chain) for chain in chains])


class HealthySlices:
    """Slices of one or more series without nodules, and where the lungs are in them.

    Parameters
    ----------
    sources : sequence of str
        ``PATH`` or ``PATH:FIRST-LAST``.
    """

    def __init__(self, sources: Sequence[str]) -> None:
        self.slices: list[tuple[Scan, int, np.ndarray, np.ndarray]] = []  # rows and cols of the lung's pixels
        self.mistaken: list[tuple[int, float, float]] = []  # number in slices, row, col
        for source in sources:
            scan, chosen = _read(source)
            for index in chosen:
                rows, cols = np.nonzero(lung_mask(scan.slices[index].astype(np.float32), scan.spacing_mm))
                if len(rows):
                    self.slices.append((scan, index, rows, cols))

    def mine(self, model: keras.Model) -> None:
        """Remember what a network takes for nodules (hard negatives; Felzenszwalb et al., TPAMI 2010)."""
        network = Untrained(model)
        for number, (scan, index, _, _) in enumerate(self.slices):
            found = search_all(scan, network, [index])
            self.mistaken += [(number, c.row, c.col) for c in found if c.probability >= MISTAKEN]

    def random_field(self, size: int, scale: float, single_slice: float, rng: Generator) -> np.ndarray:
        """A random field of lung in HU, half of the time near a mistaken location: (size, size, 3)."""
        if self.mistaken and rng.random() < 0.5:
            number, row, col = self.mistaken[rng.integers(len(self.mistaken))]
            scan, index, _, _ = self.slices[number]
            row, col = (row, col) + rng.uniform(-NEAR_MM, NEAR_MM, 2) / scan.spacing_mm
        else:
            scan, index, rows, cols = self.slices[rng.integers(len(self.slices))]
            middle = rng.integers(len(rows))
            row, col = rows[middle], cols[middle]
        factor = float(np.exp(rng.uniform(-scale, scale)))
        spacing = factor * scan.spacing_mm[0], factor * scan.spacing_mm[1]
        grid = Grid.around(row, col, size, spacing)
        order = (index,) * 3 if rng.random() < single_slice else adjacent_slices(len(scan.slices), index)
        return np.stack([cut_field(scan.slices[i], grid.box, grid.size) for i in order], axis=-1)


def _read(source: str) -> tuple[Scan, range]:
    part = re.search(r":(\d+)-(\d+)$", str(source))
    path = Path(source[: part.start()] if part else source)
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    scan = read_scan([(file.name, file.read_bytes()) for file in files])
    chosen = range(len(scan.slices))
    return scan, chosen[int(part[1]) : int(part[2]) + 1] if part else chosen
