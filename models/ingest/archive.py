"""The files in a ZIP, unpacked one at a time, in memory and within bounds; nothing reaches the disk."""

import gzip
import io
import re
import stat
import threading
import zipfile
import zlib
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, BinaryIO

from models.errors import UserError
from models.ingest.limits import Limits
from models.ingest.source import Source
from models.ingest.spool import Positioned
from models.messages import Message

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ENCRYPTED = 0x1  # general purpose bit 0 (APPNOTE 4.4.4)
CENTRAL_HEADER = b"PK\x01\x02"  # begins each entry of the directory at the ZIP's end
CHUNK_BYTES = 1 << 20
LEAST_BYTES = 8192  # unpacked at once, at least
LOCAL_HEADER_BYTES = 30  # at least, before each packed file
READ = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # bzip2 and LZMA take far longer for as few bytes
METHODS = {  # APPNOTE 4.4.5
    1: "Shrink",
    2: "Reduce",
    3: "Reduce",
    4: "Reduce",
    5: "Reduce",
    6: "Implode",
    9: "Deflate64",
    10: "PKWARE Implode",
    12: "bzip2",
    14: "LZMA",
    18: "IBM TERSE",
    19: "IBM LZ77",
    20: "Zstandard",
    93: "Zstandard",
    94: "MP3",
    95: "XZ",
    96: "JPEG",
    97: "WavPack",
    98: "PPMd",
}
GZ_NAME = re.compile(r"\.gz$", re.IGNORECASE)
UNIX = 3  # the system that an entry was made on, where it says what kind of file it is
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)


def members(source: Source, limits: Limits) -> list[Source]:
    """The files in a ZIP, to be unpacked when they are opened.

    Parameters
    ----------
    source
        The ZIP. Its stream serves all members, also to several threads; none else may read it.
    limits
        Bounds on the number of files and on what is unpacked.

    Returns
    -------
    list of Source
        In the ZIP's order. Names are names only: nothing is written under them.

    Raises
    ------
    UserError
        ``corrupt_file``, ``too_large``, or ``unsupported_file`` for a ZIP that is encrypted, has links, or is
        packed by another method than Deflate; opened members raise the first two when they are read.
    """
    stream = source.open()
    size = _check_members(stream, limits.zip_files)
    try:
        archive = zipfile.ZipFile(stream)
        entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]  # may be empty
    except BROKEN as error:
        raise UserError("corrupt_file", "The ZIP is damaged or incomplete; create it again.") from error
    _check_entries(entries)
    allowance = _allowance(size, limits)

    def opener(entry: zipfile.ZipInfo) -> Callable[[], BinaryIO]:
        return lambda: io.BufferedReader(Member(archive, entry, allowance), LEAST_BYTES)

    return [Source(entry.filename, opener(entry)) for entry in entries]


def gunzipped(sources: list[Source], limits: Limits) -> list[Source]:
    """What files packed by gzip hold, in memory.

    Parameters
    ----------
    limits
        Bounds on what is unpacked, of all of them together, as for a ZIP.

    Returns
    -------
    list of Source
        In the same order, named without ``.gz``.

    Raises
    ------
    UserError
        ``corrupt_file`` or ``too_large``.
    """
    size = sum(source.open().seek(0, io.SEEK_END) for source in sources)
    allowance = _allowance(size, limits)
    return [Source.of_bytes(GZ_NAME.sub("", source.name), _gunzip(source, allowance)) for source in sources]


def _gunzip(source: Source, allowance: "Allowance") -> bytes:
    unpacked = bytearray()
    try:
        with gzip.GzipFile(fileobj=source.open()) as packed:
            while chunk := packed.read(CHUNK_BYTES):
                allowance.take(len(chunk))
                unpacked += chunk
    except BROKEN as error:
        raise UserError("corrupt_file", "A gzip file is damaged or incomplete; create it again.") from error
    return bytes(unpacked)


def _allowance(size: int, limits: Limits) -> "Allowance":
    return Allowance(min(limits.zip_bytes, max(limits.zip_small_bytes, limits.zip_ratio * size)))


def _check_members(stream: BinaryIO, most: int) -> int:
    """Count the entries before any is parsed, whatever the ZIP says of itself; returns its size."""
    stream.seek(0)
    size, entries, tail = 0, 0, b""
    while chunk := stream.read(CHUNK_BYTES):
        size += len(chunk)
        entries += (tail + chunk).count(CENTRAL_HEADER)
        tail = chunk[-3:]
        if entries > most:
            message = Message("The ZIP contains too many files; at most {most:,} are read.", most=most)
            raise UserError("too_large", message)
    stream.seek(0)
    return size


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    """Refuse what no one packs by accident, by the ZIP's directory alone."""
    if any(entry.flag_bits & ENCRYPTED for entry in entries):
        raise UserError("unsupported_file", "The ZIP is password-protected; unpack it and send its files.")
    if any(entry.create_system == UNIX and stat.S_ISLNK(entry.external_attr >> 16) for entry in entries):
        raise UserError(
            "unsupported_file", "The ZIP contains links instead of files; add the files themselves."
        )
    others = {entry.compress_type for entry in entries if entry.file_size} - set(READ)
    if others:
        number = min(others)
        message = Message(
            "The ZIP is compressed with {method}, which is not supported; create it again with the usual "
            "method, Deflate, or send the files unpacked.",
            method=METHODS.get(number) or Message("method {number}", number=number),
        )
        raise UserError("unsupported_file", message)
    ends = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < ends or "\0" in entry.orig_filename:  # one that shares bytes is a bomb
            raise UserError("corrupt_file", "The ZIP is damaged or malformed; create it again.")
        ends = entry.header_offset + LOCAL_HEADER_BYTES + entry.compress_size


class Allowance:
    """What may still be unpacked of an upload, in bytes."""

    def __init__(self, n_bytes: int) -> None:
        self.n_bytes, self._lock = n_bytes, threading.Lock()

    def take(self, n_bytes: int) -> None:
        """Count what was unpacked; UserError `too_large` beyond the bound."""
        with self._lock:
            self.n_bytes -= n_bytes
        if self.n_bytes < 0:
            raise UserError("too_large", "The upload unpacks to far more than a CT series; send one series.")


class Member(Positioned):
    """A file in a ZIP, unpacked only as far as it is read; what was read stays, so that seeking is free.

    Its end is known once all is unpacked, and its checksum compared.
    """

    def __init__(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, allowance: Allowance) -> None:
        super().__init__()
        self._archive, self._entry, self._allowance = archive, entry, allowance
        self._packed: IO[bytes] | None = None
        self._data = bytearray()

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill a buffer from the present position on; returns how many bytes there were."""
        with memoryview(buffer).cast("B") as room:
            end = self._at + len(room)
            self._unpack(end)
            chunk = self._data[self._at : end]
            room[: len(chunk)] = chunk
        self._at += len(chunk)
        return len(chunk)

    def _size(self) -> int:
        self._unpack(None)
        return len(self._data)

    def _unpack(self, end: int | None) -> None:
        try:
            self._packed = self._packed or self._archive.open(self._entry)
            while end is None or len(self._data) < end:
                wanted = CHUNK_BYTES if end is None else min(end - len(self._data), CHUNK_BYTES)
                chunk = self._packed.read(max(wanted, LEAST_BYTES))
                if not chunk:
                    return
                self._allowance.take(len(chunk))
                self._data += chunk
        except BROKEN as error:
            raise UserError("corrupt_file", "A file in the ZIP is damaged; create the ZIP again.") from error
