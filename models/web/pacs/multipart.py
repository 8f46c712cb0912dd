"""The parts of a multipart answer (RFC 2046), piece by piece: a file of any size takes little memory."""

import re
from collections.abc import Iterable, Iterator

HEADER_BYTES = 10_000  # before each part, at most
BOUNDARY = re.compile(r'boundary="?([^";]{1,200}?)"?\s*(;|$)', re.IGNORECASE)


class Incomplete(Exception):
    """The answer ended before its last part did."""


def boundary_of(content_type: str) -> bytes:
    """What stands between the parts; ValueError where a header names nothing."""
    if not (match := BOUNDARY.search(content_type)):
        raise ValueError("no boundary")
    return match[1].encode("latin-1")


def parts(chunks: Iterable[bytes], boundary: bytes) -> Iterator[bytes | None]:
    """Pieces of each part's content, and None at its end; headers of parts are passed over.

    Raises
    ------
    Incomplete
    ValueError
        A part without an end of its headers.
    """
    delimiter = b"\r\n--" + boundary
    held, is_content, is_first = b"\r\n", False, True  # the first boundary may have no line before it
    for chunk in chunks:
        held += chunk
        while True:
            if is_content or is_first:
                before, found, after = held.partition(delimiter)
                if not found:
                    break
                if is_content:
                    yield before
                    yield None
                held, is_content, is_first = after, False, False
            if held.startswith(b"--"):
                return
            _, found, after = held.partition(b"\r\n\r\n")
            if not found:
                if len(held) > HEADER_BYTES:
                    raise ValueError("no end of headers")
                break
            held, is_content = after, True
        if is_content and len(held) > len(delimiter):  # of which the beginning may be a delimiter's
            yield held[: -len(delimiter)]
            held = held[-len(delimiter) :]
    raise Incomplete
