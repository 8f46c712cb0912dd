"""LIDC-IDRI-slices -> all crops with every reader's outline, in one file.

    python -m training.data.outlines --slices DIR_OR_TAR --labels nodules.csv --out outlines.npz

For each slice of each usable nodule: the crop as it is (8 bit), the map from its grey values to HU
(`models.imaging.grey.estimate_hu`), and a byte a pixel whose bit r says that reader r counts it to the
nodule. 693 patients take 380 MB.
"""

import argparse
import sys
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from models.imaging.grey import estimate_hu
from models.imaging.patch import adjacent_slices
from training.data.dataset import label_of
from training.data.errors import PrepareError
from training.data.pictures import Slices
from training.data.prepare import read_labels

READERS = 4  # outlines a nodule in LIDC-IDRI-slices


@dataclass(frozen=True)
class Outlines:
    """All slices of all nodules; a nodule's are neighbours, in anatomical order.

    Attributes
    ----------
    patient, nodule : ndarray of str, shape (n,)
    spacing_mm : ndarray of shape (n,)
    malignancy : ndarray of shape (n, readers)
    diameter_mm, texture : ndarray of shape (n,)
        Mean of the readers.
    n_readers : ndarray of int, shape (n,)
        How many radiologists outlined the nodule.
    first, n_slices : ndarray of int, shape (n,)
        Which of all slices are the nodule's.
    grey : ndarray of shape (slices, rows, cols), uint8
    hu : ndarray of shape (slices, 2)
        Slope and intercept of each slice.
    readers : ndarray of shape (slices, rows, cols), uint8
        Bit r: reader r.
    """

    patient: np.ndarray
    nodule: np.ndarray
    spacing_mm: np.ndarray
    malignancy: np.ndarray
    diameter_mm: np.ndarray
    texture: np.ndarray
    n_readers: np.ndarray
    first: np.ndarray
    n_slices: np.ndarray
    grey: np.ndarray
    hu: np.ndarray
    readers: np.ndarray

    def __len__(self):
        return len(self.patient)

    @property
    def label(self):
        """1 malignant, 0 benign, -1 indeterminate, by the readers' mean rating."""
        return label_of(np.nanmean(self.malignancy, axis=1))

    def slice_hu(self, number):
        """A slice in estimated HU, float32."""
        slope, intercept = self.hu[number]
        return self.grey[number] * np.float32(slope) + np.float32(intercept)

    def slices_hu(self, nodule, index):
        """Of a nodule's slices the one of an index between its neighbours, in estimated HU."""
        order = adjacent_slices(int(self.n_slices[nodule]), index)
        return [self.slice_hu(self.first[nodule] + i) for i in order]

    def masks(self, number):
        """The outlines of the readers who marked anything on a slice, shape (readers, rows, cols), bool."""
        bits = self.readers[number][None] >> np.arange(READERS, dtype=np.uint8)[:, None, None] & 1
        return bits[bits.any(axis=(1, 2))].astype(bool)

    def share(self, number):
        """Share of the nodule's readers who count each pixel to it, float32."""
        nodule = np.searchsorted(self.first, number, side="right") - 1
        return np.bitwise_count(self.readers[number]) / np.float32(max(1, self.n_readers[nodule]))


def load(path):
    """Read the file that this module wrote."""
    with np.load(path) as file:
        return Outlines(**file)


def build(slices, rows, progress=True):
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


def _numbers(row, name):
    """One value a reader."""
    return np.array(row[name].split("|"), np.float32)


def _ragged(rows):
    table = np.full((len(rows), max(map(len, rows))), np.nan, np.float32)
    for line, values in zip(table, rows, strict=True):
        line[: len(values)] = values
    return table


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--slices", required=True, help="folder or tar file of LIDC-IDRI-slices")
    parser.add_argument("--labels", required=True, help="nodules.csv")
    parser.add_argument("--out", required=True, help="file to write, e.g. outlines.npz")
    args = parser.parse_args(argv)
    try:
        arrays = build(Slices(args.slices), read_labels(args.labels))
    except PrepareError as error:
        sys.exit(f"error: {error}")
    with open(args.out, "wb") as file:
        np.savez(file, **arrays)
    print(f"{args.out}: {len(arrays['patient'])} nodules, {len(arrays['grey'])} slices")


if __name__ == "__main__":
    main()
