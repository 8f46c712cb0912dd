"""Similar cases: the training nodules nearest in the networks' feature space, and whether any is near.

The distance to the nearest known cases tells what is unlike them (Sun et al., ICML 2022). Of the training
nodules only readers' ratings, sizes and projected features are kept, in no order and without names;
`training.cases` made the table and measured what the distance is worth.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from models.inference.runtime.weights import read_checked
from models.messages import Message
from models.networks.scales import RATINGS
from models.weights import WeightsError, read_report

KEY = "cases"
REPORT, TABLE = "cases.json", "cases.npz"
SIMILAR = 25  # that are shown
NEAREST = 5  # of these, whose mean distance says how unlike a case is


@dataclass(frozen=True)
class SimilarCases:
    """The training nodules most similar to one case, nearest first.

    Attributes
    ----------
    ratings : tuple of 5 int
        How often their readers gave each malignancy rating, 1 to 5.
    means : tuple of float
        Mean rating of each.
    diameters_mm : tuple of float
    distances : tuple of float
        In units of the usual `distance`: the median that training nodules have from those of other patients.
    distance : float
        Mean over the `NEAREST` nearest.
    farther_than : float
        Share in [0, 1] of the training nodules that are nearer to those of other patients.
    is_out_of_distribution : bool
        Whether it is so far that only 1 % of the nodules of unseen patients are.
    """

    ratings: tuple[int, ...]
    means: tuple[float, ...]
    diameters_mm: tuple[float, ...]
    distances: tuple[float, ...]
    distance: float
    farther_than: float
    is_out_of_distribution: bool


@dataclass(frozen=True)
class Space:
    """One space of all networks' features: each network's are centred and projected, then joined.

    Attributes
    ----------
    means : dict of str to ndarray of shape (channels,)
        By network.
    axes : dict of str to ndarray of shape (channels, components)
    unit : bool
        Whether features are scaled to length 1 first.
    """

    means: dict[str, np.ndarray]
    axes: dict[str, np.ndarray]
    unit: bool = True

    def project(self, features: Mapping[str, Any]) -> np.ndarray:
        """Coordinates (..., all components) of features (..., channels), given by network."""
        parts = [(self._scaled(features[key]) - self.means[key]) @ self.axes[key] for key in self.axes]
        return np.concatenate(parts, axis=-1)

    def _scaled(self, features: Any) -> np.ndarray:
        features = np.asarray(features, np.float32)
        if not self.unit:
            return features
        return features / np.maximum(np.linalg.norm(features, axis=-1, keepdims=True), 1e-9)


class CaseTable:
    """The table of ``cases.npz``: a row a training nodule, in no order.

    Parameters
    ----------
    folder : str or Path
        Of the weights.
    report : dict, optional
        What ``cases.json`` says, where that was read and checked already.

    Attributes
    ----------
    report : dict

    Raises
    ------
    WeightsError
        Why the table cannot be used: missing, damaged, or made for other weights.
    """

    def __init__(self, folder: str | Path, report: dict[str, Any] | None = None):
        self.report = report or read_report(folder, KEY)
        weights = self.report.get("weights")
        if not isinstance(weights, dict) or not weights:
            raise WeightsError(Message("{name} is damaged.", name=REPORT))
        _check_weights(Path(folder), weights)
        arrays = _read(Path(folder) / TABLE, self.report)
        try:
            means, axes = ({key: arrays[f"{part}_{key}"] for key in weights} for part in ("mean", "axes"))
            self._space = Space(means, axes)
            self._coordinates, self._counts = arrays["places"], arrays["ratings"]
            self._diameters, self._usual = arrays["diameter_mm"], arrays["usual"]
            self._threshold = float(self.report["threshold"])
            self.nearest({key: np.zeros(len(mean)) for key, mean in self._space.means.items()})
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise _unfit(TABLE) from error

    def __len__(self) -> int:
        return len(self._coordinates)

    def nearest(self, features: Mapping[str, np.ndarray | None]) -> SimilarCases | None:
        """The `SIMILAR` nearest nodules.

        Parameters
        ----------
        features : mapping of str to (ndarray of shape (channels,) or None)
            Of each network; see `models.inference.reading.Prediction`.

        Returns
        -------
        SimilarCases or None
            None where a network is missing: the space is that of all of them.
        """
        if any(features.get(key) is None for key in self._space.axes):
            return None
        rows, distances = nearest(self._coordinates, self._space.project(features))
        distance, counts = mean_distance(distances), self._counts[rows].astype(int)
        return SimilarCases(
            ratings=tuple(counts.sum(axis=0).tolist()),
            means=tuple((counts @ np.array(RATINGS) / counts.sum(axis=1)).tolist()),
            diameters_mm=tuple(self._diameters[rows].astype(float).tolist()),
            distances=tuple(distances.tolist()),
            distance=distance,
            farther_than=float(np.searchsorted(self._usual, distance) / len(self._usual)),
            is_out_of_distribution=distance > self._threshold,
        )


def nearest(coordinates: np.ndarray, own: np.ndarray, k: int = SIMILAR) -> tuple[np.ndarray, np.ndarray]:
    """Indices and Euclidean distances of the k rows of `coordinates` nearest to `own`, nearest first."""
    distances = np.linalg.norm(coordinates - own, axis=1)
    rows = np.argsort(distances, kind="stable")[:k]
    return rows, distances[rows]


def mean_distance(distances: np.ndarray) -> float:
    """How unlike the most similar cases a case is, by their distances, nearest first."""
    return float(distances[:NEAREST].mean())


def _unfit(name: str) -> WeightsError:
    return WeightsError(Message("{name} does not fit this version.", name=name))


def _check_weights(folder: Path, weights: Mapping[str, str]) -> None:
    for key, checksum in weights.items():
        if read_report(folder, key).get("sha256") != checksum:
            other = f"{key}.json"
            raise WeightsError(
                Message("{name} was made for other weights than those of {other}.", name=REPORT, other=other)
            )


def _read(path: Path, report: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Arrays of a checked file, those of fractions in float32."""
    try:
        with np.load(io.BytesIO(read_checked(path, report)), allow_pickle=False) as file:
            arrays = dict(file)
    except (ValueError, OSError, BadZipFile) as error:
        raise _unfit(path.name) from error
    return {name: a.astype(np.float32) if a.dtype == np.float16 else a for name, a in arrays.items()}
