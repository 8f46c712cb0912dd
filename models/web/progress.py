"""What takes a while, and what the pages are told about it: the reading of an upload, the search for nodules.

How far it has come lies in the store, so that any process of the server can tell.
"""

import logging
import secrets
import threading
import time
from contextlib import nullcontext, suppress

from models.errors import UserError
from models.inference.detection.search import Cancelled, search

AT_ONCE = 2  # searches of one process; others wait
SILENT_SECONDS = 60  # a search that says nothing for so long has died with its process
BEAT_SECONDS = 0.4  # between two notes on how far it is, and between two looks at whether it is cancelled
log = logging.getLogger(__name__)


def reporter(store, job, owner):
    """A callback ``(done, total)`` that keeps how far the reading of an upload is, for ``store.reported``."""
    last = 0.0

    def report(done, total):
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
    localiser : Localiser or None
        None: every search is ``unavailable``.
    counted : callable
        Makes a context manager that is entered while a search runs.
    """

    def __init__(self, store, localiser, counted=nullcontext):
        self._store, self._localiser, self._counted = store, localiser, counted
        self._slots = threading.BoundedSemaphore(AT_ONCE)

    def start(self, token, owner):
        """Search a scan in a thread of its own, unless that is being done or was; the thread, or None."""
        scan = self._store.get(token, owner)
        if self._localiser is None or self.state(token, owner)["state"] in ("queued", "running", "done"):
            return None
        run = _Run(self._store, token, owner, secrets.token_hex(8), len(scan.slices))
        has_slot = self._slots.acquire(blocking=False)
        run.say("running" if has_slot else "queued")
        thread = threading.Thread(target=self._search, args=(run, scan, has_slot), daemon=True)
        thread.start()
        return thread

    def state(self, token, owner):
        """How far a scan's search is.

        Returns
        -------
        dict
            ``state``: none, queued, running, done, cancelled, failed or unavailable; ``done`` and ``total``
            slices; ``candidates``, best first, as dicts of row, col, slice, score and diameter_mm.
        """
        note = self._store.read(token, owner, "search")
        if note is None:
            state = "unavailable" if self._localiser is None else "none"
            return {"state": state, "done": 0, "total": 0, "candidates": []}
        if note["state"] in ("queued", "running"):
            if note["run"] in self._store.read(token, owner, "cancel", []):
                note["state"] = "cancelled"
            elif time.time() - note["at"] > SILENT_SECONDS:
                note["state"] = "failed"
        return {name: note[name] for name in ("state", "done", "total", "candidates")}

    def cancel(self, token, owner):
        """Stop a scan's search, in whichever process it runs."""
        note = self._store.read(token, owner, "search")
        if note is not None:
            self._store.append(token, owner, "cancel", note["run"])

    def _search(self, run, scan, has_slot):
        try:
            while not has_slot:
                has_slot = self._slots.acquire(timeout=BEAT_SECONDS)
                run.progress(0, run.total, state="queued")
                if run.cancelled():
                    return
            with self._counted():
                found = search(scan, self._localiser, progress=run.progress, cancelled=run.cancelled)
            run.say("done", run.total, [_as_dict(candidate) for candidate in found])
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

    def __init__(self, store, token, owner, name, total):
        self.total, self._name = total, name
        self._store, self._place = store, (token, owner)
        self._said = self._looked = 0.0
        self._is_cancelled = False

    def say(self, state, done=0, candidates=()):
        note = {"run": self._name, "state": state, "done": done, "total": self.total, "at": time.time()}
        self._store.write(*self._place, "search", note | {"candidates": list(candidates)})

    def progress(self, done, total, state="running"):
        if time.monotonic() - self._said > BEAT_SECONDS and not self.cancelled():
            self._said, self.total = time.monotonic(), total
            self.say(state, done)

    def cancelled(self):
        """Whether someone cancelled it, or the scan is gone."""
        if not self._is_cancelled and time.monotonic() - self._looked > BEAT_SECONDS:
            self._looked = time.monotonic()
            try:
                self._is_cancelled = self._name in self._store.read(*self._place, "cancel", [])
            except UserError:
                self._is_cancelled = True
        return self._is_cancelled

    def fail(self):
        with suppress(UserError):  # the scan is gone, and nobody waits
            self.say("failed")


def _as_dict(candidate):
    """For JSON; places rounded so that they come back from a form as they went there."""
    return {
        "row": round(float(candidate.row), 1),
        "col": round(float(candidate.col), 1),
        "slice": int(candidate.slice),
        "score": float(candidate.score),
        "diameter_mm": candidate.diameter_mm and round(float(candidate.diameter_mm), 1),
    }
