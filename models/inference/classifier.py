"""The five models: weights checked, loaded to float32, compiled and warmed."""

import hashlib
import logging
import time
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import keras
import numpy as np

from models.errors import UserError
from models.imaging.patch import PATCH
from models.inference import similar_cases
from models.inference.calibration import Abstention, Calibration, consensus_score
from models.inference.detection import localiser, recognition
from models.inference.optional_parts import MAY_BE_ABSENT, PARTS
from models.inference.runtime.batch_runner import BatchRunner
from models.inference.runtime.folded_graph import FoldedGraph
from models.inference.runtime.forward import building, one_thread_an_operation
from models.inference.runtime.weights import fill
from models.inference.saliency.saliency import Explainer, joined
from models.inference.weights_reports import ConsensusReport, ModelReport
from models.networks.registry import ARCHITECTURES
from models.networks.scales import DESCRIPTOR_SCALES, malignancy_score, unscale_descriptors
from models.trained import WeightsError, is_absent, read_as

CONSENSUS = "consensus"
CONSENSUS_TITLE = "Consensus of the five"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prediction:
    """One network's answer on one nodule.

    Attributes
    ----------
    score : float
        In [0, 1].
    probability : float
        The score, calibrated.
    descriptors : dict of str to float
        On LIDC's scales.
    features : ndarray of shape (channels,), float32, optional
        The last feature map's mean, over the views of the chosen slice; None in an answer kept for later.
    """

    score: float
    probability: float
    descriptors: dict
    features: np.ndarray | None = None


