"""The passes of several networks, side by side on all cores."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import tensorflow as tf

from models.imaging.patch import PATCH
from models.inference.runtime.memory import PeriodicMemoryRelease
from models.inference.runtime.parallel import CORES, meanwhile, shares, side_by_side
from models.inference.saliency.gradients import trace_with_evidence

AT_ONCE = 8  # patches a pass: more take more memory, and no less time each
OUTPUTS = {"rating": "rating", "descriptors": "descriptors", "diameter": "diameter", "features": "pool"}
GIVE_BACK_AFTER = (
    300  # patches through a network; a verdict on one slice takes 40, its maps about as many more
)


@dataclass(frozen=True)
class Task:
    """One pass through a network.

    Attributes
    ----------
    key : str
    patches : ndarray of shape (n, rows, cols, 3), float32
    at : ndarray of shape (n,), int, optional
        Their places in the answer; None where only evidence is wanted.
    explain : bool
    """

    key: str
    patches: np.ndarray
    at: np.ndarray | None = None
    explain: bool = False


class BatchRunner:
    """Forward passes and evidence of several networks; methods may be called from any number of threads."""

    def __init__(self):
        self._passes, self._explainers, self._begun = {}, {}, []
        self._memory = PeriodicMemoryRelease(GIVE_BACK_AFTER)

    def __contains__(self, key):
        return key in self._passes

    def __iter__(self):
        return iter(self._passes)

    def __len__(self):
        return len(self._passes)

    def add(self, key, steps, explainer=None):
        """Trace a classifier, and begin to compile it; `wait` waits until that is done.

        Parameters
        ----------
        key : str
        steps : FoldedGraph
        explainer : Explainer, optional

        Raises
        ------
        ValueError
            The network has no such layer as the explainer needs.
        """
        layers, nets = (explainer.layers, [explainer.how.net]) if explainer else ([], [])
        self._passes[key] = trace_with_evidence(steps, OUTPUTS, layers, nets).get_concrete_function()
        if explainer:
            self._explainers[key] = explainer
        first = Task(key, np.zeros((AT_ONCE, *PATCH.shape), np.float32), explain=explainer is not None)
        self._begun.append(meanwhile(self._pass, first))

    def wait(self):
        """Until all networks are compiled."""
        while self._begun:
            self._begun.pop().result()

    def one(self, key, patches):
        """One network's outputs.

        Parameters
        ----------
        key : str
        patches : ndarray of shape (n, rows, cols, 3), float32

        Returns
        -------
        dict of str to ndarray
            Those that `models.networks.heads.add_heads` names, and ``features`` (n, channels): the last
            feature map's mean.
        """
        parts = side_by_side(lambda part: self._pass(Task(key, part))[0], _portions(patches, CORES))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def begin(self, patches, chosen=None):
        """Begin the passes of all networks; a function that waits for their answers.

        Parameters
        ----------
        patches : ndarray of shape (n, rows, cols, 3), float32
        chosen : slice, optional
            Eight views, in their order: these are explained.

        Returns
        -------
        callable
            Gives each network's outputs by key, see `one`, and the `Saliency` of each that is explained.
        """
        if chosen is None:
            everywhere = np.arange(len(patches))
            tasks = [task for key in self for task in _answering(key, patches, everywhere)]
        else:
            tasks = [task for key in self for task in self._explaining(key, patches, chosen)]
        return partial(self._collected, [(task, meanwhile(self._pass, task)) for task in tasks])

    def _explaining(self, key, patches, chosen):
        """The tasks of one network: a view that is explained as it is passes through the network once."""
        everywhere = np.arange(len(patches))
        explainer, shown = self._explainers.get(key), everywhere[chosen]
        if explainer is None:
            yield from _answering(key, patches, everywhere)
        elif explainer.shifts_views:
            yield from _answering(key, patches, everywhere)
            views = explainer.views(patches[chosen])
            yield from (Task(key, part, explain=True) for part in np.split(views, len(views) // len(shown)))
        else:
            yield Task(key, patches[chosen], shown, explain=True)
            yield from _answering(key, patches, np.setdiff1d(everywhere, shown))

    def _collected(self, begun):
        """Outputs and maps, by key, of tasks that were begun; a map is made while later networks work."""
        outputs, maps = {}, {}
        for key in self:
            own = [(task, result.result()) for task, result in begun if task.key == key]
            order = np.argsort(np.concatenate([task.at for task, _ in own if task.at is not None]))
            parts = [answers for task, (answers, _) in own if task.at is not None]
            outputs[key] = {name: np.concatenate([part[name] for part in parts])[order] for name in parts[0]}
            if evidence := [found for task, (_, found) in own if task.explain]:
                maps[key] = self._explainers[key].map(
                    [np.concatenate(each) for each in zip(*evidence, strict=True)]
                )
        self._memory.add(sum(len(task.patches) for task, _ in begun))
        return outputs, maps

    def _pass(self, task):
        answers, evidence = self._passes[task.key](tf.constant(task.patches), tf.constant(task.explain))
        found = [one.numpy() for one in evidence[0]] if task.explain else []
        return {name: value.numpy() for name, value in answers.items()}, found


def _answering(key, patches, at):
    """Tasks that answer the patches at some places: as few as `AT_ONCE` and the number of cores allow."""
    return [Task(key, patches[part], part) for part in _portions(at, CORES // 2) if len(part)]


def _portions(batch, least):
    """A batch cut into at least so many pieces, of at most `AT_ONCE` each."""
    return shares(batch, max(least, -(-len(batch) // AT_ONCE)))
