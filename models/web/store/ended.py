"""Names that no longer open anything, kept by all processes that share a store's folder."""

import hashlib
import os
from contextlib import suppress

from models.web.store import clock

FOLDER = "ended"


class RevokedNames:
    """Until when a name must not be forgotten, by name; on disk lies only a hash of it.

    It outlives the scans: a server that starts anew still knows which sessions were ended.

    Parameters
    ----------
    here : callable
        Gives this process's `ProcessLock` in the folder; OSError where there is none.
    """

    def __init__(self, here):
        self._here, self._own = here, {}

    def __setitem__(self, name, until):
        self._own[name] = until  # in case the disk refuses
        with suppress(OSError):
            path = self._path(name)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            path.touch(mode=0o600)
            os.utime(path, (until, until))

    def __contains__(self, name):
        with suppress(OSError):
            return name in self._own or self._path(name).exists()
        return name in self._own

    def _path(self, name):
        return self._here().folder / FOLDER / hashlib.sha256(name.encode()).hexdigest()


def forget_past(folder):
    """Remove what need not be known any more from a store's folder."""
    with suppress(FileNotFoundError):  # nothing ended yet
        for path in (folder / FOLDER).iterdir():
            if path.stat().st_mtime < clock.wall():
                path.unlink()
