"""The fork server as the server sees it: started once, shared by all threads and forked server processes."""

import atexit
import functools
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from models.weights import FOLDER

ROOT = Path(__file__).resolve().parents[3]
FORK_SERVER = "models.ingest.sandbox.fork_server"
SEND_S = 5  # for an upload to be taken
AGAIN_S = 30  # after one that did not even begin to work, before another is started
PASSED_ON = ("PATH", "HOME", "TMPDIR", "TZ", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")  # of the environment:
READY = b"ready"  # the password, and whatever else is in it, are no matter of a decoder's
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
log = logging.getLogger(__name__)


class ForkServerDoesNotStart(Exception):
    """The fork server ends before it can work: not by an upload, and so it will again."""


class ForkServerClient:
    """Starts the fork server, and sends it uploads.

    Parameters
    ----------
    weights
        Folder of the weights.
    """

    def __init__(self, weights: str | Path = FOLDER) -> None:
        self._weights, self._lock = weights, threading.Lock()
        self._running: tuple[socket.socket, subprocess.Popen[bytes]] | None = None
        self._owner = 0  # the server process that started it
        self._not_before = 0.0

    @property
    def process(self) -> int | None:
        """Its process, where it runs."""
        return self._running[1].pid if self._running else None

    def start(self) -> socket.socket:
        """Start it, unless it runs; it is not waited for. Returns the socket to it."""
        with self._lock:
            self._running = self._running or self._start()
            return self._running[0]

    def send(self, descriptors: list[int]) -> socket.socket:
        """Have an upload decoded.

        Parameters
        ----------
        descriptors
            Of the control socket, the spool and the result file.

        Returns
        -------
        socket.socket
            That they went to, for `forget`.

        Raises
        ------
        OSError
            Those that there were do not answer.
        ForkServerDoesNotStart
        """
        try:
            return self._send(descriptors)
        except OSError:
            return self._send(descriptors)  # to another one

    def _send(self, descriptors: list[int]) -> socket.socket:
        line = self.start()
        try:
            socket.send_fds(line, [b"upload"], descriptors, socket.MSG_NOSIGNAL)
        except OSError:
            self.forget(line)
            raise
        return line

    def forget(self, line: socket.socket) -> None:
        """Start another one for the next upload: this one does not answer."""
        with self._lock:
            if self._running is None or self._running[0] is not line:
                return  # another thread has done it
            if self._was_ready() or self._end_was_a_signal():
                log.error("The process that forks the decoders is gone; it is started again.")
            else:
                log.error("The process that forks the decoders does not start: uploads cannot be read.")
                self._not_before = time.monotonic() + AGAIN_S
            self._end()

    def close(self) -> None:
        """End it, once no other server process uses it."""
        with self._lock:
            self._end()

    def _was_ready(self) -> bool:
        """Whether it said so, which is read only when it is gone."""
        try:
            return (
                self._running is not None and self._running[0].recv(len(READY), socket.MSG_DONTWAIT) == READY
            )
        except OSError:
            return False

    def _end_was_a_signal(self) -> bool:
        """Whether somebody, or the lack of memory, ended it, which says nothing of the next one."""
        with suppress(subprocess.TimeoutExpired):
            return bool(self._running and self._owner == os.getpid() and self._running[1].wait(timeout=1) < 0)
        return False

    def _start(self) -> tuple[socket.socket, subprocess.Popen[bytes]]:
        if time.monotonic() < self._not_before:
            raise ForkServerDoesNotStart
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(SEND_S)
        known = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        self._owner = os.getpid()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", FORK_SERVER, str(theirs.fileno()), str(self._weights)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl+C is the server's
                env=known | ONE_THREAD | {"PYTHONPATH": str(ROOT)},
            )
        return ours, process

    def _end(self) -> None:
        if self._running is None:
            return
        line, process = self._running
        line.close()
        if self._owner == os.getpid():
            try:
                process.wait(timeout=1)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running = None


@functools.cache
def fork_server_client(weights: str | Path) -> ForkServerClient:
    """The one fork server that works with a folder of weights."""
    client = ForkServerClient(weights)
    atexit.register(client.close)
    return client
