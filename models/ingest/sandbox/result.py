"""What a child of the fork server says about an upload, and what is told to the user; see `job`.

A child that a damaged file has taken over could say anything, so nothing is believed that does not fit.
"""

import json
import logging
import math
import mmap
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import IO, Any

import msgspec
import numpy as np

from models.errors import CODES, ContentDoubted, SeveralSeries, UserError
from models.imaging.scan import Scan, scan_of
from models.imaging.study_header import StudyHeader
from models.ingest.sandbox.job import Job
from models.ingest.sandbox.sayable import length
from models.ingest.series.listing import Listing, checked
from models.ingest.spool import scratch
from models.messages import Message, as_message

with suppress(ImportError):  # Windows, where nothing is isolated
    import fcntl

GRACE_S = 2  # after the kernel should have ended the child
LINE_BYTES = 1 << 24
CHUNK_BYTES = 1 << 16
MOST_STEPS = 1_000_000  # of progress
SENTENCE, NOTICE, LOGGED = 2000, 10_000, 10_000  # characters
COPIED_BYTES = 1 << 20  # slices up to here are copied, larger ones mapped
log = logging.getLogger(__name__)


Said = dict[str, Any]  # whatever a child says


class ForkServerGone(Exception):
    """The child ended with the fork server, and nobody says how."""


def converse(control: socket.socket, job: Job, progress: Callable[[int, int], object]) -> Said:
    """Send a job to a child, and pass on its progress until it answers.

    Returns
    -------
    dict
        The description of the scan, with type and shape of its slices, and ``error`` where it is doubted.

    Raises
    ------
    UserError
        The child's own, or how it ended.
    ForkServerGone
    """
    share = 0.0
    for message in _messages(control, job, time.monotonic() + job.seconds + GRACE_S):
        if "progress" in message:
            done, total = _steps(message["progress"])
            if done / total > share:  # it only grows, so that nobody is kept busy by what is said
                share = done / total
                progress(done, total)
        elif "scan" in message:
            return message
        elif "several" in message:
            raise _several(message)
        elif "error" in message:
            raise _told(message["error"])
        elif "failed" in message:
            log.error("Decoding failed by a mistake in the program:\n%s", str(message["failed"])[:LOGGED])
            raise _refusal(0)
        elif "ended" in message:
            ended = message["ended"]
            raise _refusal(ended if isinstance(ended, int) else 0, job.seconds)
    raise ForkServerGone


def _messages(control: socket.socket, job: Job, end: float) -> Iterator[Said]:
    """What is said until the socket closes; too late counts as if the kernel had ended the child.

    The time is up at its end, whatever is still said: who asked then closes the socket, and the fork
    server ends the child.
    """
    said = bytearray()
    try:
        control.settimeout(_left(end))
        control.sendall(msgspec.json.encode(job) + b"\n")
        while chunk := control.recv(CHUNK_BYTES):
            said += chunk
            if b"\n" in chunk:
                *lines, said = said.split(b"\n")
                yield from (message for line in lines if (message := _parsed(line)))
            if len(said) > LINE_BYTES:
                yield {"ended": 0}
            control.settimeout(_left(end))
    except TimeoutError:
        yield {"ended": signal.SIGALRM}
    except OSError:  # the child was gone before it had read the job
        return


def _left(end: float) -> float:
    """Seconds until a time; TimeoutError where it is past."""
    if (left := end - time.monotonic()) <= 0:
        raise TimeoutError
    return left


def _parsed(line: bytes | bytearray) -> Said | None:
    """A message; None for a line that was cut short."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _steps(progress: object) -> tuple[int, int]:
    """Steps done, and of how many; 0 of 1 for what is not progress."""
    if isinstance(progress, list) and len(progress) == 2 and all(type(n) is int for n in progress):
        done, total = progress
        if 0 <= done <= total <= MOST_STEPS and total:
            return done, total
    return 0, 1


def _told(error: object) -> UserError:
    """The child's own refusal, or another for one that says nothing of the kind."""
    try:
        code, text = msgspec.convert(error, tuple[str, Message])
        _check(text)
    except ValueError:
        return _refusal(0)
    return UserError(code if code in CODES else "corrupt_file", text)


