"""The findings of a kept scan as a list: named, one of them leading, deleted and brought back."""

import re
import threading
import time
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from models.errors import UserError
from models.inference.finding import FindingSummary
from models.messages import Message
from models.web.store import ScanStore
from models.web.store.keys import CALCULATED, FINDINGS, OF_NODULE

READING, CORRECTED, MAPS, SENT = "reading", "corrected", "saliency", "sent"
# what is kept of one finding, under these names and its index
OF_ONE = (READING, CORRECTED, MAPS, SENT, CALCULATED, OF_NODULE)
OWN = ("name", "is_leading", "duplicate")  # what a finding is on the list, whatever is answered
UNDO_SECONDS = 10.0  # for which a deleted finding can come back, as the reader is told
GRACE_SECONDS = 3.0  # more, for the network, and for the page to be shown
NAME_AT_MOST = 40  # characters
OF_THE_APP = re.compile(r"f\d+")  # names that the app gives, folded


@dataclass(frozen=True)
class KeptFinding(FindingSummary):
    """A finding as the list keeps it: its name is empty unless a reader gave it one.

    Attributes
    ----------
    deleted_at : float, optional
        When it was deleted (seconds since 1970), while it can come back. Of one that cannot, the list keeps
        its position alone.
    """

    deleted_at: float | None = None


Entries = list[KeptFinding | None]


class FindingGone(IndexError):
    """There is no finding at a position, or it was deleted, perhaps while it was being worked on."""


class FindingList:
    """Keeps the list of each scan; all positions (``index``) are those in the order of asking.

    Methods raise ``UserError("scan_gone")`` as those of the store do, and `FindingGone`.

    Parameters
    ----------
    store : ScanStore
    """

    def __init__(self, store: ScanStore):
        self._store = store
        self._waiting: set[tuple[str, str]] = set()  # scans that a timer will look at
        self._lock = threading.Lock()

    def add(self, token: str, owner: str, found: FindingSummary) -> FindingSummary:
        """Put a finding at the end of the list; as the list has it."""

        def change(entries: Entries) -> None:
            others = {kept.roi.location for kept in entries if kept is not None}
            duplicate = len(entries) if found.roi.location in others else 0
            entries.append(KeptFinding(**vars(found) | {"duplicate": duplicate}))

        entries = self._change(token, owner, change)
        return _shown(len(entries) - 1, _alive(entries, len(entries) - 1))

    def shown(self, token: str, owner: str) -> list[FindingSummary]:
        """All that are not deleted, in the order in which they were asked for."""
        entries = enumerate(self.entries(token, owner))
        return [_shown(i, kept) for i, kept in entries if kept is not None and kept.deleted_at is None]

    def one(self, token: str, owner: str, index: int) -> FindingSummary:
        """The finding at a position, which is not deleted."""
        for found in self.shown(token, owner):
            if found.index == index:
                return found
        raise FindingGone(index)

    def deleted(self, token: str, owner: str) -> list[tuple[FindingSummary, int]]:
        """Those that can still come back, and for how many whole seconds a reader is told so."""
        left = []
        for i, kept in enumerate(self.entries(token, owner)):
            if kept is not None and kept.deleted_at is not None:
                seconds = max(0, round(UNDO_SECONDS - (time.time() - kept.deleted_at)))
                left.append((_shown(i, kept), seconds))
        return left

    def entries(self, token: str, owner: str) -> Entries:
        """The list as it is kept; nothing is left of those whose time is over."""
        entries = _entries(self._store.read(token, owner, FINDINGS))
        return self._purge(token, owner) if any(map(self._is_over, entries)) else entries

    def say_anew(self, token: str, owner: str, said: Mapping[int, FindingSummary]) -> None:
        """Replace what was answered of findings, by their positions; they keep what readers made of them."""

        def change(entries: Entries) -> None:
            for index, found in said.items():
                if (kept := entries[index]) is not None:
                    own = {name: getattr(kept, name) for name in (*OWN, "deleted_at")}
                    entries[index] = KeptFinding(**vars(found) | own)

        self._change(token, owner, change)

    def keep(self, token: str, owner: str, index: int, kind: str, value: Any) -> None:
        """Keep what was computed on a finding (`OF_ONE`), unless nothing is left of it meanwhile."""
        self._store.write(token, owner, f"{kind}{index}", value)
        self._drop_if_forgotten(token, owner, index)

    def update(self, token: str, owner: str, index: int, kind: str, change: Callable[[Any], Any]) -> Any:
        """As `keep`, what `change` makes of what was kept (of None, where nothing was); and return that."""
        value = self._store.update(token, owner, f"{kind}{index}", change)
        self._drop_if_forgotten(token, owner, index)
        return value

    def _drop_if_forgotten(self, token: str, owner: str, index: int) -> None:
        entries = self.entries(token, owner)
        if index < len(entries) and entries[index] is None:
            self._purge(token, owner)
            raise FindingGone(index)

    def rename(self, token: str, owner: str, index: int, text: str) -> None:
        """Give a finding a name, or its first one again where the text is empty.

        Raises
        ------
        UserError
            ``bad_field`` for a name that is too long, has characters that cannot be shown, is another's, or
            one of those that the app gives.
        """
        name = checked_name(text, index)

        def change(entries: Entries) -> None:
            kept = _alive(entries, index)
            for i, other in enumerate(entries):
                if name and i != index and other is not None and _folded(_name_of(i, other)) == _folded(name):
                    raise UserError("bad_field", _taken(other))
            entries[index] = replace(kept, name=name)

        self._change(token, owner, change)

    def lead(self, token: str, owner: str, index: int, is_leading: bool) -> None:
        """Mark a finding as the leading one, which no other is then, or take the mark away."""

        def change(entries: Entries) -> None:
            _alive(entries, index)
            for i, kept in enumerate(entries):
                if kept is not None and (is_leading or i == index):
                    entries[i] = replace(kept, is_leading=is_leading and i == index)

        self._change(token, owner, change)

    def delete(self, token: str, owner: str, index: int) -> None:
        """Hide a finding, and forget it when the time to undo that is over; again is the same as once."""

        def change(entries: Entries) -> None:
            kept = _at(entries, index)
            if kept is None:
                raise FindingGone(index)
            if kept.deleted_at is None:
                entries[index] = replace(kept, deleted_at=time.time())

        self._change(token, owner, change)
        self._purge_later(token, owner)

    def restore(self, token: str, owner: str, index: int) -> None:
        """Bring a deleted finding back with all that it had; UserError ``too_late`` where it is forgotten."""

        def change(entries: Entries) -> None:
            kept = _at(entries, index)
            if kept is None or self._is_over(kept):
                raise UserError(
                    "too_late",
                    "Too late: a deleted finding can be brought back for a few seconds only. "
                    "Click the nodule again to have it read again.",
                )
            entries[index] = replace(kept, deleted_at=None)

        self._change(token, owner, change)

    def _change(self, token: str, owner: str, change: Callable[[Entries], None]) -> Entries:
        """Change the list in place; nobody else does meanwhile. The forgotten ones' notes go."""
        changed: Entries = []

        def changed_note(note: Any) -> Any:
            changed[:] = _entries(note)
            change(changed)
            return msgspec.to_builtins(changed)

        self._store.update(token, owner, FINDINGS, changed_note, _notes_of_forgotten)
        return changed

    def _is_over(self, kept: KeptFinding | None) -> bool:
        """Whether a deleted finding cannot come back; so, too, where the clock was set back."""
        if kept is None or kept.deleted_at is None:
            return False
        return not 0 <= time.time() - kept.deleted_at < UNDO_SECONDS + GRACE_SECONDS

    def _purge(self, token: str, owner: str) -> Entries:
        """Forget all whose time is over: of the list, and what was computed on them."""

        def change(entries: Entries) -> None:
            entries[:] = [None if self._is_over(kept) else kept for kept in entries]

        return self._change(token, owner, change)

    def _purge_later(self, token: str, owner: str) -> None:
        """Have what was deleted forgotten in time even if nobody asks for the list again."""
        with self._lock:
            if (token, owner) in self._waiting:
                return
            self._waiting.add((token, owner))
        timer = threading.Timer(UNDO_SECONDS + GRACE_SECONDS + 0.05, self._look_again, (token, owner))
        timer.daemon = True
        timer.start()

    def _look_again(self, token: str, owner: str) -> None:
        with self._lock:
            self._waiting.discard((token, owner))
        with suppress(UserError):  # the scan is gone, and its findings with it
            if self.deleted(token, owner):  # later ones
                self._purge_later(token, owner)


