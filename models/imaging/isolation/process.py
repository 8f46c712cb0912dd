"""The zygote as the server sees it: started once, shared by all threads and by forked server processes."""

import atexit
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 5  # for an order to be taken
OURS = "NODULE_"  # settings, the password among them, are no matter of a decoder's
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
log = logging.getLogger(__name__)


class ZygoteProcess:
    """Starts the zygote, and sends it orders."""

    def __init__(self):
        self._lock = threading.Lock()
        self._socket = self._process = self._owner = None

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
            There is no zygote, nor does one start.
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
            log.error("The process that forks the decoders is gone; it is started again.")
            self._end()

    def close(self):
        """End it, once no other server process uses it."""
        with self._lock:
            if self._socket is not None:
                self._end()

    def _start(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(PATIENCE_S)
        environ = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "models.imaging.isolation.zygote", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl+C is the server's
                env=environ | ONE_THREAD | {"PYTHONPATH": str(ROOT)},
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


zygote = ZygoteProcess()
atexit.register(zygote.close)
