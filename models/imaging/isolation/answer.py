"""What a child of the zygote says about an upload, and what is told to the user; see `upload`.

A child that a damaged file has taken over could say anything, so nothing is believed that does not fit.
"""

import json
import logging
import math
import mmap
import os
import signal
import time

import numpy as np

from models.errors import STATUS, ScanError
from models.imaging.described import scan_of

GRACE_S = 2  # after the kernel should have ended the child
LINE_BYTES = 1 << 26
COPIED_BYTES = 1 << 20  # slices up to here are copied, larger ones mapped
log = logging.getLogger(__name__)


class ZygoteGone(Exception):
    """The child ended with the zygote, and nobody says how."""


def converse(control, job, seconds, progress):
    """Send a job to a child, and pass on its progress until it answers.

    Parameters
    ----------
    control : socket.socket
    job : dict
    seconds : float
        After which the kernel ends the child.
    progress : callable

    Returns
    -------
    dict
        The description of the scan, with type and shape of its slices.

    Raises
    ------
    ScanError
        The child's own, or how it ended.
    ZygoteGone
    """
    for message in _messages(control, job, time.monotonic() + seconds + GRACE_S):
        if "progress" in message:
            progress(*message["progress"])
        elif "scan" in message:
            return message
        elif "error" in message:
            code, sentence = message["error"]
            raise ScanError(code if code in STATUS else "corrupt_file", str(sentence))
        elif "failed" in message:
            log.error("Decoding failed by a mistake in the program:\n%s", message["failed"])
            raise _refusal(0)
        elif "ended" in message:
            raise _refusal(message["ended"], seconds)
    raise ZygoteGone


def _messages(control, job, end):
    """What is said until the socket closes; too late counts as if the kernel had ended the child."""
    try:
        control.settimeout(max(0.1, end - time.monotonic()))
        control.sendall(json.dumps(job).encode() + b"\n")
        with control.makefile("rb") as lines:
            while line := lines.readline(LINE_BYTES):
                if message := _parsed(line):
                    yield message
                control.settimeout(max(0.1, end - time.monotonic()))
    except TimeoutError:
        yield {"ended": signal.SIGALRM}
    except OSError:  # the child was gone before it had read the job
        return


def _parsed(line):
    """A message; None for a line that was cut short."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def _refusal(ended, seconds=0):
    """The answer for a child that a signal ended before it could say anything."""
    if ended == signal.SIGKILL:  # nothing in the file does that: there is no memory, or someone's hand
        return busy()
    log.warning("A decoder was ended by signal %d.", ended)
    if ended == signal.SIGALRM:
        message = f"The file takes more than {seconds:.0f} s to decode: it is damaged, or packed too tightly."
        return ScanError("corrupt_file", message)
    message = "The file is damaged: it ends the program that decodes it. Export it again."
    return ScanError("corrupt_file", message)


def busy():
    """The answer where there is no process for an upload."""
    return ScanError("busy", "The server is busy with other images; try again in a few seconds.")


def scan_in(answer, result):
    """The scan of an answer, its slices in the file `result`; ScanError where they do not fit each other."""
    try:
        slices = _slices(result, np.dtype(answer["dtype"]), [int(length) for length in answer["shape"]])
        return scan_of(answer["scan"], slices)
    except (KeyError, TypeError, ValueError, OSError) as error:
        log.error("A decoder gave an answer that does not fit: %s.", type(error).__name__)
        raise _refusal(0) from error


def _slices(result, dtype, shape):
    """Slices (n, rows, cols), read-only."""
    n_bytes = math.prod(shape) * dtype.itemsize
    if len(shape) != 3 or min(shape) < 1 or dtype.kind not in "iuf":
        raise ValueError(f"Slices have three dimensions. Received: {len(shape)}, {dtype.kind}")
    if os.fstat(result.fileno()).st_size != n_bytes:
        raise ValueError("The slices are not all there.")
    if n_bytes <= COPIED_BYTES:
        data = os.pread(result.fileno(), n_bytes, 0)
    else:
        data = mmap.mmap(result.fileno(), n_bytes, prot=mmap.PROT_READ)
    return np.frombuffer(data, dtype).reshape(shape)
