"""Explainers of all networks, made after the answers are ready: pages need them, start-up does not."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

from models.inference.cores import side_by_side
from models.inference.forward import give_memory_back
from models.inference.saliency import Explainer
from models.networks.registry import ARCHITECTURES

log = logging.getLogger(__name__)


class Explainers:
    """Where each network looked.

    An explainer is made when it is first needed, or by `prepare`; from networks in memory and from no file.

    Parameters
    ----------
    models : dict of str to keras.Model
        Those that can be explained, by key.
    report : dict
        What ``saliency.json`` says; may be empty.
    """

    def __init__(self, models, report):
        self._models, self._report, self._made = dict(models), report, {}
        self._lock = threading.Lock()
        self._later = ThreadPoolExecutor(1, "explainers")

    def __call__(self, patches):
        """Maps (dict of str to Saliency) of the networks that can be explained.

        Parameters
        ----------
        patches : ndarray of shape (8, rows, cols, 3)
            The views of one slice, in their order.
        """
        made = {key: explain for key in ARCHITECTURES if (explain := self._of(key)) is not None}
        return dict(zip(made, side_by_side(lambda explain: explain(patches), made.values()), strict=True))

    def prepare(self, keys=tuple(ARCHITECTURES)):
        """Make the explainers of some networks in the background, one after the other.

        A process that ends waits for the one in the making, and makes no more.
        """
        if keys:
            self._later.submit(self._prepare, *keys)

    def _prepare(self, key, *others):
        self._of(key)
        self.prepare(others)  # refused where the process is about to end

    def _of(self, key):
        """A network's explainer; None where it cannot be explained."""
        with self._lock:  # tracing is no work for two threads
            if (model := self._models.pop(key, None)) is not None:
                self._made[key] = self._make(key, model)
            return self._made.get(key)

    def _make(self, key, model):
        try:
            how = self._report["models"][key]
            explainer = Explainer(model, how["method"], how["layer"])
        except (KeyError, TypeError, ValueError) as error:
            log.error("%s cannot be explained: %r", ARCHITECTURES[key].title, error)
            return None
        give_memory_back()
        return explainer
