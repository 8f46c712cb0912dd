"""Workers in this process, in processes of their own or on a Ray cluster, and the work shared among them.

A worker has ``submit(group)``, which returns a future of the group's rows, ``lost``, the exceptions that such
a future raises when the worker has died, ``renew()`` for after that, and ``close()``. `make`, a partial of
`training.score.worker.Scorer`, makes what reads in it.
"""

import multiprocessing
import os
import signal
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TRIES = 2  # of a file whose worker died; once may be the machine's fault


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
        self._process = context.Process(target=_serve, args=(theirs, self._make))
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
        try:
            problem, self._is_ready = None if self._is_ready else self._pipe.recv(), True
            if not problem:
                self._pipe.send(group)
                return self._pipe.recv()
        except (EOFError, OSError) as error:
            raise WorkerLost from error
        raise RuntimeError(problem)


def _serve(pipe, make):
    """A worker's process: first why it cannot work, or None; then rows for groups, until nobody asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one closes
    try:
        scorer = make()
    except RuntimeError as error:
        pipe.send(str(error))
        return
    try:
        pipe.send(None)
        while True:
            pipe.send(scorer.score(pipe.recv()))
    except (EOFError, OSError):
        return  # the run has ended


class OnRay:
    """An actor on a Ray cluster."""

    def __init__(self, ray, make, threads):
        self._ray, self.lost = ray, (ray.exceptions.RayActorError,)
        self._start = lambda: ray.remote(num_cpus=threads)(make.func).remote(*make.args)
        self.renew()

    def renew(self):
        """Start an actor."""
        self._actor = self._start()

    def submit(self, group):
        """Have a group read."""
        return self._actor.score.remote(group).future()

    def close(self):
        """Stop the actor, whatever it is doing."""
        self._ray.kill(self._actor)


def connect(address, n_workers, threads):
    """Connect to a Ray cluster, or start one on this machine for the address ``local``.

    Returns
    -------
    module
        ``ray``.

    Raises
    ------
    RuntimeError
        Ray is not installed, there is no cluster, or it has too few cores.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing leaves the machines
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # what Ray will do anyway, and warns of
    try:
        import ray
    except ImportError:
        raise RuntimeError("Ray is not installed: pip install -r training/score-requirements.txt") from None
    options = {"num_cpus": n_workers * threads, "include_dashboard": False} if address == "local" else {}
    where = {"env_vars": {"PYTHONPATH": str(ROOT)}}
    try:
        ray.init(address, runtime_env=where, logging_level="ERROR", log_to_driver=False, **options)
    except ConnectionError as error:
        raise RuntimeError(f"There is no Ray cluster at {address}.") from error
    if (cores := ray.cluster_resources().get("CPU", 0)) < n_workers * threads:
        ray.shutdown()
        raise RuntimeError(
            f"The cluster has {cores:g} cores; {n_workers} workers of {threads} threads need more."
        )
    return ray


def rows_of(groups, workers):
    """Have groups read by workers; each worker has one at a time.

    Yields
    ------
    Group, list of dict
        A group and its rows, as soon as they are there; None in place of rows where workers died over it.

    Raises
    ------
    RuntimeError
        A worker cannot load the models.
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
