"""How a process that runs networks is set up: what TensorFlow is told, threads, memory and garbage."""

import ctypes
import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from models.inference.runtime.parallel import CORES

FOR_SERVING = {
    "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS": "1",
    "TF_ONEDNN_USE_SYSTEM_ALLOCATOR": "1",
}
M_ARENA_MAX = -8  # mallopt(3)


def tune_for_serving() -> None:
    """Let each convolution rearrange its filters once, and let memory go back when it is not needed.

    Without the first, filters are rearranged on every call; with it, memory is taken for them, and TensorFlow
    would not notice weights that change later. Without the second, TensorFlow's own allocator takes regions
    twice as large each time and keeps them for ever (a fifth of all memory here), no quicker than the
    system's. What the environment says already stays. To be called before the first network is made.
    """
    for name, value in FOR_SERVING.items():
        os.environ.setdefault(name, value)


def one_thread_an_operation() -> None:
    """Let TensorFlow run as many operations at once as there are cores, each on one.

    What is parallel are whole passes, side by side: waking a second thread for each of some hundred small
    operations costs more than it saves. Does nothing where TensorFlow has computed already: answers are the
    same, and slower.
    """
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(CORES)
    except RuntimeError:
        pass


@contextmanager
def building() -> Iterator[None]:
    """Build networks without looking for garbage all the while; then return the memory that it took."""
    _of_glibc("mallopt", M_ARENA_MAX, CORES)  # pools of memory; the C library has one for each thread else
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    gc.collect()
    give_back()


def settle() -> None:
    """Let Python's search for circles of objects pass over all that was loaded: a second each time, else."""
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """Return what memory is free to the system."""
    _of_glibc("malloc_trim", 0)


class PeriodicMemoryRelease:
    """Returns free memory each time that so much work was done; methods are for any number of threads.

    Passes take and free hundreds of megabytes, in pieces of all sizes, and what the C library keeps of them
    would grow with the largest series. To return it after each pass would cost a seventh of the pass's time.

    Parameters
    ----------
    after : int
        Work, in any unit.
    """

    def __init__(self, after: int):
        self._after, self._done, self._lock = after, 0, threading.Lock()

    def add(self, work: int) -> bool:
        """Count work; every `after` of it, return memory. Whether it was."""
        with self._lock:
            self._done += work
            due = self._done >= self._after
            self._done *= not due
        if due:
            give_back()
        return due


def _of_glibc(name: str, *arguments: int) -> None:
    """Call a function that only some C libraries have."""
    function = getattr(ctypes.CDLL(None), name, None) if sys.platform != "win32" else None
    if function is not None:
        function(*arguments)
