"""From an upload to a scan by way of a child process; see the package."""

import functools
import logging
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import msgspec

from models.errors import UserError
from models.imaging.display import to_png
from models.imaging.phantom import draw_phantom
from models.imaging.scan import Scan
from models.ingest.asked import NOTHING, Asked
from models.ingest.limits import Limits
from models.ingest.read import File, read_scan
from models.ingest.sandbox import restrictions
from models.ingest.sandbox.fair_share import Turns
from models.ingest.sandbox.fork_server_client import ForkServerDoesNotStart, fork_server_client
from models.ingest.sandbox.job import Job
from models.ingest.sandbox.result import ForkServerGone, busy, converse, scan_in
from models.ingest.source import Source
from models.ingest.spool import Spool, scratch
from models.weights import FOLDER, use

IS_ISOLATED = sys.platform == "linux"
LEAST_SECONDS, SECONDS_PER_MB = 8, 4
DECODING_S = 3  # of the time that a request may take, kept for the child when it has to wait for its turn
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
    seconds
        Longest time for one upload; small ones have less: 8 s and 4 s a megabyte.
    megabytes
        Address space of a process that decodes.
    at_once
        Uploads decoded at once; others wait for their turn.
    weights
        Folder of the weights, some of which tell CT from other images.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        seconds: float = 120,
        megabytes: float = 3000,
        at_once: int = 4,
        weights: str | Path = FOLDER,
    ) -> None:
        self._limits = limits or Limits()
        self._seconds, self._megabytes = seconds, megabytes
        self._turns = Turns(at_once)
        self._check, self._checked_at, self._problem = threading.Lock(), -float(CHECK_S), ""
        _say_what_is_missing()
        if IS_ISOLATED:
            self._fork_server = fork_server_client(weights)
            with suppress(ForkServerDoesNotStart):  # an upload will say so
                self._fork_server.start()
        else:
            use(weights)

    def read(
        self,
        files: Sequence[File],
        asked: Asked = NOTHING,
        progress: Callable[[int, int], object] | None = None,
        visitor: tuple[Hashable, ...] = (),
    ) -> Scan:
        """Decode an upload as `models.ingest.read.read_scan` does, within bounds.

        Parameters
        ----------
        asked, progress
            As of `read_scan`.
        visitor
            As of `Turns.take`: whose upload it is.

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
            return read_scan(files, None, self._limits, progress, asked)
        sources = [file if isinstance(file, Source) else Source.of_bytes(*file) for file in files]
        with ExitStack() as stack:
            spool, parts = _in_one_spool(sources, stack)
            seconds = min(self._seconds, LEAST_SECONDS + SECONDS_PER_MB * spool.n_bytes / 1e6)
            names = [(source.name, *part) for source, part in zip(sources, parts, strict=True)]
            with self._turn(seconds, visitor) as end:
                job = self._job(names, asked)
                return self._decode(job, spool, end, progress or (lambda done, total: None))

    def problem(self) -> str:
        """Why nothing can be decoded, in a sentence; empty where a tiny picture can.

        It is tried at most every `CHECK_S` seconds, however often this is asked, and waits for no turn.
        """
        with self._check:
            if time.monotonic() - self._checked_at >= CHECK_S:
                self._problem = self._try()
                self._checked_at = time.monotonic()
            return self._problem

    def _try(self) -> str:
        name, picture = "tiny.png", to_png(draw_phantom("smooth"))
        try:
            if not IS_ISOLATED:
                read_scan([(name, picture)])
                return ""
            with Spool(len(picture)) as spool:
                spool.append(picture)
                job = self._job([(name, 0, len(picture))], NOTHING)
                self._decode(job, spool, time.monotonic() + LEAST_SECONDS, lambda done, total: None)
        except UserError as error:
            return error.message
        return ""

    def _job(self, files: list[tuple[str, int, int]], asked: Asked) -> Job:
        return Job(tuple(files), asked, self._limits, self._seconds, self._megabytes)

    @contextmanager
    def _turn(self, seconds: float, visitor: tuple[Hashable, ...]) -> Iterator[float]:
        """Wait for a turn; until when the upload may take, as `time.monotonic` counts."""
        end = time.monotonic() + seconds
        with ExitStack() as stack:
            try:
                stack.enter_context(self._turns.take(visitor, max(0, seconds - DECODING_S)))
            except TimeoutError:
                raise busy() from None
            yield end

    def _decode(self, job: Job, spool: Spool, end: float, progress: Callable[[int, int], object]) -> Scan:
        for _ in range(2):  # a fork server that is gone is started again
            try:
                left = max(1, end - time.monotonic())
                return self._once(msgspec.structs.replace(job, seconds=left), spool, progress)
            except ForkServerGone:
                continue
            except ForkServerDoesNotStart:
                raise UserError(
                    "decoder_unavailable", "This server cannot read images: the decoder does not start."
                ) from None
        raise busy()

    def _once(self, job: Job, spool: Spool, progress: Callable[[int, int], object]) -> Scan:
        control, theirs = socket.socketpair()
        with control, scratch(spool.n_bytes, RESULT_BYTES) as result:
            with theirs:
                try:
                    line = self._fork_server.send([theirs.fileno(), spool.fileno(), result.fileno()])
                except OSError as error:
                    raise ForkServerGone from error
            try:
                answer = converse(control, job, progress)
            except ForkServerGone:
                self._fork_server.forget(line)
                raise
            return scan_in(answer, result)


@functools.cache
def _say_what_is_missing() -> None:
    """What the system cannot do for decoders, in one line of the log."""
    if missing := restrictions.missing():
        log.warning(NOT_KEPT, " and no ".join(missing))


def _in_one_spool(sources: list[Source], stack: ExitStack) -> tuple[Spool, list[tuple[int, int]]]:
    """The spool that all sources lie in, or a new one that ends with the stack; offset and length of each."""
    parts = [source.part for source in sources if source.part]
    if not parts or len(parts) < len(sources) or len({part.spool for part in parts}) > 1:
        spool, parts = stack.enter_context(Spool()), []
        for source in sources:
            parts.append(spool.part())
            shutil.copyfileobj(source.open(), parts[-1], COPY_BYTES)
    else:
        spool = parts[0].spool
    return spool, [(part.offset, part.length) for part in parts]
