"""Series on their way from the PACS into the store: each in a thread, its progress kept in the store.

Of a series that was cancelled or did not come whole, nothing is left.
"""

import logging
import secrets
import threading
import time
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from models.errors import ContentDoubted, UserError
from models.imaging.scan import Scan
from models.inference.detection.search import Cancelled
from models.ingest.asked import Asked
from models.ingest.sandbox.decoder import Decoder
from models.ingest.sandbox.result import busy
from models.ingest.spool import Spool
from models.messages import Message
from models.web.pacs.client import Pacs
from models.web.progress import BEAT_SECONDS, SILENT_SECONDS, Searches
from models.web.store import ScanStore
from models.web.store.keys import FROM_PACS

AT_ONCE, WAITING_AT_MOST = 2, 8  # series of one process
State = Literal["waiting", "fetching", "reading", "done", "failed", "cancelled"]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FetchState:
    """How far a series is.

    Attributes
    ----------
    done, total
        Images that have come, or steps of their reading.
    scan
        Address of the scan once it is done, or where it is doubted that it shows a chest.
    code, text
        Of the error where it failed.
    at
        When this was so, in seconds since 1970.
    """

    state: State
    done: int = 0
    total: int = 0
    scan: str = ""
    code: str = ""
    text: Message | None = None
    at: float = 0.0

    @property
    def is_under_way(self) -> bool:
        """Whether there will be more."""
        return self.state in ("waiting", "fetching", "reading")


BROKE_OFF = UserError(
    "pacs_unavailable", "The series arrived incomplete because this server stopped. Try again."
)


class Fetches:
    """The series that this process fetches.

    Parameters
    ----------
    pacs : Pacs
    store : ScanStore
    decoder : Decoder
        Reads them as it reads uploads.
    searches : Searches
        Begin with a scan that has come.
    """

    def __init__(self, pacs: Pacs, store: ScanStore, decoder: Decoder, searches: Searches) -> None:
        self._pacs, self._store, self._decoder, self._searches = pacs, store, decoder, searches
        self._slots = threading.BoundedSemaphore(AT_ONCE)
        self._places = threading.BoundedSemaphore(AT_ONCE + WAITING_AT_MOST)

    def start(
        self, study: str, series: str, owner: str, address: str, visitor: tuple[Hashable, ...] = ()
    ) -> str:
        """Begin to fetch a series for a browser; the name of the job. UserError ``busy``."""
        if not self._places.acquire(blocking=False):
            raise busy()
        job = secrets.token_hex(16)
        fetch = _Fetch(self._store, job, owner)
        fetch.say("waiting")

        def run() -> None:
            try:
                self._run(fetch, study, series, address, visitor)
            finally:
                self._places.release()

        threading.Thread(target=run, daemon=True).start()
        return job

    def state(self, job: str, owner: str) -> FetchState | None:
        """How far a job is; None where there is none, or it was over some minutes ago."""
        note = self._store.reported(job, owner)
        if note is None:
            return None
        found = msgspec.convert(note, FetchState)
        if found.is_under_way and self._store.reported(_cancel_of(job), owner):
            return FetchState("cancelled")
        if found.is_under_way and time.time() - found.at > SILENT_SECONDS + self._pacs.seconds:
            return FetchState("failed", code=BROKE_OFF.code, text=BROKE_OFF.text)
        return found

    def cancel(self, job: str, owner: str) -> None:
        """Stop a job, in whichever process it runs."""
        self._store.report(_cancel_of(job), owner, True)

    def _run(
        self, fetch: "_Fetch", study: str, series: str, address: str, visitor: tuple[Hashable, ...]
    ) -> None:
        try:
            while not self._slots.acquire(timeout=BEAT_SECONDS):
                fetch.progress("waiting", 0, 0)
                fetch.stop_if_cancelled()
            try:
                self._fetch(fetch, study, series, address, visitor)
            finally:
                self._slots.release()
        except ContentDoubted as error:
            fetch.fail(error, self._keep(fetch, error.scan, address) if error.scan is not None else "")
        except UserError as error:
            fetch.fail(error)
        except Cancelled:
            pass  # whoever cancelled it has left a note
        except Exception as error:
            log.exception("A series could not be fetched: %s.", type(error).__name__)
            fetch.fail(BROKE_OFF)

    def _fetch(
        self, fetch: "_Fetch", study: str, series: str, address: str, visitor: tuple[Hashable, ...]
    ) -> None:
        with Spool() as spool:
            sources = self._pacs.fetch(
                study,
                series,
                spool,
                lambda done, total: fetch.progress("fetching", done, total),
                fetch.is_cancelled,
            )
            asked = Asked(keep_doubted=True)
            scan = self._decoder.read(
                sources, asked, lambda done, total: fetch.progress("reading", done, total), visitor
            )
        fetch.stop_if_cancelled()
        kept = self._keep(fetch, scan, address)
        fetch.say("done", scan=kept)

    def _keep(self, fetch: "_Fetch", scan: Scan, address: str) -> str:
        """Put a scan into the store, and begin to search it; its address."""
        token = self._store.put(scan, fetch.owner, address)
        self._store.write(token, fetch.owner, FROM_PACS, True)
        if not (scan.is_crop or any(notice.code == "content_doubted" for notice in scan.notices)):
            self._searches.start(token, fetch.owner)
        return f"/scan/{token}"


class _Fetch:
    """One series, and what is said of it in the store."""

    def __init__(self, store: ScanStore, job: str, owner: str) -> None:
        self.owner = owner
        self._store, self._job = store, job
        self._state, self._said, self._looked, self._is_cancelled = "", 0.0, 0.0, False

    def say(self, state: State, done: int = 0, total: int = 0, scan: str = "") -> None:
        self._report(FetchState(state, done, total, scan))

    def fail(self, error: UserError, scan: str = "") -> None:
        self._report(FetchState("failed", scan=scan, code=error.code, text=error.text))

    def progress(self, state: State, done: int, total: int) -> None:
        if state != self._state or time.monotonic() - self._said > BEAT_SECONDS:
            self._state, self._said = state, time.monotonic()
            self.stop_if_cancelled()
            self.say(state, done, total)

    def is_cancelled(self) -> bool:
        if not self._is_cancelled and time.monotonic() - self._looked > BEAT_SECONDS:
            self._looked = time.monotonic()
            self._is_cancelled = bool(self._store.reported(_cancel_of(self._job), self.owner))
        return self._is_cancelled

    def stop_if_cancelled(self) -> None:
        if self.is_cancelled():
            raise Cancelled

    def _report(self, state: FetchState) -> None:
        self._store.report(self._job, self.owner, msgspec.to_builtins(replace(state, at=time.time())))


def _cancel_of(job: str) -> str:
    return f"{job[:40]}-cancel"
