"""Memory that is free but kept by the C library (glibc), and how it goes back to the system."""

import ctypes
import sys
import threading

M_ARENA_MAX = -8  # mallopt(3)


def keep_few_pools(n):
    """At most so many pools of memory, where the C library has one for each thread else."""
    _of_glibc("mallopt", M_ARENA_MAX, n)


def give_back():
    """Return what is free to the system."""
    _of_glibc("malloc_trim", 0)


class GiveBackNowAndThen:
    """Returns free memory each time that so much work was done; methods are for any number of threads.

    Passes take and free hundreds of megabytes, in pieces of all sizes, and what the C library keeps of them
    would grow with the largest series. To return it after each pass would cost a seventh of the pass's time.

    Parameters
    ----------
    after : int
        Work, in any unit.
    """

    def __init__(self, after):
        self._after, self._done, self._lock = after, 0, threading.Lock()

    def add(self, work):
        """Count work; every `after` of it, return memory. Whether it was."""
        with self._lock:
            self._done += work
            due = self._done >= self._after
            self._done *= not due
        if due:
            give_back()
        return due


def _of_glibc(name, *arguments):
    """Call a function that only some C libraries have."""
    function = getattr(ctypes.CDLL(None), name, None) if sys.platform != "win32" else None
    if function is not None:
        function(*arguments)
