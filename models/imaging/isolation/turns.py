"""Whose turn it is to decode: so many at once, and nobody takes all places while others wait."""

import itertools
import threading
from collections import Counter
from contextlib import contextmanager


class Turns:
    """Places that are waited for; those who have fewest come first, then those who waited longest.

    Parameters
    ----------
    most : int
        Places, of which one quarter, as far as there are so many, is left by each visitor to others.
    """

    def __init__(self, most):
        self._free, self._share = most, max(1, most - most // 4)
        self._taken, self._waiting = Counter(), {}  # places by key; keys by number of who waits
        self._numbers, self._changed = itertools.count(), threading.Condition()

    @contextmanager
    def take(self, keys, timeout):
        """A place for the time of a block.

        Parameters
        ----------
        keys : tuple of hashable
            By what a visitor is known, each of which has a share.
        timeout : float
            Seconds to wait at most.

        Raises
        ------
        TimeoutError
        """
        number = next(self._numbers)
        with self._changed:
            self._waiting[number] = keys
            is_mine = self._changed.wait_for(lambda: self._next() == number, timeout)
            del self._waiting[number]
            self._changed.notify_all()
            if not is_mine:
                raise TimeoutError
            self._free -= 1
            self._taken.update(keys)
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._taken.subtract(keys)
                self._taken += Counter()  # without those that have none
                self._changed.notify_all()

    def _next(self):
        """The number of who is next; None where nobody may."""
        held = {number: [self._taken[key] for key in keys] for number, keys in self._waiting.items()}
        able = [(sum(held[n]), n) for n in held if self._free and max(held[n], default=0) < self._share]
        return min(able)[1] if able else None
