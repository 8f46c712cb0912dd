"""Names that no longer open anything, kept by all processes that share a store's folder."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from models.web.store import disk
from models.web.store.process_lock import ProcessLock

FOLDER = "ended"


class RevokedNames:
    """Until when a name must not be forgotten, by name; on disk lies only a hash of it.

    It outlives the scans: a server that starts anew still knows which sessions were ended.

    Parameters
    ----------
    lock
        Gives this process's lock on the folder; OSError where there is none.
    """

    def __init__(self, lock: Callable[[], ProcessLock]) -> None:
        self._lock = lock
        self._own: dict[str, float] = {}

    def __setitem__(self, name: str, until: float) -> None:
        self._own[name] = until  # in case the disk refuses
        with suppress(OSError):
            path = self._path(name)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            path.touch(mode=0o600)
            os.utime(path, (until, until))

    def __contains__(self, name: str) -> bool:
        with suppress(OSError):
            return name in self._own or self._path(name).exists()
        return name in self._own

    def _path(self, name: str) -> Path:
        return self._lock().folder / FOLDER / hashlib.sha256(name.encode()).hexdigest()


def forget_past(folder: Path) -> None:
    """Remove what need not be known any more from a store's folder."""
    with suppress(FileNotFoundError):  # nothing was revoked yet
        for path in (folder / FOLDER).iterdir():
            if path.stat().st_mtime < disk.wall():
                path.unlink()
