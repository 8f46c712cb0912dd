"""Whose study a kept scan is: in memory alone, never on the disk, and gone with the scan.

The memory is anonymous and shared by the processes of a server that are forked after `share`, so that each
of them shows what another one has read; without that, each process has its own. What lies in it is encrypted
as a sealed upload is (`sealed`), by token and owner, of which the server keeps no copy: only the browser
whose scan it is gets it back.
"""

import mmap
from collections.abc import Collection
from contextlib import suppress
from io import BytesIO
from typing import NamedTuple

import msgspec

from models.imaging.study_header import StudyHeader
from models.web.store.sealed import HEADER, key_of, seal, unseal

NAME_BYTES, LENGTH_BYTES = 32, 2
SLOT_BYTES = 4096  # a header takes at most about 3 kB: see `StudyHeader.trimmed`
SPARE = 4  # slots beyond the scans of the store, for those that are gone and not yet forgotten


class _Shared(NamedTuple):
    memory: mmap.mmap
    n_slots: int


_shared: _Shared | None = None


def share(n_scans: int) -> None:
    """Have the processes that are forked from this one share the memory, for so many scans at least."""
    global _shared
    if _shared is None or _shared.n_slots < n_scans + SPARE:
        _shared = _new(n_scans)


def _new(n_scans: int) -> _Shared:
    n_slots = n_scans + SPARE
    return _Shared(mmap.mmap(-1, n_slots * SLOT_BYTES), n_slots)


class HeaderMemory:
    """Headers by the names of their scans' folders. One caller at a time: the store's lock sees to it."""

    def __init__(self, n_scans: int) -> None:
        own = _shared if _shared and _shared.n_slots >= n_scans + SPARE else _new(n_scans)
        self._memory, self._n_slots = own

    def put(self, name: str, token: str, owner: str, header: StudyHeader, kept: Collection[str]) -> None:
        """Keep a scan's header, in place of one whose scan is not among those `kept`."""
        self.forget_but(kept)
        sealed = b"".join(seal([msgspec.json.encode(header)], key_of(token, owner, HEADER)))
        free = next((slot for slot in range(self._n_slots) if not any(self._name(slot))), None)
        if free is None or len(sealed) > SLOT_BYTES - NAME_BYTES - LENGTH_BYTES:
            return
        data = bytes.fromhex(name) + len(sealed).to_bytes(LENGTH_BYTES, "big") + sealed
        self._memory[free * SLOT_BYTES : free * SLOT_BYTES + len(data)] = data

    def get(self, name: str, token: str, owner: str) -> StudyHeader | None:
        """The header of a scan; None where there is none that can be decrypted."""
        for slot in range(self._n_slots):
            if self._name(slot) == bytes.fromhex(name):
                start = slot * SLOT_BYTES + NAME_BYTES
                length = int.from_bytes(self._memory[start : start + LENGTH_BYTES], "big")
                sealed = self._memory[start + LENGTH_BYTES : start + LENGTH_BYTES + length]
                with suppress(ValueError):
                    data = b"".join(unseal(BytesIO(sealed), key_of(token, owner, HEADER)))
                    return msgspec.json.decode(data, type=StudyHeader)
        return None

    def forget_but(self, kept: Collection[str]) -> None:
        """Forget the headers of all scans but those of the names."""
        names = {bytes.fromhex(name) for name in kept}
        for slot in range(self._n_slots):
            if any(self._name(slot)) and self._name(slot) not in names:
                self._memory[slot * SLOT_BYTES : (slot + 1) * SLOT_BYTES] = bytes(SLOT_BYTES)

    def _name(self, slot: int) -> bytes:
        return self._memory[slot * SLOT_BYTES : slot * SLOT_BYTES + NAME_BYTES]
