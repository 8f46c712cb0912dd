"""The five models: weights checked, loaded to float32, compiled and warmed."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from models.errors import UserError
from models.imaging.patch import PATCH
from models.imaging.scan import Roi, Scan
from models.inference.calibration import Abstention, Calibration, consensus_score
from models.inference.detection.finder import JUDGE, Finder
from models.inference.detection.localiser import Localiser
from models.inference.detection.recognition import Recogniser
from models.inference.optional_parts import MAY_BE_ABSENT, PARTS
from models.inference.reading import Prediction, Recognition
from models.inference.runtime.parallel import once
from models.inference.runtime.process import building, one_thread_an_operation, settle
from models.inference.runtime.weights import load_network, read_checked
from models.inference.saliency.saliency import Explainer, Saliency
from models.inference.similar_cases import CaseTable, SimilarCases
from models.inference.views import eight_views
from models.inference.weights_reports import ConsensusReport, ModelReport
from models.messages import Message
from models.networks.registry import ARCHITECTURES
from models.networks.scales import DESCRIPTOR_SCALES, malignancy_score, unscale_descriptors
from models.weights import WeightsError, is_absent, read_as

if TYPE_CHECKING:
    from models.inference.runtime.batch_runner import BatchRunner

CONSENSUS = "consensus"
CONSENSUS_TITLE = Message("Consensus of the five")
T = TypeVar("T")
Progress = Callable[[str, float | None, int], None]
log = logging.getLogger(__name__)


def unavailable(title: Message | str, problem: Message | str) -> UserError:
    """The refusal where a model cannot answer, and why it cannot."""
    message = Message("{model} is unavailable: {problem}", model=title, problem=problem)
    return UserError("model_unavailable", message)


def log_progress(step: str, seconds: float | None, steps: int) -> None:
    """One line for each of the `steps` of the start that is done; `seconds` is None where one begins."""
    if seconds is not None:
        log.info("%s ready in %.1f s", step, seconds)


class ModelRegistry:
    """All models of a weights folder.

    What is in the folder's reports is read at once. The networks are loaded when they are first needed (or
    at once): the five together, each of the others alone, what explains answers last.

    Parameters
    ----------
    folder : str or Path
        Holds ``<key>.weights.h5`` and ``<key>.json`` of each model, ``consensus.json``, and
        ``manifest.json``: what is not as that says, or of another form than
        `models.inference.weights_reports` has, is not used.
    at_once : bool
        Load the five now. A command that may be refused before it needs them does not.
    progress : callable
        Told of each step of loading the five: its name, None when it begins or the seconds that it took, and
        how many steps there are.

    Attributes
    ----------
    problems : dict of str to Message
        Why a model or the consensus is unavailable; only of those that are, once the five are loaded.
    lost : dict of str to str
        Why one of `PARTS` is unavailable; only of those that are.
    reports : dict of str to dict
        What ``<key>.json`` says of each model and of the consensus; only of those that are available.
    evaluation : dict
        What ``evaluation.json`` says, written by `training.evaluation.evaluate`; empty where there is none.
    saliency_report : dict
        What ``saliency.json`` says, written by `training.saliency`; empty where there is none.
    cases : CaseTable or None
        Finds similar training nodules; None where the table cannot be used.
    reliability : dict
        What ``reliability.json`` says, written by `training.evaluation.evaluate`; empty where there is none.
    size_report : dict
        What ``volumes.json`` says, written by `training.localiser.volumes`; empty where there is none.
    """

    def __init__(self, folder: str | Path, at_once: bool = True, progress: Progress = log_progress):
        self.folder, self._progress, self._lock = Path(folder), progress, threading.RLock()
        self.problems: dict[str, Message] = {}
        self.lost: dict[str, str] = {}
        self.reports: dict[str, dict[str, Any]] = {}
        self.evaluation = self._part("evaluation", dict) or {}
        self.saliency_report = self._part("saliency", dict) or {}
        self.reliability = self._part("reliability", dict) or {}
        self.size_report = self._part("volumes", dict) or {}
        self._try(CONSENSUS, self._read_consensus)
        self.cases = self._part("cases", partial(CaseTable, self.folder))
        if at_once:
            self.load()

    def load(self) -> None:
        """Load the five, and look whether the weights of the other networks are there; waits for it."""
        self._runner  # noqa: B018 - made when it is asked for
        for name in ("localiser", "finder", "recognition"):
            if name not in vars(self):
                self._part(name, partial(self._checked, name))

    def prepare_rest(self) -> None:
        """Load in the background what the first answers can wait for."""
        threading.Thread(target=self._prepare_rest, name="prepare").start()

    def _prepare_rest(self) -> None:
        with building():
            self.localiser, self.recogniser, self.finder  # noqa: B018 - made when they are asked for
            self._runner.prepare_evidence()
        settle()

    @once
    def _tensorflow(self) -> None:
        """TensorFlow, imported and told how to use the cores."""
        import keras

        if (backend := keras.backend.backend()) != "tensorflow":
            raise RuntimeError(f"Unset KERAS_BACKEND: expected tensorflow. Received: {backend}")
        one_thread_an_operation()

    @once
    def _runner(self) -> BatchRunner:
        """The five networks."""
        self._step("TensorFlow", lambda: self._tensorflow)
        from models.inference.runtime.batch_runner import BatchRunner

        runner = BatchRunner()
        with building():
            for key, row in ARCHITECTURES.items():
                self._step(row.title, partial(self._try, key, partial(self._load, key, runner)))
            self._step("First passes", runner.wait)
        return runner

    @once
    def localiser(self) -> Localiser | None:
        """Outlines nodules; None where its weights cannot be used."""
        self._tensorflow  # noqa: B018 - has to be told first
        return self._part("localiser", partial(Localiser, self.folder))

    @once
    def finder(self) -> Finder | None:
        """Looks for nodules; None where its weights cannot be used."""
        self._tensorflow  # noqa: B018 - has to be told first
        return self._part("finder", partial(Finder, self.folder))

    @once
    def recogniser(self) -> Recogniser | None:
        """Tells whether there is a nodule at all; None where its weights cannot be used."""
        self._tensorflow  # noqa: B018 - has to be told first
        return self._part("recognition", partial(Recogniser, self.folder))

    def _step(self, name: str, do: Callable[[], None]) -> None:
        start = time.perf_counter()
        self._progress(name, None, len(ARCHITECTURES) + 2)
        do()
        self._progress(name, time.perf_counter() - start, len(ARCHITECTURES) + 2)

    def _try(self, key: str, load: Callable[[], None]) -> None:
        try:
            load()
        except WeightsError as error:
            self.problems[key] = error.text
            title = CONSENSUS_TITLE if key == CONSENSUS else ARCHITECTURES[key].title
            log.error("%s is unavailable: %s", title, error)

    def _load(self, key: str, runner: BatchRunner) -> None:
        from models.inference.runtime.batch_runner import EvidenceGraph

        report = read_as(self.folder, key, ModelReport)
        graph = load_network(partial(ARCHITECTURES[key].build, PATCH.shape), self.folder, key, report)
        runner.add(key, graph)
        self.reports[key] = report
        try:
            how = self.saliency_report["models"][key]
            runner.add_evidence(key, EvidenceGraph(graph, Explainer(how["method"], how["layer"])))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            log.error("%s cannot be explained: %r", ARCHITECTURES[key].title, error)

    def _read_consensus(self) -> None:
        self.reports[CONSENSUS] = read_as(self.folder, CONSENSUS, ConsensusReport)

    def _part(self, name: str, opened: Callable[[dict[str, Any]], T]) -> T | None:
        """What is made of the report of one of `PARTS`; None where it cannot be used."""
        kind, loss = PARTS[name]
        if name in MAY_BE_ABSENT and is_absent(self.folder, f"{name}.json"):
            return None
        try:
            return opened(read_as(self.folder, name, kind))
        except WeightsError as error:
            if self.lost.get(name) != str(error):
                self.lost[name] = str(error)
                log.error("%s: %s", loss, error)
            return None

    def _checked(self, key: str, report: dict[str, Any]) -> None:
        read_checked(self.folder / f"{key}.weights.h5", report)
        if key == "finder":
            read_checked(self.folder / f"{JUDGE}.weights.h5", {"sha256": report["judge_sha256"]})

    @property
    def localiser_report(self) -> dict[str, Any]:
        """What ``localiser.json`` says; empty where there is no localiser."""
        return self.localiser.report if self.localiser is not None else {}

    @property
    def finder_report(self) -> dict[str, Any]:
        """What ``finder.json`` says; empty where there is no finder."""
        return self.finder.report if self.finder is not None else {}

    @property
    def recognition_report(self) -> dict[str, Any]:
        """What ``recognition.json`` says; empty where there is no recogniser."""
        return self.recogniser.report if self.recogniser is not None else {}

    @property
    def checksum(self) -> str:
        """Start of a checksum over the checksums of all loaded weights."""
        parts = [self.reports[key]["sha256"] for key in self._runner]
        return hashlib.sha256("".join(parts).encode()).hexdigest()[:12]

    def threshold(self, key: str) -> float:
        """Operating point of a model or of the consensus; 0.5 where it has no report."""
        return self.reports.get(key, {}).get("threshold", 0.5)

    def consensus(self, scores: Sequence[float]) -> float:
        """Probability of the consensus, which must be available, for the models' scores."""
        calibration = self.reports[CONSENSUS]["calibration"]
        return float(_calibration(calibration)(consensus_score(scores)))

    def defers(self, key: str, probability: float, disagreement: float) -> bool:
        """Whether a probability of a model or of the consensus is too doubtful for a verdict."""
        rule = self.reports.get(key, {}).get("abstention")
        if rule is None:
            return False
        rule = Abstention(*(rule[field.name] for field in fields(Abstention)))
        return bool(rule.defers(probability, self.threshold(key), disagreement))

    def similar(self, features: Mapping[str, np.ndarray | None]) -> SimilarCases | None:
        """The most similar training nodules; None where they cannot be told."""
        return self.cases.nearest(features) if self.cases is not None else None

    def recognise(self, scan: Scan, roi: Roi, shown: tuple[int, int] | None = None) -> Recognition | None:
        """Whether there is a nodule at a location of a scan; None where that cannot be told."""
        return self.recogniser(scan, roi, shown) if self.recogniser is not None else None

    def available(self, key: str) -> bool:
        """Whether a model can answer; the consensus, whether it is calibrated and any model can."""
        return bool(self._runner) and key in self.reports if key == CONSENSUS else key in self._runner

    def predict(self, key: str, patches: np.ndarray) -> Prediction:
        """One model's answer, averaged over patches.

        Parameters
        ----------
        key : str
        patches : ndarray of shape (n, rows, cols, fields)

        Raises
        ------
        UserError
            ``model_unavailable``.
        """
        if key not in self._runner:
            raise unavailable(ARCHITECTURES[key].title, self.problems[key])
        return self._prediction(key, self._runner.one(key, patches))

    def begin(self, patches: np.ndarray) -> Callable[[], dict[str, Prediction]]:
        """Begin to ask all models that are available; what is begun later waits until cores are free.

        Returns
        -------
        callable
            Waits, and gives the answers by key; see `predict`.
        """
        waiting = self._runner.begin(patches)
        return lambda: {key: self._prediction(key, output) for key, output in waiting().items()}

    def explained_by(self, key: str) -> list[str]:
        """The models whose maps explain the answer of a model or of the consensus; none where none can."""
        return [one for one in self._runner.explained if key in (one, CONSENSUS)]

    def explain(self, keys: Sequence[str], patch: np.ndarray) -> dict[str, Saliency]:
        """What some models' answers on a patch rest on; models of `explained_by` only."""
        return self._runner.explain(keys, eight_views(patch[None]))

    def predict_all(self, patches: np.ndarray) -> dict[str, Prediction]:
        """The answers of all models that are available, by key; see `predict`."""
        return self.begin(patches)()

    def forward(self, key: str) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        """The bare forward pass of a model that is available, for measurements; see `BatchRunner.one`."""
        return partial(self._runner.one, key)

    def _prediction(self, key: str, output: Mapping[str, np.ndarray]) -> Prediction:
        score = float(malignancy_score(output["rating"].mean(axis=0)))
        descriptors = unscale_descriptors(output["descriptors"].mean(axis=0))
        return Prediction(
            score,
            float(_calibration(self.reports[key]["calibration"])(score)),
            dict(zip(DESCRIPTOR_SCALES, descriptors.tolist(), strict=True)),
            output["features"].mean(axis=0),
        )


def _calibration(report: Mapping[str, float]) -> Calibration:
    return Calibration(*(report[field.name] for field in fields(Calibration)))
