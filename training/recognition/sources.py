"""What the recognition network learns from, and who trains and who reports: three folds by patient.

Sources are crops of nodules (`training.data.outlines`), whole series, and single pictures of people
without a nodule. ``PATH@FOLD`` names a series and the fold in which its patient is held out; a series of an
LIDC-IDRI patient is in the fold of its patient. ``nodules.csv`` beside a series says where not to look.
"""

import csv
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.errors import UserError
from models.imaging.field import adjacent_slices, slice_in_hu
from models.imaging.scan import Scan
from models.ingest.read import read_scan
from training.data.outlines import Outlines
from training.data.splits import FOLDS
from training.recognition.locations import EACH, KINDS, OUTSIDE_LUNG, Location, beside_nodules, in_slice

NEAR_MM = 15.0  # around a marked nodule, and so many slices in mm, nothing counts as free of nodules
STEP_MM = 4.0  # between the slices of a series whose locations are listed


class Marked(NamedTuple):
    """A nodule that any reader marked in a series: its slices, middle and radius."""

    first: int
    last: int
    row: float
    col: float
    reach_mm: float


@dataclass(frozen=True)
class Source:
    """A series or picture without nodules, or with a list of them."""

    name: str
    fold: int  # in which it is held out
    hu: np.ndarray  # estimated where it is a picture; int16, (slices, rows, cols)
    spacing_mm: tuple[float, float]
    step_mm: float | None  # between slices; None for a picture
    nodules: list[Marked] = field(default_factory=list)
    lungs: bool = True  # whether they are free of other nodules; else only what lies outside them is used

    def slices(self, index: int) -> list[np.ndarray]:
        """A slice between its neighbours, in HU."""
        return [self.hu[i] for i in adjacent_slices(len(self.hu), index)]

    def forbidden(self, index: int) -> np.ndarray:
        """Where a nodule is, or is near, in a slice: (rows, cols) bool."""
        rows, cols = np.indices(self.hu.shape[1:])
        near = np.zeros(rows.shape, bool)
        margin = NEAR_MM / (self.step_mm or NEAR_MM)
        for first, last, row, col, reach_mm in self.nodules:
            if first - margin <= index <= last + margin:
                away = np.hypot((rows - row) * self.spacing_mm[0], (cols - col) * self.spacing_mm[1])
                near |= away <= reach_mm + NEAR_MM
        return near


def read_sources(series: list[str], pictures: str | None, patients: dict[str, int]) -> list[Source]:
    """Series and pictures; see the module.

    Parameters
    ----------
    series : list of str
        ``PATH@FOLD``, ``PATH@FOLD:FIRST-LAST`` for some slices of it, or ``PATH`` of an LIDC-IDRI patient.
    pictures : str, optional
        Folder of JPEG files ``normal-NNN.jpg`` and ``malignant-NNN.jpg``: neighbours are one patient's.
    patients : dict of str to int
        As `training.data.splits.fold_of_patients` gives it.
    """
    sources = [_series(entry, patients) for entry in series]
    return sources + (_pictures(Path(pictures)) if pictures else [])


def _series(entry: str, patients: dict[str, int]) -> Source:
    file, _, rest = entry.partition("@")
    path, (fold, _, part) = Path(file), rest.partition(":")
    scan = read_scan([(path.name, path.read_bytes())])
    first, last = map(int, part.split("-")) if part else (0, len(scan.slices) - 1)
    name = path.stem
    patient = "LIDC-IDRI-" + name.split("-")[1] if name.startswith("lidc") else name
    marked = path.parent / "nodules.csv"
    nodules = _nodules(marked, name) if marked.exists() else []
    hu = _in_hu(scan, range(first, last + 1))
    return Source(
        name, int(fold) if fold else patients[patient], hu, scan.spacing_mm, scan.slice_spacing_mm, nodules
    )


def _in_hu(scan: Scan, indices: Iterable[int]) -> np.ndarray:
    return np.stack([np.clip(slice_in_hu(scan, i), -1024, 3071).astype(np.int16) for i in indices])


def _nodules(path: Path, name: str) -> list[Marked]:
    with open(path, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["series"] == name]
    return [
        Marked(
            int(row["first_slice"]),
            int(row["last_slice"]),
            float(row["row"]),
            float(row["col"]),
            max(map(float, row["extent_mm"].split("|"))) / 2,
        )
        for row in rows
    ]


def _pictures(folder: Path) -> list[Source]:
    """Three folds of neighbouring numbers, each kind for itself."""
    sources = []
    for kind in ("normal", "malignant"):
        paths = sorted(folder.glob(f"{kind}-*.jpg"))
        for number, path in enumerate(paths):
            try:
                scan = read_scan([(path.name, path.read_bytes())])
            except UserError as error:
                print(f"{path.name} is left out: {error.message}", file=sys.stderr)
                continue
            fold = number * FOLDS // len(paths)
            sources.append(
                Source(path.stem, fold, _in_hu(scan, [0]), scan.spacing_mm, None, lungs=kind == "normal")
            )
    return sources


def locations_in_sources(sources: list[Source], seed: int = 0) -> np.ndarray:
    """Locations without a nodule of all sources: an array of `Location`."""
    found = []
    for number, source in enumerate(sources):
        step = max(1, round(STEP_MM / source.step_mm)) if source.step_mm else 1
        each = EACH if len(source.hu) > 1 else 2 * EACH
        for index in range(0, len(source.hu), step):
            rng = np.random.default_rng((seed, number, index))
            locations = in_slice(source.hu[index], source.spacing_mm, source.forbidden(index), rng, each)
            for kind, row, col in locations:
                if source.lungs or kind in OUTSIDE_LUNG:
                    found.append((number, index, row, col, KINDS.index(kind)))
    return np.array(found, Location)


def locations_in_crops(outlines: Outlines, seed: int = 0, each: int = EACH) -> np.ndarray:
    """Locations beside the nodules of all crops, an array of `Location`; the source is the nodule."""
    found = []
    for nodule in range(len(outlines)):
        first, n = outlines.first[nodule], outlines.n_slices[nodule]
        rng = np.random.default_rng((seed, nodule))
        index = int(rng.integers(n))
        outlined = outlines.outlined(nodule)
        spacing = (float(outlines.spacing_mm[nodule]),) * 2
        for kind, row, col in beside_nodules(outlines.slice_hu(first + index), spacing, outlined, rng, each):
            found.append((nodule, index, row, col, KINDS.index(kind)))
    return np.array(found, Location)
