"""The slices of nodules.npz, and what each reader outlined in them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.imaging.field import adjacent_slices
from models.imaging.scan import Scan
from training.data.dataset import label_of

READERS = 4  # of a nodule, whose outlines count: LIDC-IDRI-slices has no more, eight nodules had up to seven


@dataclass(frozen=True)
class Outlines:
    """All slices of all n nodules; a nodule's lie side by side, in anatomical order."""

    patient: np.ndarray  # str, (n,)
    nodule: np.ndarray  # str, (n,)
    spacing_mm: np.ndarray  # (n,)
    slice_thickness_mm: np.ndarray  # (n,)
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

    @property
    def n_outlines(self) -> np.ndarray:
        """Of how many of a nodule's readers there are outlines, (n,)."""
        return np.clip(self.n_readers, 1, READERS)

    def slice_hu(self, number: int) -> np.ndarray:
        """A slice in estimated HU, float32."""
        slope, intercept = self.hu[number]
        return self.grey[number] * np.float32(slope) + np.float32(intercept)

    def slices_hu(self, nodule: int, index: int) -> list[np.ndarray]:
        """Of a nodule's slices the one of an index between its neighbours, in estimated HU."""
        order = adjacent_slices(int(self.n_slices[nodule]), index)
        return [self.slice_hu(self.first[nodule] + i) for i in order]

    def stack_hu(self, nodule: int) -> np.ndarray:
        """All slices of a nodule in estimated HU, (slices, rows, cols)."""
        first = self.first[nodule]
        return np.stack([self.slice_hu(first + i) for i in range(self.n_slices[nodule])])

    def areas(self, nodule: int) -> np.ndarray:
        """How many pixels any reader counts to a nodule, in each of its slices."""
        first = self.first[nodule]
        return np.count_nonzero(self.readers[first : first + self.n_slices[nodule]], axis=(1, 2))

    def largest_slice(self, nodule: int) -> int:
        """Index of the slice of a nodule in which most is outlined."""
        return int(self.areas(nodule).argmax())

    def masks(self, number: int) -> np.ndarray:
        """The outlines of the readers who marked anything on a slice, shape (readers, rows, cols), bool."""
        bits = self.readers[number][None] >> np.arange(READERS, dtype=np.uint8)[:, None, None] & 1
        return bits[bits.any(axis=(1, 2))].astype(bool)

    def outlined(self, nodule: int) -> np.ndarray:
        """Where any reader outlined any slice of a nodule, shape (rows, cols), bool."""
        first, n = self.first[nodule], self.n_slices[nodule]
        return np.any(self.readers[first : first + n], axis=0)

    def share(self, number: int) -> np.ndarray:
        """Share of the nodule's readers (the first `READERS`) who count each pixel to it, float32."""
        nodule = np.searchsorted(self.first, number, side="right") - 1
        count = np.bitwise_count(self.readers[number] & np.uint8((1 << READERS) - 1))
        return count / np.float32(self.n_outlines[nodule])


def load(path: str | Path) -> Outlines:
    """Read the file that `training.data.prepare` wrote."""
    with np.load(path) as file:
        return Outlines(
            file["patient"],
            file["nodule"],
            file["spacing_mm"],
            file["slice_thickness_mm"],
            file["malignancy"],
            np.nanmean(file["diameter_mm"], axis=1),
            np.nanmean(file["texture"], axis=1),
            np.isfinite(file["malignancy"]).sum(axis=1),
            file["first"],
            file["n_slices"],
            file["grey"],
            file["hu"],
            file["readers"],
        )


def scan_of(outlines: Outlines, nodule: int) -> Scan:
    """A nodule's crops as a scan in estimated HU."""
    slices = outlines.stack_hu(nodule)
    spacing, step_mm = float(outlines.spacing_mm[nodule]), float(outlines.slice_thickness_mm[nodule])
    positions = tuple(step_mm * i for i in range(len(slices)))
    return Scan(slices, (spacing, spacing), False, True, (), positions_mm=positions, thickness_mm=step_mm)


def largest_section(outlines: Outlines, nodule: int) -> tuple[int, float, float]:
    """The slice in which the readers' outlines are largest, and their middle (row, col)."""
    index = int(outlines.first[nodule]) + outlines.largest_slice(nodule)
    row, col = np.argwhere(outlines.readers[index]).mean(axis=0)
    return index, float(row), float(col)
