"""patches.npz in memory: stacks of slices, readers' ratings, and what the networks are to learn from them."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from models.networks.scales import DESCRIPTOR_SCALES, RATINGS, scale_descriptors

BENIGN_AT_MOST, MALIGNANT_AT_LEAST = 2.5, 3.5  # mean rating; between them a nodule is indeterminate


@dataclass(frozen=True)
class Nodules:
    """All nodules of a patches file.

    Attributes
    ----------
    patient, nodule : ndarray of str, shape (n,)
    spacing_mm : ndarray of shape (n,)
    stacks : list of n uint8 ndarrays, each of shape (slices, rows, cols)
    malignancy : ndarray of shape (n, readers)
        Ratings 1 to 5; NaN where there is no such reader.
    diameter_mm : ndarray of shape (n,)
        Mean of the readers.
    descriptors : ndarray of shape (n, 7)
        Mean of the readers, scaled to [0, 1], in the order of `DESCRIPTOR_SCALES`.
    slice_thickness_mm : ndarray of shape (n,)
    contrast : ndarray of bool, shape (n,)
        Whether contrast agent was given.
    """

    patient: np.ndarray
    nodule: np.ndarray
    spacing_mm: np.ndarray
    stacks: list
    malignancy: np.ndarray
    diameter_mm: np.ndarray
    descriptors: np.ndarray
    slice_thickness_mm: np.ndarray
    contrast: np.ndarray

    def __len__(self):
        return len(self.patient)

    def name(self, i):
        """Patient and nodule in one, as messages and kept files name it."""
        return f"{self.patient[i]}/{self.nodule[i]}"

    @property
    def n_readers(self):
        """Number of readers of each nodule."""
        return np.isfinite(self.malignancy).sum(axis=1)

    @property
    def label(self):
        """1 malignant, 0 benign, -1 indeterminate, by the readers' mean rating."""
        return label_of(np.nanmean(self.malignancy, axis=1))

    @property
    def rating_distribution(self):
        """Share of the readers who gave each rating, shape (n, 5)."""
        votes = self.malignancy[:, :, None] == np.array(RATINGS)
        return (votes.sum(axis=1) / self.n_readers[:, None]).astype(np.float32)


def label_of(mean_rating):
    """1 malignant, 0 benign, -1 indeterminate; arrays are welcome."""
    return np.select([mean_rating <= BENIGN_AT_MOST, mean_rating >= MALIGNANT_AT_LEAST], [0, 1], -1)


def load(path):
    """Read the file that `training.data.prepare` wrote."""
    with np.load(path) as file:
        arrays = dict(file)
    ends = np.cumsum(arrays["blob_bytes"])
    stacks = [
        _decode(arrays["blobs"][end - size : end], n_slices)
        for end, size, n_slices in zip(ends, arrays["blob_bytes"], arrays["n_slices"], strict=True)
    ]
    descriptors = np.stack([np.nanmean(arrays[name], axis=1) for name in DESCRIPTOR_SCALES], axis=1)
    return Nodules(
        arrays["patient"],
        arrays["nodule"],
        arrays["spacing_mm"],
        stacks,
        arrays["malignancy"],
        np.nanmean(arrays["diameter_mm"], axis=1),
        scale_descriptors(descriptors),
        arrays["slice_thickness_mm"],
        arrays["contrast"],
    )


def _decode(blob, n_slices):
    with Image.open(io.BytesIO(blob.tobytes())) as image:
        pixels = np.asarray(image.convert("L"))
    return pixels.reshape(n_slices, -1, pixels.shape[1])


def find(nodules, rows):
    """Indices of the nodules that rows (``patient``, ``nodule``) name; KeyError for an unknown one."""
    index = {
        key: i for i, key in enumerate(zip(nodules.patient.tolist(), nodules.nodule.tolist(), strict=True))
    }
    return np.array([index[row["patient"], row["nodule"]] for row in rows])


def centre(stack):
    """(row, col) of the middle of the slices of a stack, where a crop has its nodule."""
    return (stack.shape[1] - 1) / 2, (stack.shape[2] - 1) / 2