def _several(message: Said) -> UserError:
    """The refusal of several series, with their list; another where that is none."""
    told = _told(message.get("error"))
    try:
        listing = checked(msgspec.convert(message["several"], Listing))
        for each in (*listing.series, *listing.others):
            _check(each.what)
            _check(each.region or each.what)
        return SeveralSeries(told.text, listing)
    except ValueError as error:
        log.error("A decoder gave a list that does not fit: %s.", type(error).__name__)
        return _refusal(0)


def _check(text: Message, most: int = SENTENCE) -> None:
    """ValueError for what is too long, or cannot be said."""
    if length(text) > most:
        raise ValueError("A sentence is too long.")


def _refusal(ended: int, seconds: float = 0) -> UserError:
    """The answer for a child that a signal ended before it could say anything."""
    if ended == signal.SIGKILL:  # nothing in the file does that: there is no memory, or someone's hand
        return busy()
    log.warning("A decoder was ended by signal %d.", ended)
    if ended == signal.SIGALRM:
        message = Message(
            "The file takes more than {seconds:.0f} s to decode: it is damaged or compressed too heavily.",
            seconds=seconds,
        )
        return UserError("corrupt_file", message)
    return UserError(
        "corrupt_file",
        "The file is damaged, or one file of the series is: it crashes the decoder. Export it again.",
    )


def busy() -> UserError:
    """The answer where there is no process for an upload."""
    return UserError("busy", "The server is busy with other images; try again in a few seconds.")


def scan_in(answer: Said, result: IO[bytes]) -> Scan:
    """The scan of an answer, its slices in the file `result`.

    Raises
    ------
    UserError
        Where they do not fit each other.
    ContentDoubted
        Where it does not look like a CT of the chest.
    """
    try:
        slices = _slices(result, np.dtype(answer["dtype"]), [int(length) for length in answer["shape"]])
        header = msgspec.convert(answer.get("header"), StudyHeader | None)
        scan = replace(scan_of(answer["scan"], slices), header=header and header.trimmed())
        if len(scan.spacing_mm) != 2 or not 0 < min(scan.spacing_mm) <= max(scan.spacing_mm) < math.inf:
            raise ValueError("There is no such spacing.")
        for notice in scan.notices:
            _check(as_message(notice.text), NOTICE)
    except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        log.error("A decoder gave an answer that does not fit: %s.", type(error).__name__)
        raise _refusal(0) from error
    if "error" in answer:
        doubt = _told(answer["error"])
        raise ContentDoubted(doubt.code, doubt.text, scan)
    return scan


def _slices(result: IO[bytes], dtype: np.dtype, shape: list[int]) -> np.ndarray:
    """Slices (n, rows, cols), read-only, in memory that nobody else can change or cut off."""
    n_bytes = math.prod(shape) * dtype.itemsize
    data: bytes | mmap.mmap
    if len(shape) != 3 or min(shape) < 1 or dtype.kind not in "iuf":
        raise ValueError(f"Slices have three dimensions. Received: {len(shape)}, {dtype.kind}")
    if n_bytes <= COPIED_BYTES:
        data = os.pread(result.fileno(), n_bytes, 0)
    elif _seal(result):
        _check_size(result, n_bytes)
        data = mmap.mmap(result.fileno(), n_bytes, prot=mmap.PROT_READ)
    else:
        _check_size(result, n_bytes)
        with _copy(result, n_bytes) as own:
            data = mmap.mmap(own.fileno(), n_bytes, prot=mmap.PROT_READ)
    return np.frombuffer(data, dtype, count=math.prod(shape)).reshape(shape)


def _seal(file: IO[bytes]) -> bool:
    """Let nobody write to a file in memory, or cut it off; False where it is none, or still mapped."""
    with suppress(OSError):
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
    try:
        return bool(fcntl.fcntl(file, fcntl.F_GET_SEALS) & fcntl.F_SEAL_WRITE)
    except OSError:
        return False


def _copy(file: IO[bytes], n_bytes: int) -> IO[bytes]:
    """A file of our own with the same bytes; ValueError where they are gone meanwhile."""
    own, done = scratch(), 0
    while done < n_bytes:
        if not (some := os.sendfile(own.fileno(), file.fileno(), done, n_bytes - done)):
            own.close()
            raise ValueError("The slices are not all there.")
        done += some
    return own


def _check_size(file: IO[bytes], n_bytes: int) -> None:
    if os.fstat(file.fileno()).st_size != n_bytes:
        raise ValueError("The slices are not all there.")
