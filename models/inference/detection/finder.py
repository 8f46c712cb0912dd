"""The two networks that look for nodules: one proposes, the other judges each proposal."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from models.imaging.candidate_fields import SHAPE, candidate_fields
from models.imaging.field import FINDER_STRIDE
from models.imaging.scan import Scan
from models.inference.detection.candidates import Blob, best_of
from models.inference.runtime.parallel import shares, side_by_side
from models.inference.runtime.weights import load_answering

KEY, JUDGE = "finder", "finder-judge"
OUTPUT = "nodule"  # layer of both
Kind = Literal["series", "picture"]
USUAL_ENDS = 0.7
VIEWS = 4  # mirrored ones of each proposal
FEATURES = ("finder", "judge", "log_diameter", "long", "ends")


class Finder:
    """The networks of ``weights/finder.weights.h5`` and ``weights/finder-judge.weights.h5``.

    Parameters
    ----------
    folder : str or Path
        Of the weights.
    report : dict
        What ``finder.json`` says.

    Attributes
    ----------
    report : dict
    thresholds : dict of str to float
        Least probability of a candidate: ``series``, and ``picture`` where a slice stands alone.

    Raises
    ------
    WeightsError
        Why the weights cannot be used.
    """

    def __init__(self, folder: str | Path, report: dict[str, Any]):
        from models.networks.finder import build_finder  # imports Keras
        from models.networks.recognition import build_recognition

        self.report, self.thresholds = report, report["thresholds"]
        self._map = load_answering(build_finder, folder, KEY, report, OUTPUT)
        judge_report = {"sha256": report["judge_sha256"]}
        build = partial(build_recognition, SHAPE)
        self._judge = load_answering(build, folder, JUDGE, judge_report, OUTPUT)
        self._map(np.zeros((1, FINDER_STRIDE, FINDER_STRIDE, 3), np.float32))
        self._judge(np.zeros((VIEWS, *SHAPE), np.float32))

    def map_of(self, field: np.ndarray) -> np.ndarray:
        """Probability of each pixel of a field, at half its size; edges in steps of `FINDER_STRIDE`."""
        return self._map(field[None])[0, ..., 0]

    def features(
        self, scan: Scan, chains: Sequence[Sequence[Blob]], scale: float = 1.0
    ) -> dict[str, np.ndarray]:
        """What the probability of each chain of blobs follows from: `FEATURES`, each of shape (n,).

        ``finder`` and ``judge`` are log odds of the two networks, ``long`` is the extent across the slices in
        diameters, above one: vessels are long. ``ends`` is the diameter at the larger end, as a share of the
        largest: the dome of the diaphragm ends where it is widest, a nodule does not.
        """
        spacing = scan.slice_spacing_mm or 0.0
        diameter = np.array([best_of(chain).diameter_mm for chain in chains])
        length = np.array([(chain[-1].slice - chain[0].slice) * spacing for chain in chains])
        return {
            "finder": log_odds(np.array([max(blob.score for blob in chain) for chain in chains])),
            "judge": self._judgements(scan, chains, scale),
            "log_diameter": np.log(np.clip(diameter, 3, 30) / 8),
            "long": np.log(np.maximum(1, length / diameter)),
            "ends": np.array([_ends(chain) for chain in chains]),
        }

    def judged(self, scan: Scan, chains: Sequence[Sequence[Blob]], scale: float = 1.0) -> np.ndarray:
        """The probability of each chain of blobs that a reader would mark it as a nodule, shape (n,)."""
        if not chains:
            return np.zeros(0)
        return probability(self.features(scan, chains, scale), self.report["calibration"][kind_of(scan)])

    def _judgements(self, scan: Scan, chains: Sequence[Sequence[Blob]], scale: float) -> np.ndarray:
        fields = (fields_of(scan, chain, scale) for chain in chains)
        views = np.concatenate([mirrored(field) for field in fields])
        answers = np.concatenate(side_by_side(self._judge, shares(views)))[:, 0]
        return log_odds(answers).reshape(len(chains), -1).mean(axis=1)


def kind_of(scan: Scan) -> Kind:
    """What calibration and threshold are for."""
    return "series" if len(scan.slices) > 1 else "picture"


def fields_of(scan: Scan, chain: Sequence[Blob], scale: float) -> np.ndarray:
    """What the second network sees of a chain."""
    best, extent = best_of(chain), (chain[0].slice, chain[-1].slice)
    return candidate_fields(scan, best.row, best.col, best.slice, extent, scale)


def mirrored(field: np.ndarray) -> np.ndarray:
    """Four views of a field (rows, cols, channels)."""
    return np.stack([field, field[::-1], field[:, ::-1], field[::-1, ::-1]])


def _ends(chain: Sequence[Blob]) -> float:
    """See `Finder.features`; in a slice or two there are no ends to speak of."""
    if len(chain) < 3:
        return USUAL_ENDS
    return max(chain[0].diameter_mm, chain[-1].diameter_mm) / max(blob.diameter_mm for blob in chain)


def probability(features: Mapping[str, np.ndarray], calibration: Mapping[str, float]) -> np.ndarray:
    """Logistic regression on features (Platt scaling of the two networks' answers)."""
    z = calibration["intercept"] + sum(calibration[name] * features[name] for name in FEATURES)
    return 1 / (1 + np.exp(-z))


def log_odds(p: np.ndarray) -> np.ndarray:
    """Of probabilities, which are kept away from 0 and 1."""
    p = np.clip(p, 1e-4, 1 - 1e-4)
    return np.log(p / (1 - p))
