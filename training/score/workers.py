"""Workers in this process and in processes of their own, and the work shared among workers of any kind.

A worker has ``submit(group)``, which returns a future of the group's rows, ``lost``, the exceptions that such
a future raises when the worker has died, ``renew()`` for after that, and ``close()``. `make`, a partial of
`training.score.reader.Reader`, makes what reads in it.
"""

import multiprocessing
import signal
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

TRIES = 2  # of a file whose worker died; once may be the machine's fault


NEVER_BEGAN = "A worker died before it could read anything; there may be too little memory for so many."


class WorkerLost(Exception):
    """A worker died over a file."""


class InProcess:
    """This process is the worker."""

    lost = ()

    def __init__(self, scorer):
        self._scorer = scorer

    def submit(self, group):
        """Read a group here and now."""
        future = Future()
        future.set_result(self._scorer.score(group))
        return future

    def close(self):
        """Nothing is left to do."""


class InOwnProcess:
    """A process of its own, started afresh because TensorFlow does not survive a fork."""

    lost = (WorkerLost,)

    def __init__(self, make):
        self._make = make
        self._thread = ThreadPoolExecutor(1)
        self.renew()

    def renew(self):
        """Start a process; the models are loaded when the first group waits for them."""
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._make), daemon=True)
        self._process.start()
        theirs.close()
        self._is_ready = False

    def submit(self, group):
        """Have a group read."""
        return self._thread.submit(self._ask, group)

    def close(self):
        """Stop the process, whatever it is doing."""
        self._process.terminate()
        self._process.join()
        self._thread.shutdown()

    def _ask(self, group):
        if not self._is_ready:
            self._wait_until_ready()
        try:
            self._pipe.send(group)
            return self._pipe.recv()
        except (EOFError, OSError) as error:
            raise WorkerLost from error

    def _wait_until_ready(self):
        try:
            problem = self._pipe.recv()
        except (EOFError, OSError):
            problem = NEVER_BEGAN
        if problem:
            raise RuntimeError(problem)
        self._is_ready = True


def _serve(pipe, make):
    """A worker's process: first why it cannot work, or None; then rows for groups, until nobody asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one closes
    reader = make()
    try:
        pipe.send(reader.ready())
        while True:
            pipe.send(reader.score(pipe.recv()))
    except (EOFError, OSError):
        return  # the run has ended


def rows_of(groups, workers):
    """Have groups read by workers; each worker has one at a time.

    Yields
    ------
    Group, list of dict
        A group and its rows, as soon as they are there; None in place of rows where workers died over it.

    Raises
    ------
    RuntimeError
        A worker cannot load the models, or dies before it has.
    """
    waiting, idle, running = deque((group, 1) for group in groups), list(workers), {}
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
