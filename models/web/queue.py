"""A bound on the readings under way or waiting; one more is refused at once, so that nobody waits long."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from models.ingest.sandbox.fair_share import Shares
from models.ingest.sandbox.result import busy


class Queue:
    """Places for readings, of which each visitor leaves some to others.

    A request has one for as long as it is answered, which takes a thread of its own; what it then reads takes
    no other.

    Parameters
    ----------
    most
        See `Shares`.
    on_change
        Told how many more are taken: 1 or -1.
    """

    def __init__(self, most: int, on_change: Callable[[int], None] = lambda taken: None) -> None:
        self._shares, self._lock, self._mine = Shares(most), threading.Lock(), threading.local()
        self._on_change = on_change

    def refuse_when_full(self, visitor: tuple[str, ...] = ()) -> None:
        """UserError ``busy`` where there is no place for a visitor at the moment; takes none.

        Parameters
        ----------
        visitor
            By what a visitor is known, each of which has a share.
        """
        if not (self._has_place or self._shares.has_place(visitor)):
            raise busy()

    @contextmanager
    def place(self, visitor: tuple[str, ...] = ()) -> Iterator[None]:
        """A place for the time of a block, unless this thread has one; UserError ``busy``."""
        if self._has_place:
            yield
            return
        with self._lock:
            self.refuse_when_full(visitor)
            self._shares.take(visitor)
        self._mine.has_place = True
        self._on_change(1)
        try:
            yield
        finally:
            self._mine.has_place = False
            with self._lock:
                self._shares.give_back(visitor)
            self._on_change(-1)

    @property
    def _has_place(self) -> bool:
        return getattr(self._mine, "has_place", False)
