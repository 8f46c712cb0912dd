"""Compressed frames to pixels, in a process of their own.

The libraries that decode JPEG, JPEG-LS and JPEG 2000 are C and C++ code: some damaged files end the process
(about one in a hundred files with random bytes changed, in GDCM 3.2.6), others keep it busy for minutes.
Here only the child process ends, and the file is refused.
"""

import atexit
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

FRAME_SECONDS = 30  # a whole slice takes 0.01 to 0.05 s, starting the child one second
ROOT = Path(__file__).resolve().parents[3]


def started_child():
    """A new interpreter that decodes frames; takes a second to start."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "models.ingest.dicom.codec_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # where the libraries write what displeases them
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


class Codec:
    """A child process that decodes one frame after the other, started with the first one.

    Parameters
    ----------
    start : callable
        Returns the child: a subprocess.Popen with pipes, or what looks like one.
    seconds : float
        For one frame.
    """

    def __init__(self, start=started_child, seconds=FRAME_SECONDS):
        self._start_child, self._seconds, self._lock = start, seconds, threading.Lock()
        self._child = self._owner = None

    def decode(self, data, options):
        """Decode one frame.

        Parameters
        ----------
        data : bytes
            The frame's code stream.
        options : dict
            pydicom's decoding options of a single frame; `transfer_syntax_uid`, `rows` and `columns` among
            them.

        Returns
        -------
        ndarray of shape (rows, columns), read-only
            Cells as coded; see `models.ingest.dicom.code_stream.stored_values`.

        Raises
        ------
        ValueError
            The frame cannot be decoded, or not in time.
        """
        with self._lock:
            again = self._is_running()  # an earlier frame may have left this child unwell
            while True:
                try:
                    dtype, pixels = self._ask(data, options)
                    break
                except (OSError, EOFError):
                    if not again:
                        raise ValueError("The frame ended its decoder.") from None
                    again = False
        return np.frombuffer(pixels, dtype).reshape(options["rows"], options["columns"])

    def close(self):
        """End the child process."""
        if self._child and self._owner == os.getpid():
            self._child.kill()
            self._child.communicate()
        self._child = None

    def _is_running(self):
        """Whether there is a child, and not of a server process from which this one was forked."""
        return self._child is not None and self._owner == os.getpid() and self._child.poll() is None

    def _ask(self, data, options):
        """Type and bytes of a frame's pixels; OSError or EOFError, and no child any more, where it ends."""
        if not self._is_running():
            self._start()
        timer = threading.Timer(self._seconds, self._child.kill)
        timer.start()
        try:
            return _exchange(self._child.stdin, self._child.stdout, data, options)
        except (OSError, EOFError):
            self.close()
            raise
        finally:
            timer.cancel()

    def _start(self):
        self.close()
        self._owner, self._child = os.getpid(), self._start_child()


def _exchange(requests, answers, data, options):
    """Send a frame; type and bytes of the pixels that come back."""
    requests.write(json.dumps({**options, "bytes": len(data)}).encode() + b"\n" + data)
    requests.flush()
    line = answers.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    answer = json.loads(line)
    if "dtype" not in answer:
        raise ValueError("The frame cannot be decoded.")
    pixels = answers.read(answer["bytes"])
    if len(pixels) < answer["bytes"]:
        raise EOFError
    return answer["dtype"], pixels


class CodecPerThread:
    """A codec for each thread that decodes, where starting one costs little."""

    def __init__(self, start):
        self._start, self._own = start, threading.local()

    def decode(self, data, options):
        """See `Codec.decode`."""
        if not hasattr(self._own, "codec"):
            self._own.codec = Codec(self._start)
        return self._own.codec.decode(data, options)


_codec = Codec()
atexit.register(_codec.close)


def use(codec):
    """Let this process decode its frames with another codec."""
    global _codec
    _codec = codec


def decode_frame(data, options):
    """See `Codec.decode`."""
    return _codec.decode(data, options)
