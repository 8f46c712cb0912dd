"""Work side by side: whole forward passes on as many threads as there are cores."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, Generic, TypeVar

import numpy as np

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
T = TypeVar("T")
_here = threading.local()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(CORES, "forward", initializer=setattr, initargs=(_here, "is_worker", True))


def meanwhile(function: Callable[..., T], *arguments: Any) -> Future[T]:
    """Begin a call on one of the threads, which all share, first come first served.

    Within such a call it is done at once: there nothing may wait for a thread to be free.
    """
    if not getattr(_here, "is_worker", False):
        return _pool().submit(function, *arguments)
    done: Future[T] = Future()
    done.set_result(function(*arguments))
    return done


def side_by_side(function: Callable[..., T], *arguments: Sequence[Any]) -> list[T]:
    """As ``list(map(function, *arguments))``, but as many calls at once as there are cores."""
    if len(arguments[0]) == 1:
        return list(map(function, *arguments))
    begun = [meanwhile(function, *each) for each in zip(*arguments, strict=True)]
    return [one.result() for one in begun]


def shares(batch: np.ndarray, parts: int = CORES) -> list[np.ndarray]:
    """A batch (n, ...) cut into at most `parts` pieces of about the same length, none of them empty."""
    return np.array_split(batch, max(1, min(parts, len(batch))))


class once(Generic[T]):  # noqa: N801 - used as a decorator, like functools.cached_property
    """A property that is computed when it is first asked for, by one thread; others wait for it.

    Unlike `functools.cached_property`, which lets all who come meanwhile compute it, too. The object needs a
    ``_lock``, a `threading.RLock`. Whoever computes must not use the threads of `meanwhile`, which may all be
    waiting for it.
    """

    def __init__(self, compute: Callable[[Any], T]):
        self._compute, self.__doc__ = compute, compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> T:
        if instance is None:
            return self  # type: ignore[return-value]  # of the class, as for any property
        with instance._lock:
            if self._name not in vars(instance):
                vars(instance)[self._name] = self._compute(instance)
        return vars(instance)[self._name]
