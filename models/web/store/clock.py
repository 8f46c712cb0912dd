"""The wall clock, by which files are dated, and how far it is ahead of one that nobody sets."""

import time

JUMP_SECONDS = 10  # less is correction, and no matter to scans that stay for minutes


def wall():
    """Seconds since 1970."""
    return time.time()


def ahead():
    """How far the wall clock is ahead of the steady one, in seconds; changes where it is set.

    The steady one counts the seconds that the machine sleeps, where the system has such a clock.
    """
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return wall() - (time.monotonic() if boot is None else time.clock_gettime(boot))
