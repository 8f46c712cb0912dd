"""The zygote as the server sees it: started once, shared by all threads and by forked server processes."""

import atexit
import functools
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from models.trained import FOLDER

ROOT = Path(__file__).resolve().parents[3]
FORK_SERVER = "models.ingest.sandbox.fork_server"
PATIENCE_S = 5  # for an order to be taken
AGAIN_S = 30  # after one that did not even begin to work, before another is started
PASSED_ON = ("PATH", "HOME", "TMPDIR", "TZ", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")  # of the environment:
READY = b"ready"  # the password, and whatever else is in it, are no matter of a decoder's
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
log = logging.getLogger(__name__)


class ForkServerDoesNotStart(OSError):
    """The zygote ends before it can work: not by an upload, and so it will again."""


class ForkServerClient:
    """Starts the zygote, and sends it orders.

    Parameters
    ----------
    weights : str or Path
        Folder of the weights.
    """

    def __init__(self, weights=FOLDER):
        self._weights, self._lock = weights, threading.Lock()
        self._socket = self._process = self._owner = None
        self._not_before = 0.0

    def start(self):
        """Start it, unless it runs; it is not waited for."""
        with self._lock:
            if self._socket is None:
                self._start()

    def order(self, order, descriptors):
        """Send an order.

        Parameters
        ----------
        order : dict
        descriptors : list of int

        Returns
        -------
        socket.socket
            That it went to, for `forget`.

        Raises
        ------
        OSError
            There is no zygote, nor does one start; `ForkServerDoesNotStart` where that lies at no upload.
        """
        message = [json.dumps(order).encode()]
        for again in (True, False):
            self.start()
            to_zygote = self._socket
            try:
                socket.send_fds(to_zygote, message, descriptors, socket.MSG_NOSIGNAL)
                return to_zygote
            except OSError:
                self.forget(to_zygote)
                if not again:
                    raise

    def forget(self, to_zygote):
        """Start another zygote for the next order: this one does not answer."""
        with self._lock:
            if self._socket is not to_zygote or to_zygote is None:
                return  # another thread has done it
            was_ready = self._was_ready()
            if was_ready or self._end_was_a_signal():
                log.error("The process that forks the decoders is gone; it is started again.")
            else:
                log.error("The process that forks the decoders does not start: uploads cannot be read.")
                self._not_before = time.monotonic() + AGAIN_S
            self._end()

    def close(self):
        """End it, once no other server process uses it."""
        with self._lock:
            if self._socket is not None:
                self._end()

    def _was_ready(self):
        """Whether it said so, which is read only when it is gone."""
        try:
            return self._socket.recv(len(READY), socket.MSG_DONTWAIT) == READY
        except OSError:
            return False

    def _end_was_a_signal(self):
        """Whether somebody, or the lack of memory, ended it, which says nothing of the next one."""
        with suppress(subprocess.TimeoutExpired):
            return self._owner == os.getpid() and self._process.wait(timeout=1) < 0
        return False

    def _start(self):
        if time.monotonic() < self._not_before:
            raise ForkServerDoesNotStart
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(PATIENCE_S)
        known = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", FORK_SERVER, str(theirs.fileno()), str(self._weights)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl+C is the server's
                env=known | ONE_THREAD | {"PYTHONPATH": str(ROOT)},
            )
        self._socket, self._owner = ours, os.getpid()

    def _end(self):
        self._socket.close()
        if self._owner == os.getpid():
            try:
                self._process.wait(timeout=1)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._socket = self._process = None


@functools.cache
def fork_server_client(weights):
    """The one zygote that works with a folder of weights."""
    process = ForkServerClient(weights)
    atexit.register(process.close)
    return process
