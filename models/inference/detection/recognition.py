"""Whether there is a nodule at a location at all, as a network of its own sees it."""

from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from models.imaging.scan import Roi, Scan
from models.imaging.two_fields import SHAPE, fields_at
from models.inference.runtime.folded_graph import FoldedGraph, compiled
from models.inference.runtime.weights import fill
from models.inference.views import eight_views
from models.networks.recognition import build_recognition

KEY = "recognition"
OUTPUT = "nodule"  # layer


@dataclass(frozen=True)
class Recognition:
    """What the recognition network says of one location.

    Attributes
    ----------
    probability : float
        That there is a nodule, in [0, 1].
    threshold : float
        Below it there is none.
    """

    probability: float
    threshold: float

    @property
    def is_nodule(self) -> bool:
        """Whether a nodule is recognised."""
        return self.probability >= self.threshold


class Recogniser:
    """The network of ``weights/recognition.weights.h5``.

    Parameters
    ----------
    folder : str or Path
        Of the weights.
    report : dict
        What ``recognition.json`` says.

    Raises
    ------
    WeightsError
        Why the weights cannot be used.
    """

    def __init__(self, folder: str | Path, report: dict):
        self.report = report
        model = build_recognition(SHAPE)
        fill(model, folder, KEY, report)
        self._answer = compiled(FoldedGraph(model), [OUTPUT])
        self._answer(tf.zeros((8, *SHAPE)))

    def __call__(self, scan: Scan, roi: Roi, shown: tuple[int, int] | None) -> Recognition:
        """What the network says of a location, averaged over the eight mirrored and turned views.

        `shown` are the first and the last slice that show an outlined nodule. Where the localiser outlines
        nothing (None), more is asked for: the two networks err independently.
        """
        views = eight_views(fields_at(scan, roi.row, roi.col, roi.slice, shown)[None])
        probability = self._answer(tf.constant(views))[OUTPUT].numpy().mean()
        kind = "outlined" if shown else "not_outlined"
        return Recognition(float(probability), self.report["thresholds"][kind])
