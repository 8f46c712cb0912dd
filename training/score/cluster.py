"""Workers on a Ray cluster; see `training.score.workers` for what a worker is."""

import logging
import os
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from secrets import token_hex
from types import ModuleType

from training.score.manifest import Group, Row
from training.score.workers import Reader, Worker

ROOT = Path(__file__).resolve().parents[2]
ENVIRON = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing leaves the machines
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what Ray will do anyway, and warns of
}
ALONE = {  # Ray runs whatever code it is sent: neither other machines nor other users get to send it any
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # listen to this machine alone, on other systems too
    "RAY_AUTH_MODE": "token",
}


class OnRay(Worker):
    """An actor on a Ray cluster, with `threads` cores; `make` is a partial of `Reader` with its arguments."""

    def __init__(self, ray: ModuleType, make: "partial[Reader]", threads: int) -> None:
        self._ray, self.lost = ray, (ray.exceptions.RayError,)  # of a wrong file none comes
        self._make = partial(ray.remote(num_cpus=threads)(make.func).remote, *make.args)
        self._start()

    def _start(self) -> None:
        self._actor = self._make()
        self._ready = self._actor.ready.remote()

    def submit(self, group: Group) -> Future[list[Row]]:
        return self._actor.score.remote(group).future()

    def _why_not_ready(self) -> str | None:
        return self._ray.get(self._ready)

    def close(self) -> None:
        self._ray.kill(self._actor)


def connect(address: str, n_workers: int, threads: int) -> ModuleType:
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
    environ = ENVIRON | ALONE | {"RAY_AUTH_TOKEN": token_hex(32)} if address == "local" else ENVIRON
    for name, value in environ.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError:
        raise RuntimeError("Ray is not installed: pip install -r training/score-requirements.txt") from None
    try:
        ray.init(
            address,
            num_cpus=n_workers * threads if address == "local" else None,
            include_dashboard=False,
            runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    except ConnectionError as error:
        raise RuntimeError(f"There is no Ray cluster at {address}.") from error
    if (cores := ray.cluster_resources().get("CPU", 0)) < n_workers * threads:
        ray.shutdown()
        raise RuntimeError(
            f"The cluster has {cores:g} cores; {n_workers} workers of {threads} threads need more."
        )
    return ray