def checked_name(text: str, index: int) -> str:
    """A name that a reader typed for the finding at a position; empty for the one that the app gives it.

    Raises
    ------
    UserError
        ``bad_field``.
    """
    if any(unicodedata.category(sign)[0] == "C" or sign == "\\" for sign in text.strip()):
        raise UserError("bad_field", "The name must not contain a backslash or invisible characters.")
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if len(name) > NAME_AT_MOST:
        message = Message("The name must have at most {most} characters.", most=NAME_AT_MOST)
        raise UserError("bad_field", message)
    if _folded(name) == _folded(_given(index)):
        return ""
    if OF_THE_APP.fullmatch(_folded(name)):
        raise UserError(
            "bad_field",
            "The app gives names such as F1 itself. Choose another name, or leave the field empty.",
        )
    return name


def _entries(note: Any) -> Entries:
    return msgspec.convert(note or [], Entries)


def _notes_of_forgotten(note: list[Any]) -> list[str]:
    return [f"{kind}{index}" for index, kept in enumerate(note) if kept is None for kind in OF_ONE]


def _at(entries: Entries, index: int) -> KeptFinding | None:
    if not 0 <= index < len(entries):
        raise FindingGone(index)
    return entries[index]


def _alive(entries: Entries, index: int) -> KeptFinding:
    kept = _at(entries, index)
    if kept is None or kept.deleted_at is not None:
        raise FindingGone(index)
    return kept


def _shown(index: int, kept: KeptFinding) -> FindingSummary:
    return replace(kept, index=index, name=_name_of(index, kept))


def _name_of(index: int, kept: KeptFinding) -> str:
    return kept.name or _given(index)


def _given(index: int) -> str:
    """The name that the app gives to the finding at a position, and to no other one."""
    return f"F{index + 1}"


def _folded(name: str) -> str:
    """Names that look alike are one: ``rul`` and ``RUL``."""
    return unicodedata.normalize("NFKC", name).casefold()


def _taken(other: KeptFinding) -> Message:
    if other.deleted_at is not None:
        return Message(
            "A finding of this name was deleted a moment ago and can still come back; wait, or undo that."
        )
    return Message("Another finding of this scan has this name already. Choose another one.")
