"""Uploads of several series: kept while one of them is looked at, so that another needs no second upload.

What was sent lies in the store as one encrypted file: a list of names and lengths and the list of the
series, then the files themselves. It stays as long as the scans that were read from it are used, and goes
with the first of them that is removed.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain

import msgspec

from models.errors import UserError
from models.ingest.series.listing import ListedSeries, Listing
from models.ingest.source import Source
from models.ingest.spool import Spool
from models.web.store import ScanStore
from models.web.store.keys import UPLOAD
from models.web.uploads import SPOOLS

COPY_BYTES = 1 << 20
NAMES = "surrogatepass"  # how names of files are encoded, whatever is in them
LENGTH_BYTES = 8  # of the table of contents
SCANS = "scans"  # note of an upload: the scans that were read from it


class Contents(msgspec.Struct, frozen=True):
    """What a kept upload begins with: names (UTF-8) and lengths of its files, and the list of its series."""

    files: tuple[tuple[bytes, int], ...]
    listing: Listing


class ReadSeries(msgspec.Struct, frozen=True):
    """A scan that was read from an upload: number of its series, and its token.

    One that was refused for what it shows counts as read only once somebody goes on with it.
    """

    number: int
    token: str
    is_refused: bool = False


@dataclass(frozen=True)
class SeriesOfScan:
    """Where a scan came from: the token of the upload, its list, and which of them the scan is."""

    token: str
    listing: Listing
    series: ListedSeries


class KeptUploads:
    """The uploads of several series that are kept in a store; methods raise what the store's raise."""

    def __init__(self, store: ScanStore) -> None:
        self._store = store

    def keep(self, files: Sequence[Source], listing: Listing, owner: str, address: str = "") -> str:
        """Keep an upload; its token."""
        lengths = tuple((file.name.encode("utf-8", NAMES), file.open().seek(0, 2)) for file in files)
        contents = msgspec.json.encode(Contents(lengths, listing))
        head = len(contents).to_bytes(LENGTH_BYTES, "big") + contents
        n_bytes = len(head) + sum(length for _, length in lengths)
        return self._store.put_sealed(lambda: chain([head], _bytes_of(files)), n_bytes, owner, address)

    def listing(self, token: str, owner: str) -> Listing:
        """The list of an upload's series."""
        contents, _ = self._opened(token, owner)
        return contents.listing

    @contextmanager
    def files(self, token: str, owner: str) -> Iterator[list[Source]]:
        """The files of an upload, for the time of a block."""
        contents, pieces = self._opened(token, owner)
        rest = _Rest(pieces)
        with ExitStack() as stack:
            spool = stack.enter_context(Spool()) if SPOOLS else None
            yield [_file(name.decode("utf-8", NAMES), length, rest, spool) for name, length in contents.files]

    def read(self, token: str, owner: str) -> dict[int, str]:
        """Tokens of the scans that were read from an upload and are still kept, by their numbers."""
        found: dict[int, str] = {}
        for each in self._scans(token, owner):
            with suppress(UserError):
                self._store.read(each.token, owner, UPLOAD)
                found |= {} if each.is_refused else {each.number: each.token}
        return found

    def add(self, token: str, owner: str, number: int, scan: str, is_refused: bool = False) -> None:
        """Note that a scan was read from an upload."""
        note = ReadSeries(number, scan, is_refused)
        self._store.append(token, owner, SCANS, msgspec.to_builtins(note))
        self._store.write(scan, owner, UPLOAD, {"token": token, "number": number})
        self._store.use_together(scan, token, owner)

    def of_scan(self, scan: str, owner: str) -> SeriesOfScan | None:
        """The upload that a scan was read from; None where there is none, or no longer."""
        note = self._store.read(scan, owner, UPLOAD)
        with suppress(UserError):
            listing = self.listing(note["token"], owner) if note else None
            if listing and (series := listing.of(note["number"])):
                return SeriesOfScan(note["token"], listing, series)
        return None

    def remove_scan(self, scan: str, owner: str) -> None:
        """Forget a scan, and the upload that it was read from with all that was."""
        note = self._store.read(scan, owner, UPLOAD)
        self._store.remove(scan, owner)
        if note:
            with suppress(UserError):
                self.remove(note["token"], owner)

    def remove(self, token: str, owner: str) -> None:
        """Forget an upload, and the scans that were read from it."""
        for each in self._scans(token, owner):
            with suppress(UserError):
                self._store.remove(each.token, owner)
        self._store.remove(token, owner)

    def _scans(self, token: str, owner: str) -> list[ReadSeries]:
        return msgspec.convert(self._store.read(token, owner, SCANS, []), list[ReadSeries])

    def _opened(self, token: str, owner: str) -> tuple[Contents, Iterator[bytes]]:
        """The table of contents, and the bytes behind it."""
        pieces = self._store.get_sealed(token, owner)
        data = bytearray(next(pieces))
        length = LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES], "big")
        while len(data) < length:
            data += next(pieces)
        contents = msgspec.json.decode(data[LENGTH_BYTES:length], type=Contents)
        return contents, chain([bytes(data[length:])], pieces)


def _bytes_of(files: Iterable[Source]) -> Iterator[bytes]:
    for file in files:
        stream = file.open()
        while piece := stream.read(COPY_BYTES):
            yield piece


class _Rest:
    """The bytes that come in pieces, to be taken in any amounts."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._waiting = pieces, memoryview(b"")

    def take(self, most: int) -> memoryview:
        """Some of the bytes that come next, at most so many."""
        if not len(self._waiting):
            self._waiting = memoryview(next(self._pieces))
        taken, self._waiting = self._waiting[:most], self._waiting[most:]
        return taken


def _file(name: str, length: int, rest: _Rest, spool: Spool | None) -> Source:
    """The next file, in a spool, or where there is none in memory."""
    if spool is None:
        data = bytearray()
        while len(data) < length:
            data += rest.take(length - len(data))
        return Source.of_bytes(name, bytes(data))
    part = spool.part()
    while part.length < length:
        part.write(rest.take(length - part.length))
    return Source.of_stream(name, part)
