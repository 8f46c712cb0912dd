"""A bound on the readings under way or waiting; one more is refused at once, so that nobody waits long."""

import threading

from models.errors import ScanError


class Queue:
    """Places for readings. A thread that has one may enter again, which takes no other.

    Parameters
    ----------
    most : int
        Places.
    on_change : callable, optional
        Told how many more are taken: 1 or -1.
    """

    def __init__(self, most, on_change=lambda taken: None):
        self._free, self._lock = most, threading.Lock()
        self._on_change = on_change
        self._mine = threading.local()

    def refuse_when_full(self):
        """ScanError ``busy`` where there is no place at the moment; takes none."""
        if self._free < 1 and not self._depth:
            raise ScanError("busy", "The server is busy with other images; try again in a few seconds.")

    def enter(self):
        """Take a place; ScanError ``busy`` where there is none."""
        with self._lock:
            self.refuse_when_full()
            self._free -= not self._depth
        self._mine.depth = self._depth + 1
        if self._depth == 1:
            self._on_change(1)

    def leave(self):
        """Give the place back that this thread's last `enter` took; nothing where it has none."""
        if self._depth:
            self._mine.depth -= 1
            with self._lock:
                self._free += not self._depth
            if not self._depth:
                self._on_change(-1)

    def __enter__(self):
        self.enter()

    def __exit__(self, *_):
        self.leave()

    @property
    def _depth(self):
        return getattr(self._mine, "depth", 0)
