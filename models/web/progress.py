"""What takes a while, and what the pages are told about it: the reading of an upload, the search for nodules.

How far it has come lies in the store, so that any process of the server can tell.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace

import msgspec

from models.errors import UserError
from models.imaging.scan import Scan
from models.inference.detection.candidates import Candidate, SearchState, State
from models.inference.detection.finder import Finder
from models.inference.detection.search import Cancelled, search
from models.web.store import ScanStore
from models.web.store.keys import CANCEL

AT_ONCE = 2  # searches of one process; others wait
SILENT_SECONDS = 60  # a search that says nothing for so long has died with its process
BEAT_SECONDS = 0.4  # between two notes on how far it is, and between two looks at whether it is cancelled
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Note:
    """What a search keeps in the store: how far it was at a time (s), and which of a scan's it is."""

    run: str
    at: float
    search: SearchState


def reporter(store: ScanStore, job: str | None, owner: str) -> Callable[[int, int], None]:
    """A callback ``(done, total)`` that keeps how far the reading of an upload is, for ``store.reported``."""
    last = 0.0

    def report(done: int, total: int) -> None:
        nonlocal last
        if done == total or time.monotonic() - last > BEAT_SECONDS / 2:
            last = time.monotonic()
            store.report(job, owner, {"done": done, "total": total})

    return report


class Searches:
    """The searches that this process runs.

    Parameters
    ----------
    store : ScanStore
    finder : callable
        Gives the `Finder`, or None: then every search is ``unavailable``.
    counted : callable
        Makes a context manager that is entered while a search runs.
    """

    def __init__(
        self,
        store: ScanStore,
        finder: Callable[[], Finder | None],
        counted: Callable[[], AbstractContextManager] = nullcontext,
    ):
        self._store, self._finder, self._counted = store, finder, counted
        self._slots = threading.BoundedSemaphore(AT_ONCE)

    def start(self, token: str, owner: str) -> threading.Thread | None:
        """Search a scan in a thread of its own, unless that is being done or was; the thread, or None."""
        scan = self._store.get(token, owner)
        finder = self._finder()
        if finder is None or self.state(token, owner).state in ("queued", "running", "done"):
            return None
        run = _Run(self._store, token, owner, secrets.token_hex(8), len(scan.slices))
        has_slot = self._slots.acquire(blocking=False)
        run.say("running" if has_slot else "queued")
        thread = threading.Thread(target=self._search, args=(run, scan, finder, has_slot), daemon=True)
        thread.start()
        return thread

    def state(self, token: str, owner: str) -> SearchState:
        """How far a scan's search is."""
        note = self._note(token, owner)
        if note is None:
            return SearchState("unavailable" if self._finder() is None else "none")
        if note.search.state in ("queued", "running"):
            if note.run in self._store.read(token, owner, CANCEL, []):
                return replace(note.search, state="cancelled")
            if time.time() - note.at > SILENT_SECONDS:
                return replace(note.search, state="failed")
        return note.search

    def _note(self, token: str, owner: str) -> _Note | None:
        return msgspec.convert(self._store.read(token, owner, "search"), _Note | None)

    def cancel(self, token: str, owner: str) -> None:
        """Stop a scan's search, in whichever process it runs."""
        if note := self._note(token, owner):
            self._store.append(token, owner, CANCEL, note.run)

    def _search(self, run: "_Run", scan: Scan, finder: Finder, has_slot: bool) -> None:
        try:
            while not has_slot:
                has_slot = self._slots.acquire(timeout=BEAT_SECONDS)
                run.progress(0, run.total, (), "queued")
                if run.cancelled():
                    return
            with self._counted():
                found = search(scan, finder, progress=run.progress, cancelled=run.cancelled)
            run.say("done", run.total, found)
        except Cancelled:
            pass  # whoever cancelled it has left a note
        except Exception as error:
            if getattr(error, "code", "") != "scan_gone":
                log.exception("A search failed.")
                run.fail()
        finally:
            if has_slot:
                self._slots.release()


class _Run:
    """One search and the note that it keeps; `name` tells it from an earlier one of the same scan."""

    def __init__(self, store: ScanStore, token: str, owner: str, name: str, total: int):
        self.total, self._name = total, name
        self._store, self._scan = store, (token, owner)
        self._said = self._looked = 0.0
        self._is_cancelled = False

    def say(self, state: State, done: int = 0, candidates: tuple[Candidate, ...] = ()) -> None:
        candidates = tuple(map(_as_in_forms, candidates))
        note = _Note(self._name, time.time(), SearchState(state, done, self.total, candidates))
        self._store.write(*self._scan, "search", msgspec.to_builtins(note))

    def progress(
        self, done: int, total: int, candidates: tuple[Candidate, ...], state: State = "running"
    ) -> None:
        if time.monotonic() - self._said > BEAT_SECONDS and not self.cancelled():
            self._said, self.total = time.monotonic(), total
            self.say(state, done, candidates)

    def cancelled(self) -> bool:
        """Whether someone cancelled it, or the scan is gone."""
        if not self._is_cancelled and time.monotonic() - self._looked > BEAT_SECONDS:
            self._looked = time.monotonic()
            try:
                self._is_cancelled = self._name in self._store.read(*self._scan, CANCEL, [])
            except UserError:
                self._is_cancelled = True
        return self._is_cancelled

    def fail(self) -> None:
        with suppress(UserError):  # the scan is gone, and nobody waits
            self.say("failed")


def _as_in_forms(candidate: Candidate) -> Candidate:
    """Rounded, so that a location comes back from a form as it went there."""
    diameter = candidate.diameter_mm
    return replace(
        candidate,
        row=round(candidate.row, 1),
        col=round(candidate.col, 1),
        diameter_mm=None if diameter is None else round(diameter, 1),
    )
