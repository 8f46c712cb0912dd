"""A process's stay in a store: from its start, across forks, to its end; and the sweeping meanwhile."""

import atexit
import os
import threading
import weakref

from models.web.store.process_lock import ProcessLock


class StoreLifetime:
    """Keeps this process present in the folder, and has it swept now and then.

    A forked child (gunicorn --preload) is a process of its own: it joins and sweeps from its first use on.

    Parameters
    ----------
    folder : Path
    wipe, sweep : callable
        ``wipe(folder)`` removes everything, ``sweep(presence)`` what has expired.
    sweep_seconds : float
    """

    def __init__(self, folder, wipe, sweep, sweep_seconds):
        self._folder, self._wipe = folder, wipe
        self._sweep, self._sweep_seconds = sweep, sweep_seconds
        self._closed = False
        self._presence = self._sweeper = None
        self._guard, self._stop = threading.Lock(), threading.Event()
        self.here()
        _stays.add(self)
        atexit.register(self.close)

    def here(self):
        """The `ProcessLock` of this process; FileNotFoundError after `close`."""
        with self._guard:
            if self._closed:
                raise FileNotFoundError("the store is closed")
            if self._presence and self._presence.is_lost():
                self._presence.leave()
                self._presence = None
            if self._presence is None:
                self._presence = ProcessLock(self._folder, self._wipe)
            if self._sweeper is None:
                self._sweeper = threading.Thread(target=self._sweep_on, name="store-sweeper", daemon=True)
                self._sweeper.start()
            return self._presence

    def close(self):
        """Stop, for this process; the last process that shares the folder removes everything."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
        atexit.unregister(self.close)
        self._stop.set()
        if self._sweeper:
            self._sweeper.join()
        if self._presence:
            self._presence.leave()

    def after_fork(self):
        """In a child: locks and thread are the parent's, and a thread that is not here may hold the mutex."""
        if self._presence:
            self._presence.forget()
        self._presence = self._sweeper = None
        self._guard, self._stop = threading.Lock(), threading.Event()

    def _sweep_on(self):
        while not self._stop.wait(self._sweep_seconds):
            try:
                self._sweep(self.here())
            except OSError:  # closed meanwhile, or no access at the moment
                continue


_stays = weakref.WeakSet()


def _after_fork():
    for stay in list(_stays):
        stay.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
