"""Real server processes for tests, each with temporary files of its own."""

import http.client
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 300  # a start takes some seconds on two idle cores; here nothing waits for the clock
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Server:
    """A server process, its port, and the only folder that it may write into."""

    process: psutil.Process
    port: int
    folder: Path

    @property
    def log(self):
        """What the server has said so far."""
        return (self.folder / "log").read_text(errors="replace")

    @property
    def worker(self):
        """The process that has the models: a child of the server's master."""
        return self.process.children()[0]

    def family(self):
        """The process and all that it started, and that still run."""
        return [self.process, *self.process.children(recursive=True)]

    def memory(self):
        """Memory of the whole family in bytes, what they share counted once."""
        return self._sum(lambda each: each.memory_full_info().pss)

    def open_files(self):
        """Number of open file descriptors of the whole family."""
        return self._sum(psutil.Process.num_fds)

    def threads(self):
        """Number of threads of the whole family."""
        return self._sum(psutil.Process.num_threads)

    def files(self):
        """Names of all files in the server's folder, as paths from there, but the log."""
        found = (path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())
        return sorted(str(path) for path in found if str(path) != "log")

    def _sum(self, measure):
        """Over the family; who ends meanwhile has nothing."""
        total = 0
        for each in self.family():
            with suppress(psutil.NoSuchProcess):  # a zombie is none, either
                total += measure(each) if each.status() != psutil.STATUS_ZOMBIE else 0
        return total


def free_port():
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


@contextmanager
def python_app(folder, **settings):
    """``python app.py``, from ready to ended."""
    with started([sys.executable, "app.py"], folder, free_port(), settings) as server:
        yield server


@contextmanager
def gunicorn_app(folder, *options, **settings):
    """The application under gunicorn, from ready to ended."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--bind", f"{HOST}:{port}", *options, "app:create_app()"]
    with started(command, folder, port, settings) as server:
        yield server


@contextmanager
def started(command, folder, port, settings):
    """A server process whose temporary files and store are in `folder`; settings as in NODULE_<name>."""
    folder.mkdir(exist_ok=True)
    environ = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"}
    settings = {"PORT": port, "STORE": folder / "store"} | settings
    environ |= {f"NODULE_{name}": str(value) for name, value in settings.items()}
    with open(folder / "log", "wb") as log:
        process = psutil.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=subprocess.STDOUT)
    server = Server(process, port, folder)
    try:
        wait_until(lambda: is_ready(server), START_SECONDS)
        yield server
    finally:
        end(process)


def is_ready(server):
    """Whether the server answers; RuntimeError where it has ended instead."""
    if server.process.poll() is not None:
        raise RuntimeError(f"The server did not start.\n{server.log}")
    try:
        return ask(server.port, "/healthz").status in (200, 503)
    except OSError:
        return False


def ask(port, path, body=None, headers=None, timeout=60):
    """One request, on a connection of its own; the answer, with its body in `text`."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request("GET" if body is None else "POST", path, body, headers or {})
        answer = connection.getresponse()
        answer.text = answer.read().decode()
        return answer
    finally:
        connection.close()


def wait_until(is_so, seconds=60):
    """Ask every 50 ms until it is so; TimeoutError after so many seconds."""
    end_at = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end_at:
            raise TimeoutError(f"Not so after {seconds} s.")
        time.sleep(0.05)


def end(process):
    """Ask the process to end, and see to it."""
    family = process.children(recursive=True) if process.is_running() else []
    with suppress(psutil.NoSuchProcess):  # a test has ended it
        process.terminate()
    try:
        process.wait(30)
    except psutil.TimeoutExpired:
        process.kill()
    for child in family:
        if child.is_running():
            child.kill()
    process.wait(30)
