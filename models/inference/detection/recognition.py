"""Whether there is a nodule at a location at all, as a network of its own sees it."""

from functools import partial
from pathlib import Path

import numpy as np

from models.imaging.scan import Roi, Scan
from models.imaging.two_fields import SHAPE, fields_at
from models.inference.detection.finder import kind_of
from models.inference.reading import Recognition
from models.inference.runtime.weights import load_answering
from models.inference.views import VIEWS, eight_views

KEY = "recognition"
OUTPUT = "nodule"  # layer


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
        from models.networks.recognition import build_recognition  # imports Keras

        self.report = report
        self._answer = load_answering(partial(build_recognition, SHAPE), folder, KEY, report, OUTPUT)
        self._answer(np.zeros((VIEWS, *SHAPE), np.float32))

    def __call__(self, scan: Scan, roi: Roi, slices: tuple[int, int] | None) -> Recognition:
        """What the network says of a location, averaged over the eight mirrored and turned views.

        `slices` are the first and the last that show an outlined nodule. Where the localiser outlines
        nothing (None), more is asked for: the two networks err independently. A slice that stands alone says
        less than a stack, and has thresholds of its own.
        """
        views = eight_views(fields_at(scan, roi.row, roi.col, roi.slice, slices)[None])
        probability = self._answer(views).mean()
        thresholds = self.report["thresholds"][kind_of(scan)]
        return Recognition(float(probability), thresholds["outlined" if slices else "not_outlined"])
