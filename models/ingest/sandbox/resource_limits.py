"""What a process that decodes may use, and that it ends with the one that started it."""

import ctypes
import os
import resource
import signal
from contextlib import suppress

PR_SET_PDEATHSIG = 1  # prctl(2)
OPEN_FILES = 64
LIBC = ctypes.CDLL(None)


def follow(parent):
    """End this process with its parent, rather than the server where memory runs out; say nothing.

    Parameters
    ----------
    parent : int
        Process that it was forked from.
    """
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # a sandbox may not have it
        file.write("800")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # what C libraries print may quote the file
        os.dup2(nothing, descriptor)
    os.close(nothing)


def confine(seconds, megabytes, file_bytes):
    """Bound this process.

    Parameters
    ----------
    seconds : float
        Wall time after which the kernel ends it, wherever it is (SIGALRM).
    megabytes : float
        Address space; beyond it memory is refused.
    file_bytes : int
        Largest file that it may write.
    """
    end_after(seconds)
    for what, most in (
        (resource.RLIMIT_AS, int(megabytes * 1_000_000)),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
    ):
        resource.setrlimit(what, (most, most))


def end_after(seconds):
    """End this process after so much more wall time."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
