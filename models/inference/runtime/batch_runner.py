"""The passes of several networks, side by side on all cores."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from models.imaging.patch import PATCH
from models.inference.runtime.folded_graph import FoldedGraph, Tensor, compiled
from models.inference.runtime.parallel import CORES, meanwhile, once, shares, side_by_side
from models.inference.runtime.process import PeriodicMemoryRelease
from models.inference.saliency.gradients import layer_names, trace_evidence
from models.inference.saliency.saliency import Explainer, Saliency

AT_ONCE = 8  # patches a pass: more take more memory, and no less time each
OUTPUTS = {"rating": "rating", "descriptors": "descriptors", "diameter": "diameter", "features": "pool"}
GIVE_BACK_AFTER = 300  # patches through a network; a verdict takes 40, its maps up to twice as many
Outputs = dict[str, np.ndarray]


class Task(NamedTuple):
    """Some patches (n, rows, cols, fields) on their way through the network of a key."""

    key: str
    patches: np.ndarray


class EvidenceGraph:
    """A network's gradients, traced and compiled when they are first needed.

    Parameters
    ----------
    graph : FoldedGraph
    explainer : Explainer

    Raises
    ------
    ValueError
        The network has no such layer as the explainer needs.
    """

    def __init__(self, graph: FoldedGraph, explainer: Explainer):
        layer_names(graph, explainer.layers)
        self.explainer, self._graph, self._lock = explainer, graph, threading.RLock()

    @once
    def ready(self) -> Callable[[Tensor], list[list[Tensor]]]:
        """From patches (n, rows, cols, fields) to the evidence of each layer."""
        found = trace_evidence(self._graph, self.explainer.layers, [self.explainer.how.net])
        found(tf.zeros((AT_ONCE, *PATCH.shape)))
        return found

    def __call__(self, patches: np.ndarray) -> list[np.ndarray]:
        return [one.numpy() for one in self.ready(tf.constant(patches))[0]]


class BatchRunner:
    """Forward passes and evidence of several networks; methods may be called from any number of threads."""

    def __init__(self) -> None:
        self._passes: dict[str, Callable[[Tensor], dict[str, Tensor]]] = {}
        self._evidence: dict[str, EvidenceGraph] = {}
        self._begun: list[Future[Outputs]] = []
        self._memory = PeriodicMemoryRelease(GIVE_BACK_AFTER)

    def __contains__(self, key: str) -> bool:
        return key in self._passes

    def __iter__(self) -> Iterator[str]:
        return iter(self._passes)

    def __len__(self) -> int:
        return len(self._passes)

    def add(self, key: str, graph: FoldedGraph) -> None:
        """Trace a classifier, and begin to compile it; `wait` waits until that is done."""
        self._passes[key] = compiled(graph, list(OUTPUTS.values()))
        self._begun.append(meanwhile(self._pass, Task(key, np.zeros((AT_ONCE, *PATCH.shape), np.float32))))

    def wait(self) -> None:
        """Until all networks are compiled."""
        while self._begun:
            self._begun.pop().result()

    def add_evidence(self, key: str, evidence: EvidenceGraph) -> None:
        """Let a classifier be explained; compiled when it is first needed, or by `prepare_evidence`."""
        self._evidence[key] = evidence

    def prepare_evidence(self) -> None:
        """Compile what explains the answers, in this thread."""
        for evidence in self._evidence.values():
            evidence.ready  # noqa: B018 - made when it is asked for

    @property
    def explained(self) -> list[str]:
        """Keys of the networks that can be explained."""
        return list(self._evidence)

    def one(self, key: str, patches: np.ndarray) -> Outputs:
        """One network's outputs for patches (n, rows, cols, fields), float32.

        Those that `models.networks.blocks.add_heads` names, and ``features`` (n, channels): the last feature
        map's mean.
        """
        return _joined(side_by_side(lambda part: self._pass(Task(key, part)), _portions(patches, CORES)))

    def begin(self, patches: np.ndarray) -> Callable[[], dict[str, Outputs]]:
        """Begin the passes of all networks; a function that waits for each one's outputs, see `one`."""
        tasks = [Task(key, part) for key in self for part in _portions(patches, CORES // 2)]
        return partial(self._collected, [(task, meanwhile(self._pass, task)) for task in tasks])

    def explain(self, keys: Sequence[str], views: np.ndarray) -> dict[str, Saliency]:
        """What some networks' answers rest on, for the eight views (8, rows, cols, fields) of one patch."""
        tasks = [
            Task(key, part)
            for key in keys
            for part in _portions(self._evidence[key].explainer.views(views), CORES // 2)
        ]
        begun = [(task.key, meanwhile(self._evidence[task.key], task.patches)) for task in tasks]
        maps = {}
        for key in keys:
            parts = [evidence.result() for own, evidence in begun if own == key]
            layers = [np.concatenate(each) for each in zip(*parts, strict=True)]
            maps[key] = self._evidence[key].explainer.map(layers)
        self._memory.add(sum(len(task.patches) for task in tasks))
        return maps

    def _collected(self, begun: list[tuple[Task, Future[Outputs]]]) -> dict[str, Outputs]:
        answers = {key: _joined([done.result() for task, done in begun if task.key == key]) for key in self}
        self._memory.add(sum(len(task.patches) for task, _ in begun))
        return answers

    def _pass(self, task: Task) -> Outputs:
        values = self._passes[task.key](tf.constant(task.patches))
        return {name: values[layer].numpy() for name, layer in OUTPUTS.items()}


def _joined(parts: Sequence[Outputs]) -> Outputs:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _portions(batch: np.ndarray, least: int) -> list[np.ndarray]:
    """A batch cut into at least so many pieces, of at most `AT_ONCE` each."""
    return shares(batch, max(least, -(-len(batch) // AT_ONCE)))
