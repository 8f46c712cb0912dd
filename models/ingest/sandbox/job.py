"""What a child of the zygote does: decode one upload and say how that went.

It reads a job and writes messages, one line of JSON each, over its control socket: ``progress`` (done,
total), and at last ``scan``, ``error`` (code and sentence of a UserError), both where its content is doubted,
or ``failed`` (a traceback without values). The slices go into the result file.
"""

import json
import socket
import time
import traceback
from functools import partial

import numpy as np

from models.errors import ContentDoubted, UserError
from models.imaging.scan_json import describe
from models.ingest.dicom import codec
from models.ingest.limits import Limits, out_of_memory
from models.ingest.read import read_scan
from models.ingest.sandbox.forked_codec import ForkedCodec
from models.ingest.source import Source
from models.ingest.spool import FULL, Window, disk_full


def decode_upload(control, spool, result, fork_server, end):
    """Answer one job.

    Parameters
    ----------
    control : socket.socket
    spool, result : int
        Descriptors of the upload's files, and of an empty file for the slices.
    zygote : socket.socket
        This process's own line to it, where codecs are asked for.
    end : float
        Of the time for all of it, as `time.monotonic` counts.
    """
    codec.use(codec.CodecPerThread(partial(_codec, fork_server, end)))
    with control.makefile("rb") as lines:
        job = json.loads(lines.readline())
    try:
        answer = _answer(job, spool, result, partial(_say, control))
    except UserError as error:
        answer = {"error": [error.code, error.message]}
    except MemoryError:
        answer = {"error": [out_of_memory().code, out_of_memory().message]}
    except Exception as error:  # a mistake of ours: what it says may quote the file, where it was does not
        place = traceback.format_tb(error.__traceback__)
        answer = {"failed": f"{''.join(place)}{type(error).__name__}"}
    _say(control, answer)


def _answer(job, spool, result, say):
    def progress(done, total):
        say({"progress": [done, total]})

    sources = [Source(name, Window(spool, offset, length).opened) for name, offset, length in job["files"]]
    doubt = {}
    try:
        scan = read_scan(sources, job["spacing_mm"], Limits(**job["limits"]), progress)
    except ContentDoubted as doubted:
        if not job.get("keep_doubted"):
            raise
        scan, doubt = doubted.scan, {"error": [doubted.code, doubted.message]}
    return {"scan": describe(scan), **_written(scan.slices, result)} | doubt


def _written(slices, result):
    """Write the slices; what is needed to read them."""
    try:
        with open(result, "wb", buffering=0, closefd=False) as file:
            for pixels in slices:
                left = memoryview(np.ascontiguousarray(pixels)).cast("B")
                while left:
                    left = left[file.write(left) :]
    except OSError as error:
        if error.errno in FULL:
            raise disk_full() from None
        raise
    return {"dtype": slices.dtype.str, "shape": slices.shape}


def _say(control, message):
    control.sendall(json.dumps(message).encode() + b"\n")


def _codec(fork_server, end):
    ours, theirs = socket.socketpair()
    with theirs:
        order = {"kind": "codec", "seconds": end - time.monotonic()}
        socket.send_fds(fork_server, [json.dumps(order).encode()], [theirs.fileno()])
    return ForkedCodec(ours)
