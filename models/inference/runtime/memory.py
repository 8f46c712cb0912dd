"""Memory that is kept but not needed, and how it goes back to the system."""

import ctypes
import re
import sys
import threading
from pathlib import Path

M_ARENA_MAX = -8  # mallopt(3)
MADV_DONTNEED = 4  # madvise(2)
MAPPING = re.compile(r"^(?=[0-9a-f]+-[0-9a-f]+ )", re.MULTILINE)  # where one begins, proc_pid_smaps(5)
CODE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r-[-x]p .*\.so[.0-9]*$", re.MULTILINE)
CHANGED = re.compile(r"^(?:Anonymous|Swap): +[1-9]", re.MULTILINE)


def keep_few_pools(n):
    """At most so many pools of memory, where the C library has one for each thread else."""
    _of_glibc("mallopt", M_ARENA_MAX, n)


def give_back():
    """Return what is free to the system."""
    _of_glibc("malloc_trim", 0)


def let_go_of_code(maps=Path("/proc/self/smaps")):
    """Let go of the libraries' code; what is needed of it comes back from the system's cache of the files.

    To load TensorFlow touches 300 MB of its libraries, and to serve needs a tenth of that. Only pages that
    are what the file holds are let go: of parts of libraries that cannot be written, and were not when they
    were loaded. Does nothing where the system has no such list.

    Returns
    -------
    int
        Bytes of the address space that were let go.
    """
    if sys.platform != "linux" or not maps.is_file():
        return 0
    total = 0
    for mapping in MAPPING.split(maps.read_text()):
        if (code := CODE.match(mapping)) and not CHANGED.search(mapping):
            first, last = (int(edge, 16) for edge in code.groups())
            _of_glibc("madvise", ctypes.c_void_p(first), ctypes.c_size_t(last - first), MADV_DONTNEED)
            total += last - first
    return total


class PeriodicMemoryRelease:
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
