"""Work side by side: whole forward passes on as many threads as there are cores."""

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

import numpy as np

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_here = threading.local()


@cache
def _pool():
    return ThreadPoolExecutor(CORES, "forward", initializer=setattr, initargs=(_here, "is_worker", True))


def meanwhile(function, *arguments):
    """Begin a call on one of the threads, which all share, first come first served.

    Within such a call it is done at once: there nothing may wait for a thread to be free.

    Returns
    -------
    concurrent.futures.Future
    """
    if not getattr(_here, "is_worker", False):
        return _pool().submit(function, *arguments)
    done = Future()
    done.set_result(function(*arguments))
    return done


def side_by_side(function, *arguments):
    """As ``list(map(function, *arguments))``, but as many calls at once as there are cores."""
    if len(arguments[0]) == 1:
        return list(map(function, *arguments))
    begun = [meanwhile(function, *each) for each in zip(*arguments, strict=True)]
    return [one.result() for one in begun]


def shares(batch, parts=CORES):
    """A batch (n, ...) cut into at most `parts` pieces of about the same length, none of them empty."""
    return np.array_split(batch, max(1, min(parts, len(batch))))
