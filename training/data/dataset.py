"""The readers' ratings of nodules.npz, and what the networks are to learn from them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.networks.scales import DESCRIPTOR_SCALES, RATINGS, scale_descriptors

BENIGN_AT_MOST, MALIGNANT_AT_LEAST = 2.5, 3.5  # mean rating; between them a nodule is indeterminate


@dataclass(frozen=True)
class Nodules:
    """All n nodules of a file; their slices are `training.data.outlines.Outlines`."""

    patient: np.ndarray  # str, (n,)
    nodule: np.ndarray  # str, (n,)
    spacing_mm: np.ndarray  # (n,)
    malignancy: np.ndarray  # ratings 1 to 5, (n, readers); NaN where there is no such reader
    diameter_mm: np.ndarray  # mean of the readers, (n,)
    descriptors: np.ndarray  # their mean, scaled to [0, 1], in the order of `DESCRIPTOR_SCALES`, (n, 7)
    slice_thickness_mm: np.ndarray  # (n,)
    contrast: np.ndarray  # whether contrast agent was given, (n,)

    def __len__(self) -> int:
        return len(self.patient)

    def name(self, i: int) -> str:
        """Patient and nodule in one, as messages and kept files name it."""
        return f"{self.patient[i]}/{self.nodule[i]}"

    @property
    def n_readers(self) -> np.ndarray:
        """Number of readers of each nodule."""
        return np.isfinite(self.malignancy).sum(axis=1)

    @property
    def label(self) -> np.ndarray:
        """1 malignant, 0 benign, -1 indeterminate, by the readers' mean rating."""
        return label_of(np.nanmean(self.malignancy, axis=1))

    @property
    def rating_distribution(self) -> np.ndarray:
        """Share of the readers who gave each rating, shape (n, 5)."""
        votes = self.malignancy[:, :, None] == np.array(RATINGS)
        return (votes.sum(axis=1) / self.n_readers[:, None]).astype(np.float32)


def label_of(mean_rating: float | np.ndarray) -> np.ndarray:
    """1 malignant, 0 benign, -1 indeterminate; arrays are welcome."""
    return np.select([mean_rating <= BENIGN_AT_MOST, mean_rating >= MALIGNANT_AT_LEAST], [0, 1], -1)


def load(path: str | Path) -> Nodules:
    """Read the file that `training.data.prepare` wrote, but for the slices."""
    with np.load(path) as file:
        descriptors = np.stack([np.nanmean(file[name], axis=1) for name in DESCRIPTOR_SCALES], axis=1)
        return Nodules(
            file["patient"],
            file["nodule"],
            file["spacing_mm"],
            file["malignancy"],
            np.nanmean(file["diameter_mm"], axis=1),
            scale_descriptors(descriptors),
            file["slice_thickness_mm"],
            file["contrast"],
        )


def find(nodules: Nodules, rows: list[dict[str, str]]) -> np.ndarray:
    """Indices of the nodules that rows (``patient``, ``nodule``) name; KeyError for an unknown one."""
    index = {
        key: i for i, key in enumerate(zip(nodules.patient.tolist(), nodules.nodule.tolist(), strict=True))
    }
    return np.array([index[row["patient"], row["nodule"]] for row in rows])
