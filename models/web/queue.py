"""A bound on the readings under way or waiting; one more is refused at once, so that nobody waits long."""

import threading

from models.errors import UserError
from models.ingest.sandbox.fair_share import Shares


class Queue:
    """Places for readings. A thread that has one may enter again, which takes no other.

    Parameters
    ----------
    most : int
        See `Shares`.
    on_change : callable, optional
        Told how many more are taken: 1 or -1.
    """

    def __init__(self, most, on_change=lambda taken: None):
        self._shares, self._lock = Shares(most), threading.Lock()
        self._on_change = on_change
        self._mine = threading.local()

    def refuse_when_full(self, visitor=()):
        """UserError ``busy`` where there is no place for a visitor at the moment; takes none."""
        if not (self._depth or self._shares.has_place(visitor)):
            raise UserError("busy", "The server is busy with other images; try again in a few seconds.")

    def enter(self, visitor=()):
        """Take a place; UserError ``busy`` where there is none.

        Parameters
        ----------
        visitor : tuple of hashable
            By what a visitor is known, each of which has a share.
        """
        with self._lock:
            self.refuse_when_full(visitor)
            if not self._depth:
                self._shares.take(visitor)
                self._mine.visitor = visitor
        self._mine.depth = self._depth + 1
        if self._depth == 1:
            self._on_change(1)

    def leave(self):
        """Give the place back that this thread's last `enter` took; nothing where it has none."""
        if self._depth:
            self._mine.depth -= 1
            if not self._depth:
                with self._lock:
                    self._shares.give_back(self._mine.visitor)
                self._on_change(-1)

    def __enter__(self):
        self.enter()

    def __exit__(self, *_):
        self.leave()

    @property
    def _depth(self):
        return getattr(self._mine, "depth", 0)
