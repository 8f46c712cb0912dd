"""What a child of the fork server does: decode one upload, within bounds, and say how that went.

It reads a job and writes messages, one line of JSON each, over its control socket: ``progress`` (done,
total), and at last ``scan``, ``error`` (code and text of a UserError), both where its content is doubted,
``error`` with ``several`` (the list of several series), or ``failed`` (a traceback without values). The
slices go into the result file.
"""

import ctypes
import json
import os
import signal
import socket
import traceback
from contextlib import suppress
from typing import Any

import msgspec
import numpy as np

from models.errors import ContentDoubted, SeveralSeries, UserError
from models.imaging.scan import describe
from models.ingest.asked import Asked
from models.ingest.dicom import codec
from models.ingest.limits import Limits, out_of_memory
from models.ingest.read import read_scan
from models.ingest.sandbox import restrictions
from models.ingest.source import Source
from models.ingest.spool import FULL, Window, disk_full
from models.messages import Message

PIXEL_BYTES = 4  # float32 at most
PR_SET_PDEATHSIG = 1  # prctl(2)
OPEN_FILES = 64


class Job(msgspec.Struct, frozen=True):
    """An upload to decode, and what its process may use.

    Attributes
    ----------
    files
        Name, offset and length in the spool of each file.
    asked
        As of `models.ingest.read.read_scan`.
    seconds
        Wall time after which the kernel ends the process.
    megabytes
        Address space; beyond it memory is refused.
    """

    files: tuple[tuple[str, int, int], ...]
    asked: Asked
    limits: Limits
    seconds: float
    megabytes: float


JOBS = msgspec.json.Decoder(Job)  # once for all children


def run_job(control: socket.socket, spool: int, result: int, rules: int | None) -> None:
    """In a child: read a job and answer it.

    Parameters
    ----------
    control
        Where the job is read from, and answered.
    spool, result
        Descriptors of the upload's files, and of an empty file for the slices.
    rules
        As of `restrictions.ruleset`.
    """
    with control.makefile("rb") as lines:
        job = JOBS.decode(lines.readline())
    _confine(job)
    restrictions.enter(rules)
    codec.decode_here()
    try:
        answer = _answer(job, control, spool, result)
    except SeveralSeries as several:
        listed = msgspec.to_builtins(several.listing)
        answer = {"error": [several.code, _wire(several.text)], "several": listed}
    except UserError as error:
        answer = {"error": [error.code, _wire(error.text)]}
    except MemoryError:
        answer = {"error": [out_of_memory().code, _wire(out_of_memory().text)]}
    except Exception as error:  # a mistake of ours: what it says may quote the file, where it was does not
        lines_of_code = traceback.format_tb(error.__traceback__)
        answer = {"failed": f"{''.join(lines_of_code)}{type(error).__name__}"}
    _say(control, answer)


def follow(parent: int) -> None:
    """End this process with its parent, rather than the server where memory runs out; say nothing."""
    if restrictions.LIBC:
        restrictions.LIBC.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # a sandbox may not have it
        file.write("800")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # what C libraries print may quote the file
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _confine(job: Job) -> None:
    """Bound this process; its time ends it wherever it is (SIGALRM)."""
    import resource  # not on Windows, where nothing is isolated

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, max(job.seconds, 0.001))
    for what, most in (
        (resource.RLIMIT_AS, int(job.megabytes * 1_000_000)),
        (resource.RLIMIT_FSIZE, PIXEL_BYTES * job.limits.pixels),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
    ):
        resource.setrlimit(what, (most, most))


def _answer(job: Job, control: socket.socket, spool: int, result: int) -> dict[str, object]:
    def progress(done: int, total: int) -> None:
        _say(control, {"progress": [done, total]})

    sources = [Source(name, Window(spool, offset, length).opened) for name, offset, length in job.files]
    doubt = {}
    try:
        scan = read_scan(sources, None, job.limits, progress, job.asked)
    except ContentDoubted as doubted:
        if not job.asked.keep_doubted:
            raise
        scan, doubt = doubted.scan, {"error": [doubted.code, _wire(doubted.text)]}
    header = msgspec.to_builtins(scan.header)
    return {"scan": describe(scan), "header": header, **_written(scan.slices, result)} | doubt


def _written(slices: np.ndarray, result: int) -> dict[str, object]:
    """Write the slices; what is needed to read them."""
    try:
        with open(result, "wb", buffering=0, closefd=False) as file:
            for pixels in slices:
                left = np.ascontiguousarray(pixels).data.cast("B")
                while left:
                    left = left[file.write(left) :]
    except OSError as error:
        if error.errno in FULL:
            raise disk_full() from None
        raise
    return {"dtype": slices.dtype.str, "shape": slices.shape}


def _wire(text: Message) -> Any:
    """A message as JSON has it."""
    return msgspec.to_builtins(text)


def _say(control: socket.socket, message: dict[str, object]) -> None:
    control.sendall(json.dumps(message).encode() + b"\n")
