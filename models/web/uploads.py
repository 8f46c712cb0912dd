"""How an upload is taken in: its files into one spool, its texts within bounds."""

import io
import os
from collections.abc import Mapping
from typing import IO, Any, Protocol, cast

from flask import Request, current_app

from models.errors import UserError
from models.ingest.spool import Spool
from models.messages import Message

SPOOLS = hasattr(os, "preadv")  # not on Windows
PART_BYTES = 1_000  # of a file's part that are not the file: its headers and the boundary
CHUNK_BYTES = 65_536  # that are read before they are sorted


class Readable(Protocol):
    """A stream, as far as it is needed here."""

    def read(self, size: int = -1, /) -> bytes: ...


def bounds_of(settings: Mapping[str, Any]) -> dict[str, int | None]:
    """Flask's own bounds on a request (names of its configuration), for values of `SETTINGS`."""
    return {
        "MAX_CONTENT_LENGTH": int(settings["MAX_UPLOAD_MB"] * 1_000_000),
        "MAX_FORM_PARTS": settings["MAX_FILES"] + settings["MAX_FIELDS"],
        "MAX_FORM_MEMORY_SIZE": None,  # `BoundedBody` bounds all texts together
    }


class UploadRequest(Request):
    """A request that takes uploads in, within the settings MAX_FILES and MAX_TEXT_KB of its application.

    Reading the form raises UserError ``too_large`` beyond the bounds, ``store_full``, and ``no_file`` for one
    that stops half-way. A form that could not be read is empty from then on.
    """

    spool: Spool | None = None

    def head(self, most: int) -> bytes:
        """At most so many bytes from the beginning of the body; the form still has them."""
        data = b""
        while len(data) < most and (more := read_some(self.stream, most - len(data))):
            data += more
        self.stream = cast(IO[bytes], ReplayedStream(data, self.stream))  # all that is done with it is read
        return data

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if not SPOOLS:
            return super()._get_file_stream(total_content_length, content_type, filename, content_length)
        if self.spool is None:
            self.spool = Spool(total_content_length)
        most = current_app.config["MAX_FILES"]
        if self.spool.n_parts >= most:
            raise UserError("too_large", Message("At most {most} files are read at once.", most=most))
        return cast(IO[bytes], self.spool.part())

    def _get_stream_for_parsing(self) -> IO[bytes]:
        stream = super()._get_stream_for_parsing()
        if not SPOOLS:
            return stream
        return cast(IO[bytes], BoundedBody(stream, self, current_app.config["MAX_TEXT_KB"]))

    def _load_form_data(self) -> None:
        try:
            super()._load_form_data()
        except BaseException:
            self.__dict__.setdefault("form", self.parameter_storage_class())
            self.__dict__.setdefault("files", self.parameter_storage_class())
            raise

    def close(self) -> None:
        super().close()
        if self.spool is not None:
            self.spool.close()


class ReplayedStream:
    """A stream of which the first bytes have been read, as it was."""

    def __init__(self, head: bytes, rest: Readable) -> None:
        self._head, self._rest = io.BytesIO(head), rest

    def read(self, size: int = -1) -> bytes:
        """So many bytes, or all there are; of the head alone, as long as there is some."""
        if size < 0:
            return self._head.read() + self._rest.read()
        return self._head.read(size) or self._rest.read(size)


class BoundedBody:
    """A request's body, of which what goes into no file is bounded."""

    def __init__(self, stream: Readable, request: UploadRequest, max_text_kb: int) -> None:
        self._stream, self._request, self._max_kb = stream, request, max_text_kb
        self._n_bytes = 0

    def read(self, size: int = -1) -> bytes:
        """So many bytes, or all there are.

        UserError ``too_large`` where the form's texts are too long, ``no_file`` where the sender stopped.
        """
        if size < 0:
            return b"".join(iter(lambda: self.read(CHUNK_BYTES), b""))
        data = read_some(self._stream, size)
        self._n_bytes += len(data)
        if not data and self._n_bytes < (self._request.content_length or 0):
            raise stopped()
        spool = self._request.spool
        filed = spool.n_bytes + PART_BYTES * spool.n_parts if spool else 0
        if self._n_bytes - filed > 1_000 * self._max_kb + CHUNK_BYTES:
            message = Message("The text fields are too long; at most {most} kB are read.", most=self._max_kb)
            raise UserError("too_large", message)
        return data


def read_some(stream: Readable, size: int) -> bytes:
    """So many bytes of a body, or what there is.

    Servers and frameworks raise many kinds where it is cut off, or where its chunks are none: UserError
    ``no_file`` for all of them, but not for one that is too large or too slow.
    """
    try:
        return stream.read(size)
    except MemoryError:
        raise
    except Exception as error:
        is_slow = isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)
        if is_slow or getattr(error, "code", 400) != 400:
            raise
        raise stopped() from error


def stopped() -> UserError:
    """The refusal of an upload whose sender is gone."""
    return UserError("no_file", "The upload was interrupted; send it again.")


def too_large(request: Request, settings: Mapping[str, Any]) -> UserError:
    """The refusal of a body with too many bytes, or else with too many parts."""
    size, most = request.content_length, request.max_content_length
    if most is not None and (size is None or size > most):
        if most < settings["MAX_UPLOAD_MB"] * 1_000_000:
            message = Message("What was sent is larger than {most:g} kB.", most=most / 1000)
        else:
            message = Message("The upload is larger than {most} MB.", most=settings["MAX_UPLOAD_MB"])
        return UserError("too_large", message)
    message = Message(
        "The form has too many parts: at most {most} fields besides the files.", most=settings["MAX_FIELDS"]
    )
    return UserError("too_large", message)
