"""What reads in a process of its own, with its share of the cores."""

import os


class Reader:
    """A `training.score.worker.Scorer` in a process that shares the machine with others.

    Parameters
    ----------
    weights : Path
        Folder of the models' weights.
    threads : int
        Forward passes that go on at once, at most.
    """

    def __init__(self, weights, threads):
        self._weights, self._threads = weights, threads

    def ready(self):
        """Load the models; why that cannot be, or None."""
        share_cores(self._threads)
        from training.score.worker import Scorer  # only now: it divides its work among the cores it finds

        try:
            self._scorer = Scorer(self._weights)
        except RuntimeError as error:
            return str(error)
        return None

    def score(self, group):
        """The rows of a group, once it is ready; see `Scorer.score`."""
        return self._scorer.score(group)


def share_cores(n):
    """Have the models find no more than `n` cores; where they run stays the system's choice.

    Without effect once the models are imported, and where no process can be confined to cores (macOS).
    """
    if hasattr(os, "sched_setaffinity"):
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, sorted(cores)[:n])
        try:
            import models.inference.runtime.parallel  # noqa: F401
        finally:
            os.sched_setaffinity(0, cores)
