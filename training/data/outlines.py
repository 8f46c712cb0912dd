"""LIDC-IDRI-slices -> all crops with every reader's outline, in one file.

    python -m training.data.outlines --slices DIR_OR_TAR --labels nodules.csv --out outlines.npz

For each slice of each usable nodule: the crop as it is (8 bit), the map from its grey values to HU
(`models.imaging.grey.estimate_hu`), and a byte a pixel whose bit r says that reader r counts it to the
nodule. 693 patients take 380 MB.
"""

import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from models.imaging.grey import estimate_hu
from models.imaging.patch import adjacent_slices
from models.imaging.scan import Scan
from training.arguments import parser_of
from training.data import PrepareError, save_arrays
from training.data.dataset import label_of
from training.data.pictures import Slices
from training.data.prepare import read_labels

READERS = 4  # outlines a nodule in LIDC-IDRI-slices


@dataclass(frozen=True)
class Outlines:
    """All slices of all n nodules; a nodule's lie side by side, in anatomical order."""

    patient: np.ndarray  # str, (n,)
    nodule: np.ndarray  # str, (n,)
    spacing_mm: np.ndarray  # (n,)
    malignancy: np.ndarray  # (n, readers)
    diameter_mm: np.ndarray  # mean of the readers, (n,)
    texture: np.ndarray  # mean of the readers, (n,)
    n_readers: np.ndarray  # how many radiologists outlined the nodule, (n,)
    first: np.ndarray  # number of the nodule's first slice among all slices, (n,)
    n_slices: np.ndarray  # (n,)
    grey: np.ndarray  # uint8, (slices, rows, cols)
    hu: np.ndarray  # slope and intercept of each slice, (slices, 2)
    readers: np.ndarray  # bit r: reader r; uint8, (slices, rows, cols)

    def __len__(self) -> int:
        return len(self.patient)

    @property
    def label(self) -> np.ndarray:
        """1 malignant, 0 benign, -1 indeterminate, by the readers' mean rating."""
        return label_of(np.nanmean(self.malignancy, axis=1))

    def slice_hu(self, number: int) -> np.ndarray:
        """A slice in estimated HU, float32."""
        slope, intercept = self.hu[number]
        return self.grey[number] * np.float32(slope) + np.float32(intercept)

    def slices_hu(self, nodule: int, index: int) -> list[np.ndarray]:
        """Of a nodule's slices the one of an index between its neighbours, in estimated HU."""
        order = adjacent_slices(int(self.n_slices[nodule]), index)
        return [self.slice_hu(self.first[nodule] + i) for i in order]

    def masks(self, number: int) -> np.ndarray:
        """The outlines of the readers who marked anything on a slice, shape (readers, rows, cols), bool."""
        bits = self.readers[number][None] >> np.arange(READERS, dtype=np.uint8)[:, None, None] & 1
        return bits[bits.any(axis=(1, 2))].astype(bool)

    def outlined(self, nodule: int) -> np.ndarray:
        """Where any reader outlined any slice of a nodule, shape (rows, cols), bool."""
        first, n = self.first[nodule], self.n_slices[nodule]
        return np.any(self.readers[first : first + n], axis=0)

    def share(self, number: int) -> np.ndarray:
        """Share of the nodule's readers who count each pixel to it, float32."""
        nodule = np.searchsorted(self.first, number, side="right") - 1
        return np.bitwise_count(self.readers[number]) / np.float32(max(1, self.n_readers[nodule]))


def load(path: str | Path) -> Outlines:
    """Read the file that this module wrote."""
    with np.load(path) as file:
        return Outlines(**file)


def thicknesses_of(labels: str | Path) -> dict[tuple[str, str], float]:
    """Slice thickness (mm) by patient and nodule, of ``nodules.csv``."""
    with open(labels, newline="") as file:
        return {
            (row["patient_id"], row["nodule"]): float(row["slice_thickness_mm"])
            for row in csv.DictReader(file)
        }


def scan_of(outlines: Outlines, nodule: int, step_mm: float) -> Scan:
    """A nodule's crops as a scan in estimated HU."""
    first, n = outlines.first[nodule], outlines.n_slices[nodule]
    slices = np.stack([outlines.slice_hu(first + i) for i in range(n)])
    spacing = float(outlines.spacing_mm[nodule])
    positions = tuple(step_mm * i for i in range(n))
    return Scan(slices, (spacing, spacing), False, True, (), positions_mm=positions, thickness_mm=step_mm)


def build(slices: Slices, rows: list[dict[str, str]], progress: bool = True) -> dict[str, np.ndarray]:
    """The arrays of `Outlines` for the usable rows of nodules.csv; PrepareError where a file is missing."""
    usable = [row for row in rows if row["masks_match"] == "1"]
    stacks, marks = [], []
    for row in tqdm(usable, desc="nodules", disable=not progress, file=sys.stderr):
        key = (row["patient_id"], row["nodule"])
        stacks.append(slices.read(key))
        marks.append(slices.read_outlines(key))
    grey = np.concatenate(stacks)
    lengths = np.array([len(stack) for stack in stacks])
    return {
        "patient": np.array([row["patient_id"] for row in usable]),
        "nodule": np.array([row["nodule"] for row in usable]),
        "spacing_mm": np.array([float(row["pixel_spacing_mm"]) for row in usable]),
        "malignancy": _ragged([_numbers(row, "malignancy") for row in usable]),
        "diameter_mm": np.array([_numbers(row, "diameter_mm").mean() for row in usable]),
        "texture": np.array([_numbers(row, "texture").mean() for row in usable]),
        "n_readers": np.array([len(_numbers(row, "malignancy")) for row in usable]),
        "first": np.concatenate([[0], lengths.cumsum()[:-1]]),
        "n_slices": lengths,
        "grey": grey,
        "hu": np.array([estimate_hu(pixels) for pixels in grey], np.float32),
        "readers": np.concatenate(marks),
    }


def _numbers(row: dict[str, str], name: str) -> np.ndarray:
    """One value a reader."""
    return np.array(row[name].split("|"), np.float32)


def _ragged(rows: list[np.ndarray]) -> np.ndarray:
    table = np.full((len(rows), max(map(len, rows))), np.nan, np.float32)
    for line, values in zip(table, rows, strict=True):
        line[: len(values)] = values
    return table


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "lidc-slices")
    parser.add_argument("--out", required=True, help="file to write, e.g. outlines.npz")
    args = parser.parse_args(argv)
    try:
        arrays = build(Slices(args.slices), read_labels(args.labels))
    except PrepareError as error:
        sys.exit(f"error: {error}")
    save_arrays(args.out, arrays)
    print(f"{args.out}: {len(arrays['patient'])} nodules, {len(arrays['grey'])} slices")


if __name__ == "__main__":
    main()
