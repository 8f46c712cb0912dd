"""Work side by side: whole forward passes on as many threads as there are cores."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_here = threading.local()


@cache
def _pool():
    return ThreadPoolExecutor(CORES, "forward", initializer=setattr, initargs=(_here, "is_worker", True))


def side_by_side(function, *arguments):
    """As ``list(map(function, *arguments))``, but as many calls at once as there are cores.

    All threads share these, first come first served. A call within such a call is no further division.
    """
    if len(arguments[0]) == 1 or getattr(_here, "is_worker", False):
        return list(map(function, *arguments))
    return list(_pool().map(function, *arguments))


def meanwhile(function, *arguments):
    """Begin a call on one of the threads; a `concurrent.futures.Future`."""
    return _pool().submit(function, *arguments)


def shares(batch, parts=CORES):
    """A batch (n, ...) cut into at most `parts` pieces of about the same length, none of them empty."""
    return np.array_split(batch, max(1, min(parts, len(batch))))