class ModelRegistry:
    """All models of a weights folder.

    Parameters
    ----------
    folder : str or Path
        Holds ``<key>.weights.h5`` and ``<key>.json`` of each model, ``consensus.json``, and
        ``manifest.json``: what is not as that says, or of another form than
        `models.inference.weights_reports` has, is not used.

    Attributes
    ----------
    problems : dict of str to str
        Why a model or the consensus is unavailable; only of those that are.
    lost : dict of str to str
        Why one of `PARTS` is unavailable; only of those that are.
    reports : dict of str to dict
        What ``<key>.json`` says of each model and of the consensus; only of those that are available.
    evaluation : dict
        What ``evaluation.json`` says, written by `training.evaluation.evaluate`; empty where there is none.
    saliency_report : dict
        What ``saliency.json`` says, written by `training.saliency`; empty where there is none.
    localiser : Localiser or None
        Finds and outlines nodules; None where its weights cannot be used.
    cases : CaseTable or None
        Finds similar training nodules; None where the table cannot be used.
    reliability : dict
        What ``reliability.json`` says, written by `training.evaluation.evaluate`; empty where there is none.
    recogniser : Recogniser or None
        Tells whether there is a nodule at all; None where its weights cannot be used.
    """

    def __init__(self, folder):
        if (backend := keras.backend.backend()) != "tensorflow":
            raise RuntimeError(f"Unset KERAS_BACKEND: expected tensorflow. Received: {backend}")
        one_thread_an_operation()
        self.folder = Path(folder)
        self.problems, self.lost, self.reports = {}, {}, {}
        self._passes = BatchRunner()
        self.evaluation = self._part("evaluation") or {}
        self.saliency_report = self._part("saliency") or {}
        self.reliability = self._part("reliability") or {}
        self._try(CONSENSUS, self._read_consensus)
        self.cases = self._part("cases", partial(similar_cases.CaseTable, folder))
        start = time.perf_counter()
        with building():
            for key in ARCHITECTURES:
                self._try(key, partial(self._load, key))
            self.localiser = self._part("localiser", partial(localiser.Localiser, folder))
            self.recogniser = self._part("recognition", lambda report: recognition.Recogniser(folder, report))
            self._passes.wait()
        log.info("%d models ready in %.1f s", len(self._passes), time.perf_counter() - start)

    def _try(self, key, load):
        try:
            load()
        except WeightsError as error:
            self.problems[key] = str(error)
            title = CONSENSUS_TITLE if key == CONSENSUS else ARCHITECTURES[key].title
            log.error("%s is unavailable: %s", title, error)

    def _load(self, key):
        report = read_as(self.folder, key, ModelReport)
        model = ARCHITECTURES[key].build(PATCH.shape)
        fill(model, self.folder, key, report)
        steps = FoldedGraph(model)
        try:
            how = self.saliency_report["models"][key]
            self._passes.add(key, steps, Explainer(how["method"], how["layer"]))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            log.error("%s cannot be explained: %r", ARCHITECTURES[key].title, error)
            self._passes.add(key, steps)
        self.reports[key] = report

    def _read_consensus(self):
        self.reports[CONSENSUS] = read_as(self.folder, CONSENSUS, ConsensusReport)

    def _part(self, name, opened=lambda report: report):
        """What is made of the report of one of `PARTS`; None where it cannot be used."""
        kind, loss = PARTS[name]
        if name in MAY_BE_ABSENT and is_absent(self.folder, f"{name}.json"):
            return None
        try:
            return opened(report=read_as(self.folder, name, kind))
        except WeightsError as error:
            self.lost[name] = str(error)
            log.error("%s: %s", loss, error)
            return None

    @property
    def localiser_report(self):
        """What ``localiser.json`` says; empty where there is no localiser."""
        return self.localiser.report if self.localiser is not None else {}

    @property
    def recognition_report(self):
        """What ``recognition.json`` says; empty where there is no recogniser."""
        return self.recogniser.report if self.recogniser is not None else {}

    @property
    def checksum(self):
        """Start of a checksum over the checksums of all loaded weights."""
        parts = [self.reports[key]["sha256"] for key in self._passes]
        return hashlib.sha256("".join(parts).encode()).hexdigest()[:12]

    def threshold(self, key):
        """Operating point of a model or of the consensus; 0.5 where it has no report."""
        return self.reports.get(key, {}).get("threshold", 0.5)

    def consensus(self, scores):
        """Probability of the consensus, which must be available, for the models' scores."""
        calibration = self.reports[CONSENSUS]["calibration"]
        return float(_calibration(calibration)(consensus_score(scores)))

    def defers(self, key, probability, disagreement):
        """Whether a probability of a model or of the consensus is too doubtful for a verdict."""
        rule = self.reports.get(key, {}).get("abstention")
        if rule is None:
            return False
        rule = Abstention(*(rule[field.name] for field in fields(Abstention)))
        return bool(rule.defers(probability, self.threshold(key), disagreement))

    def similar(self, features):
        """The most similar training nodules; None where they cannot be told."""
        return self.cases.nearest(features) if self.cases is not None else None

    def recognise(self, scan, roi, shown=None):
        """Whether there is a nodule at a place of a scan, a `Recognition`; None where that cannot be told."""
        return self.recogniser(scan, roi, shown) if self.recogniser is not None else None

    def available(self, key):
        """Whether a model can answer; the consensus, whether it is calibrated and any model can."""
        return bool(self._passes) and key in self.reports if key == CONSENSUS else key in self._passes

    def predict(self, key, patches, chosen=slice(None)):
        """One model's answer, averaged over patches.

        Parameters
        ----------
        key : str
        patches : ndarray of shape (n, rows, cols, 3)
        chosen : slice
            The patches whose features are averaged; see `models.inference.views.views_of_chosen`.

        Raises
        ------
        UserError
            ``model_unavailable``.
        """
        if key not in self._passes:
            raise UserError(
                "model_unavailable", f"{ARCHITECTURES[key].title} is unavailable: {self.problems[key]}"
            )
        return self._prediction(key, self._passes.one(key, patches), chosen)

    def begin(self, patches, chosen=slice(None), explain=False):
        """Begin to ask all models that are available; what is begun later waits until cores are free.

        Parameters
        ----------
        patches : ndarray of shape (n, rows, cols, 3)
        chosen : slice
            See `predict`; to explain, the eight views of one slice, in their order.
        explain : bool

        Returns
        -------
        callable
            Waits, and gives (predictions, maps): `Prediction` by key; where explained, `Saliency` by key of
            the models that can be explained, and of the consensus.
        """
        waiting = self._passes.begin(patches, chosen if explain else None)

        def answers():
            outputs, maps = waiting()
            maps |= {CONSENSUS: joined(maps.values())} if maps else {}
            return {key: self._prediction(key, output, chosen) for key, output in outputs.items()}, maps

        return answers

    def predict_all(self, patches, chosen=slice(None)):
        """The answers of all models that are available, by key; see `predict`."""
        return self.begin(patches, chosen)()[0]

    def forward(self, key):
        """The bare forward pass of a model that is available, for measurements; see `BatchRunner.one`."""
        return partial(self._passes.one, key)

    def _prediction(self, key, output, chosen):
        score = float(malignancy_score(output["rating"].mean(axis=0)))
        descriptors = unscale_descriptors(output["descriptors"].mean(axis=0))
        return Prediction(
            score,
            float(_calibration(self.reports[key]["calibration"])(score)),
            dict(zip(DESCRIPTOR_SCALES, descriptors.tolist(), strict=True)),
            output["features"][chosen].mean(axis=0),
        )


def _calibration(report):
    return Calibration(*(report[field.name] for field in fields(Calibration)))
