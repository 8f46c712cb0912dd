"""From an upload to a scan by way of a child process; see the package."""

import functools
import logging
import shutil
import socket
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict

from models.errors import UserError
from models.imaging.display import to_png
from models.imaging.phantom import draw_phantom
from models.ingest.limits import Limits
from models.ingest.read import read_scan
from models.ingest.sandbox import restrictions
from models.ingest.sandbox.fair_share import Turns
from models.ingest.sandbox.fork_server_client import ForkServerDoesNotStart, fork_server_client
from models.ingest.sandbox.result import ForkServerGone, busy, converse, scan_in
from models.ingest.source import Source
from models.ingest.spool import Spool, scratch
from models.trained import FOLDER, use

IS_ISOLATED = sys.platform == "linux"
LEAST_SECONDS, SECONDS_PER_MB = 8, 4
DECODING_S = 3  # of the time that a request may take, kept for the child when it has to wait for its turn
PIXEL_BYTES = 4  # float32 at most
COPY_BYTES = 1 << 20
RESULT_BYTES = 100_000_000  # of an upload, up to which its slices are handed over in memory
CHECK_S = 10  # how long an answer of `Decoder.problem` holds
NOT_KEPT = (
    "This system has no %s: a decoder that a file takes over is bounded in time and memory, but could read "
    "or reach what this user can."
)
log = logging.getLogger(__name__)


class Decoder:
    """Reads uploads, each in a process of its own; where there is no fork of Linux, in this one.

    Parameters
    ----------
    limits : Limits
    seconds : int
        Longest time for one upload; small ones have less: 8 s and 4 s a megabyte.
    megabytes : int
        Address space of a process that decodes.
    at_once : int
        Uploads decoded at once; others wait for their turn.
    weights : str or Path
        Folder of the weights, some of which tell CT from other images.
    """

    def __init__(self, limits=None, seconds=120, megabytes=3000, at_once=4, weights=FOLDER):
        self._limits = limits or Limits()
        self._seconds, self._megabytes = seconds, megabytes
        self._turns = Turns(at_once)
        self._check, self._checked_at, self._problem = threading.Lock(), -CHECK_S, ""
        _say_what_is_missing()
        if IS_ISOLATED:
            self._zygote = fork_server_client(weights)
            with suppress(ForkServerDoesNotStart):  # an upload will say so
                self._zygote.start()
        else:
            use(weights)

    def read(self, files, spacing_mm=None, progress=None, visitor=(), keep_doubted=False):
        """Decode an upload as `models.ingest.read.read_scan` does, within bounds.

        Parameters
        ----------
        files : list of Source, or of (str, bytes)
        spacing_mm : float, optional
        progress : callable, optional
        visitor : tuple of hashable
            As of `Turns.take`: whose upload it is.
        keep_doubted : bool
            Whether what looks like no CT of the chest is refused with the scan (ContentDoubted).

        Returns
        -------
        Scan
            Its slices are read-only.

        Raises
        ------
        UserError
            What `read_scan` raises; ``corrupt_file`` for what ends its process or takes too long,
            ``too_large`` for what takes too much memory, ``store_full`` where there is no room for the
            slices, ``busy`` where there is no process for it at the moment, ``decoder_unavailable`` where
            there never will be.
        """
        if not IS_ISOLATED:
            return read_scan(files, spacing_mm, self._limits, progress)
        sources = [file if isinstance(file, Source) else Source.of_bytes(*file) for file in files]
        with ExitStack() as stack:
            spool, parts = _in_one_spool(sources, stack)
            seconds = min(self._seconds, LEAST_SECONDS + SECONDS_PER_MB * spool.n_bytes / 1e6)
            job = {
                "files": [[source.name, *place] for source, place in zip(sources, parts, strict=True)],
                "spacing_mm": spacing_mm,
                "limits": asdict(self._limits),
                "keep_doubted": keep_doubted,
            }
            with self._turn(seconds, visitor) as left:
                return self._decode(job, spool, left, progress or (lambda done, total: None))

    def problem(self):
        """Why nothing can be decoded, in a sentence; empty where a tiny picture can.

        It is tried at most every `CHECK_S` seconds, however often this is asked, and waits for no turn.
        """
        with self._check:
            if time.monotonic() - self._checked_at >= CHECK_S:
                self._problem = self._try()
                self._checked_at = time.monotonic()
            return self._problem

    def _try(self):
        name, picture = "tiny.png", to_png(draw_phantom("smooth"))
        try:
            if not IS_ISOLATED:
                read_scan([Source.of_bytes(name, picture)])
                return ""
            with Spool(len(picture)) as spool:
                spool.append(picture)
                job = {"files": [[name, 0, len(picture)]], "spacing_mm": None, "limits": asdict(self._limits)}
                self._decode(job, spool, LEAST_SECONDS, lambda done, total: None)
        except UserError as error:
            return error.message
        return ""

    @contextmanager
    def _turn(self, seconds, visitor):
        """Wait for a turn, and take what is left of the time."""
        begin = time.monotonic()
        with ExitStack() as stack:
            try:
                stack.enter_context(self._turns.take(visitor, max(0, seconds - DECODING_S)))
            except TimeoutError:
                raise busy() from None
            yield seconds - (time.monotonic() - begin)

    def _decode(self, job, spool, seconds, progress):
        end = time.monotonic() + seconds
        for _ in range(2):  # a zygote that is gone is started again
            try:
                return self._once(job, spool, max(1, end - time.monotonic()), progress)
            except ForkServerGone:
                continue
            except ForkServerDoesNotStart:
                message = "This server cannot read images: the program that decodes them does not start."
                raise UserError("decoder_unavailable", message) from None
        raise busy()

    def _once(self, job, spool, seconds, progress):
        order = {
            "kind": "upload",
            "seconds": seconds,
            "megabytes": self._megabytes,
            "file_bytes": PIXEL_BYTES * self._limits.pixels,
        }
        control, theirs = socket.socketpair()
        with control, scratch(spool.n_bytes, RESULT_BYTES) as result:
            with theirs:
                try:
                    asked = self._zygote.order(order, [theirs.fileno(), spool.fileno(), result.fileno()])
                except ForkServerDoesNotStart:
                    raise
                except OSError as error:
                    raise ForkServerGone from error
            try:
                answer = converse(control, job, seconds, progress)
            except ForkServerGone:
                self._zygote.forget(asked)
                raise
            return scan_in(answer, result)


@functools.cache
def _say_what_is_missing():
    """What the system cannot do for decoders, in one line of the log."""
    if missing := restrictions.missing():
        log.warning(NOT_KEPT, " and no ".join(missing))


def _in_one_spool(sources, stack):
    """The spool that all sources lie in, or a new one that ends with the stack; and their places in it."""
    spools = {source.part.spool if source.part else None for source in sources}
    if len(spools) == 1 and None not in spools:
        return spools.pop(), [(source.part.offset, source.part.length) for source in sources]
    spool = stack.enter_context(Spool())
    parts = []
    for source in sources:
        parts.append(spool.part())
        shutil.copyfileobj(source.open(), parts[-1], COPY_BYTES)
    return spool, [(part.offset, part.length) for part in parts]
