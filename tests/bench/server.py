"""The server that is measured: gunicorn in processes of its own, with the configuration that is shipped.

JAX, which the tests need and TensorFlow imports where it finds it, is hidden: users' servers have none.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from models.inference.runtime.serving import FOR_SERVING
from tests import WITHOUT_JAX
from tests.bench.client import get

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / ".deploy" / "gunicorn.conf.py"
PLAIN = ("--threads", "80", "--timeout", "300")  # where no configuration is shipped
READY_S, STOP_S = 180, 30
APP, BESIDE = "app:create_app()", "tests.bench.beside:create()"
PLAIN_WAY = "tests.bench.plain:create()"
AS_IT_COMES = dict.fromkeys(FOR_SERVING, "0")  # no setting of ours


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes
    ----------
    port : int
    ready_s : float
        From the start of its process to the first 200 of ``/healthz``.
    process : psutil.Process
        Its master.
    """

    port: int
    ready_s: float
    process: psutil.Process

    def memory_mb(self):
        """Megabytes of the master and all below it: resident sets added up, and proportional sets (PSS).

        Resident sets count pages that processes share once each; proportional sets share them out, so that
        their sum is what the server takes of the machine. Without PSS (not Linux) both are the same.
        """
        resident = proportional = 0
        for process in (self.process, *self.process.children(recursive=True)):
            try:
                taken = process.memory_full_info()
            except psutil.NoSuchProcess:  # a child that has just done its work
                continue
            resident += taken.rss
            proportional += getattr(taken, "pss", taken.rss)
        return resident / 1e6, proportional / 1e6


@contextmanager
def running(app=APP, **settings):
    """Start the server on a free port of 127.0.0.1, wait until it is ready, and stop it whatever happens.

    Parameters
    ----------
    app : str
        `APP`, `BESIDE` with what is compared in the same process, or `PLAIN_WAY`.
    **settings
        Of the application, by name.

    Raises
    ------
    RuntimeError
        It ended, or was not ready in time; with the end of what it wrote.
    """
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        log, start = Path(folder, "log"), time.perf_counter()
        with log.open("wb") as out:
            process = subprocess.Popen(
                _command(app, port), cwd=ROOT, stdout=out, stderr=out, env=_environment(app, folder, settings)
            )
        try:
            yield Server(port, _wait(process, port, start, log), psutil.Process(process.pid))
        finally:
            _stop(process)


def stoppable():
    """Let a request to end unwind what runs, so that servers are stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def configuration():
    """Which configuration of gunicorn is used."""
    return ".deploy/gunicorn.conf.py" if SHIPPED.exists() else f"gunicorn {' '.join(PLAIN)}"


def _command(app, port):
    how = ("-c", str(SHIPPED)) if SHIPPED.exists() else PLAIN
    return [sys.executable, "-m", "gunicorn", *how, "--bind", f"127.0.0.1:{port}", app]


def _environment(app, folder, settings):
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("NODULE_", "GUNICORN_"))
    }
    as_it_comes = AS_IT_COMES if app == PLAIN_WAY else {}
    own = {f"NODULE_{name}": str(value) for name, value in settings.items()}
    path = os.pathsep.join([WITHOUT_JAX, str(ROOT)])
    return kept | {"NODULE_STORE": f"{folder}/store", "PYTHONPATH": path} | as_it_comes | own


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _wait(process, port, start, log):
    while time.perf_counter() - start < READY_S:
        if process.poll() is not None:
            break
        if get(port, "/healthz") == 200:
            return time.perf_counter() - start
        time.sleep(0.05)
    raise RuntimeError(f"The server did not become ready:\n{log.read_text(errors='replace')[-2000:]}")


def _stop(process):
    """Ask the master to stop; then end what is left of it and of its children."""
    family = []
    if process.poll() is None:
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in family:
        if child.is_running():  # psutil knows a process by its start time, too: never a stranger's
            child.kill()
