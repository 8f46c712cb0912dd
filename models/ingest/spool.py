"""The files of one upload in one anonymous file: one descriptor, however many they are, and no name."""

import errno
import io
import os
import tempfile
from typing import IO, TYPE_CHECKING

from models.errors import UserError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

SMALL_BYTES = 1_000_000  # what is known to be no larger stays in memory
BUFFER_BYTES = 65_536
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def scratch(expected_bytes: int | None = None, small: int = SMALL_BYTES) -> IO[bytes]:
    """An anonymous file that ends with its last descriptor: in memory if small, else in the temporary folder.

    One in memory can be sealed (memfd_create(2)).

    Raises
    ------
    UserError
        ``store_full`` where there is no room for it.
    """
    is_small = expected_bytes is not None and expected_bytes <= small
    try:
        if is_small and hasattr(os, "memfd_create"):
            flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
            return os.fdopen(os.memfd_create("scan", flags), "w+b", buffering=0)
        return tempfile.TemporaryFile(buffering=0)
    except OSError as error:
        if error.errno in FULL:
            raise disk_full() from error
        raise


def disk_full() -> UserError:
    """The answer where the server's disk has no room for an upload."""
    return UserError(
        "store_full", "The server has no room for the upload at the moment; try again in a few minutes."
    )


class Positioned(io.RawIOBase):
    """A stream that is read from a position of its own; those who derive from it say how long it is."""

    def __init__(self) -> None:
        super().__init__()
        self._at = 0

    def _size(self) -> int:
        raise NotImplementedError

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position; beyond the end there is nothing to read."""
        if whence != io.SEEK_SET:
            offset += self._at if whence == io.SEEK_CUR else self._size()
        self._at = max(0, offset)
        return self._at

    def tell(self) -> int:
        """The present position."""
        return self._at

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True


class Window(Positioned):
    """A part of an open file, read like a file of its own; several may be read at once, also by threads.

    Parameters
    ----------
    descriptor
        Of the whole file, which stays open as long as it is read.
    offset, length
        Of the part, in bytes.
    """

    def __init__(self, descriptor: int, offset: int, length: int = 0) -> None:
        super().__init__()
        self.offset, self.length = offset, length
        self._descriptor = descriptor

    def opened(self) -> io.BufferedReader:
        """A stream of its own over the same part, at the first byte."""
        return io.BufferedReader(Window(self._descriptor, self.offset, self.length), BUFFER_BYTES)

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill a buffer from the present position on; returns how many bytes there were."""
        with memoryview(buffer) as whole:
            n_bytes = max(0, min(len(whole), self.length - self._at))
            read = os.preadv(self._descriptor, [whole[:n_bytes]], self.offset + self._at) if n_bytes else 0
        self._at += read
        return read

    def _size(self) -> int:
        return self.length


class Part(Window):
    """One file of a spool; the one that was begun last may be written to, at its end."""

    def __init__(self, spool: "Spool") -> None:
        super().__init__(spool.fileno(), spool.n_bytes)
        self.spool = spool

    def write(self, data: "ReadableBuffer") -> int:
        """Add bytes; UserError ``store_full`` where the disk is."""
        if self.offset + self.length != self.spool.n_bytes:
            raise ValueError("Only the last part of a spool is written to.")
        written = self.spool.append(data)
        self.length += written
        self._at = self.length
        return written

    def writable(self) -> bool:
        """True."""
        return True


class Spool:
    """All files of an upload, one behind the other in one scratch file.

    Parameters
    ----------
    expected_bytes
        Of all of them together, as far as it is known.
    """

    def __init__(self, expected_bytes: int | None = None) -> None:
        self.n_bytes = self.n_parts = 0
        self._file = scratch(expected_bytes)

    def fileno(self) -> int:
        """Descriptor of the whole file."""
        return self._file.fileno()

    def part(self) -> Part:
        """Begin another file, behind those there are."""
        self.n_parts += 1
        return Part(self)

    def append(self, data: "ReadableBuffer") -> int:
        """Add bytes at the end; UserError ``store_full`` where the disk is full."""
        with memoryview(data) as left:
            n_bytes, at = len(left), self.n_bytes
            try:
                while at < self.n_bytes + n_bytes:
                    at += os.pwrite(self.fileno(), left[at - self.n_bytes :], at)
            except OSError as error:
                if error.errno in FULL:
                    raise disk_full() from error
                raise
        self.n_bytes = at
        return n_bytes

    def close(self) -> None:
        """Give the room back; parts cannot be read any more."""
        self._file.close()

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
