"""Workers in this process and in processes of their own, and the work shared among workers of any kind."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING

from training.score.manifest import Group, Row

if TYPE_CHECKING:
    from training.score.scorer import Scorer

NEVER_BEGAN = "A worker died before it could read anything; there may be too little memory for so many."
TRIES = 2  # of a file whose worker died; once may be the machine's fault


class Reader:
    """A `training.score.scorer.Scorer` in a process that shares the machine with others.

    At most `threads` forward passes go on at once.
    """

    def __init__(self, weights: Path, threads: int) -> None:
        self._weights, self._threads = weights, threads

    def ready(self) -> str | None:
        """Load the models; why that cannot be, or None."""
        share_cores(self._threads)
        from training.score.scorer import Scorer  # only now: it divides its work among the cores it finds

        try:
            self._scorer = Scorer(self._weights)
        except RuntimeError as error:
            return str(error)
        return None

    def score(self, group: Group) -> list[Row]:
        """The rows of a group, once it is ready; see `Scorer.score`."""
        return self._scorer.score(group)


def share_cores(n: int) -> None:
    """Have the models find no more than `n` cores; where they run stays the system's choice.

    Without effect once the models are imported, and where no process can be confined to cores (macOS).
    """
    if hasattr(os, "sched_setaffinity"):
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, sorted(cores)[:n])
        try:
            import models.inference.runtime.parallel  # noqa: F401
        finally:
            os.sched_setaffinity(0, cores)


class Worker:
    """What reads one group after the other.

    Attributes
    ----------
    lost : tuple of exceptions
        What the future of a group raises when the worker has died.
    """

    lost: tuple[type[Exception], ...] = ()

    def submit(self, group: Group) -> Future[list[Row]]:
        """Have a group read."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop, whatever it is doing."""

    def renew(self) -> None:
        """Start afresh after a death; RuntimeError where the one that died had never begun."""
        try:
            problem = self._why_not_ready()
        except self.lost:
            problem = NEVER_BEGAN
        if problem:
            raise RuntimeError(problem)
        self.close()
        self._start()

    def _start(self) -> None:
        raise NotImplementedError

    def _why_not_ready(self) -> str | None:
        raise NotImplementedError


class InProcess(Worker):
    """This process is the worker; it cannot be lost."""

    def __init__(self, scorer: "Scorer") -> None:
        self._scorer = scorer

    def submit(self, group: Group) -> Future[list[Row]]:
        future: Future[list[Row]] = Future()
        future.set_result(self._scorer.score(group))
        return future


class NotBegun(Exception):
    """A worker that could not begin was asked for rows."""


class OwnProcess(Worker):
    """A process of its own, started afresh because TensorFlow does not survive a fork.

    An executor each, since the death of one process ends all others of its executor. `make` makes the reader,
    in the process.
    """

    lost = (BrokenProcessPool, NotBegun)

    def __init__(self, make: Callable[[], Reader]) -> None:
        self._make = make
        self._start()

    def _start(self) -> None:
        others = set(multiprocessing.active_children())
        self._executor = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        self._ready = self._executor.submit(_begin, self._make)
        (self._process,) = set(multiprocessing.active_children()) - others

    def submit(self, group: Group) -> Future[list[Row]]:
        return self._executor.submit(_score, group)

    def _why_not_ready(self) -> str | None:
        return self._ready.result()

    def close(self) -> None:
        self._process.terminate()
        self._executor.shutdown()


_reader: Reader | None = None  # of a worker's process


def _begin(make: Callable[[], Reader]) -> str | None:
    """Make this process a worker; why that cannot be, or None."""
    global _reader
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one closes
    threading.Thread(target=_end_with_parent, daemon=True).start()
    reader = make()
    problem = reader.ready()
    _reader = None if problem else reader
    return problem


def _end_with_parent() -> None:
    """An executor's process would wait for work for ever if its parent were killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _score(group: Group) -> list[Row]:
    if _reader is None:
        raise NotBegun
    return _reader.score(group)


def rows_of(groups: Iterable[Group], workers: Sequence[Worker]) -> Iterator[tuple[Group, list[Row] | None]]:
    """Have groups read by workers; each worker has one at a time.

    Yields
    ------
    Group, list of Row
        A group and its rows, as soon as they are there; None in place of rows where workers died over it.

    Raises
    ------
    RuntimeError
        A worker cannot load the models, or dies before it has.
    """
    waiting, idle = deque((group, 1) for group in groups), list(workers)
    running: dict[Future[list[Row]], tuple[Worker, tuple[Group, int]]] = {}
    while waiting or running:
        while waiting and idle:
            worker, job = idle.pop(), waiting.popleft()
            running[worker.submit(job[0])] = worker, job
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            worker, (group, tries) = running.pop(future)
            idle.append(worker)
            try:
                yield group, future.result()
            except worker.lost:
                worker.renew()
                if tries < TRIES:
                    waiting.append((group, tries + 1))
                else:
                    yield group, None
