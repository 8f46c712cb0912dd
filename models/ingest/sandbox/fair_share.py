"""Whose turn it is to decode: so many at once, and nobody takes all places while others wait."""

import itertools
import threading
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

Keys = tuple[Hashable, ...]  # by what a visitor is known


class Shares:
    """Places, of which each visitor leaves some to others; who uses it holds a lock.

    Parameters
    ----------
    most
        Places, of which one quarter, as far as there are so many, is left by each visitor to others.
    """

    def __init__(self, most: int) -> None:
        self._free, self._share = most, max(1, most - most // 4)
        self._taken: Counter[Hashable] = Counter()

    def has_place(self, keys: Keys) -> bool:
        """Whether there is a place for a visitor, who is known by these keys, each of which has a share."""
        return self._free > 0 and all(self._taken[key] < self._share for key in keys)

    def taken(self, keys: Keys) -> int:
        """How many places a visitor has, added up over the keys."""
        return sum(self._taken[key] for key in keys)

    def take(self, keys: Keys) -> None:
        """Take a place."""
        self._free -= 1
        self._taken.update(keys)

    def give_back(self, keys: Keys) -> None:
        """Give a place back."""
        self._free += 1
        self._taken.subtract(keys)
        self._taken += Counter()  # without those that have none


class Turns:
    """Places that are waited for; those who have fewest come first, then those who waited longest.

    Parameters
    ----------
    most
        See `Shares`.
    """

    def __init__(self, most: int) -> None:
        self._shares = Shares(most)
        self._waiting: dict[int, Keys] = {}  # by number of who waits
        self._numbers, self._changed = itertools.count(), threading.Condition()

    @contextmanager
    def take(self, keys: Keys, timeout: float) -> Iterator[None]:
        """A place for the time of a block.

        Parameters
        ----------
        keys
            By what a visitor is known, each of which has a share.
        timeout
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
            self._shares.take(keys)
        try:
            yield
        finally:
            with self._changed:
                self._shares.give_back(keys)
                self._changed.notify_all()

    def _next(self) -> int | None:
        """The number of who is next; None where nobody may."""
        shares = self._shares
        able = [(shares.taken(keys), n) for n, keys in self._waiting.items() if shares.has_place(keys)]
        return min(able)[1] if able else None
