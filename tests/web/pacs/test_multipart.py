"""A multipart answer, however it is cut into chunks."""

import pytest

from models.web.pacs.multipart import Incomplete, boundary_of, parts

FILES = [b"first", b"", b"\r\n--other\r\n\r\n--x-", bytes(range(256)) * 40]
HEADER = b"Content-Type: application/dicom\r\nContent-Length: 1\r\n\r\n"


def message(files, boundary=b"x-y", start=b"", end=b"--\r\n"):
    body = b"".join(b"\r\n--" + boundary + b"\r\n" + HEADER + data for data in files)
    return start + body.removeprefix(b"\r\n" if not start else b"") + b"\r\n--" + boundary + end


def read(data, size, boundary=b"x-y"):
    """The files of a message that comes in chunks of a size."""
    files, now = [], b""
    for piece in parts((data[i : i + size] for i in range(0, len(data), size)), boundary):
        if piece is None:
            files.append(now)
            now = b""
        else:
            now += piece
    return files


@pytest.mark.parametrize("size", [1, 2, 7, 64, 100_000])
@pytest.mark.parametrize("start", [b"", b"a preamble"])
def test_files_come_whole_in_chunks_of_any_size(size, start):
    assert read(message(FILES, start=start), size) == FILES


def test_large_parts_are_not_held_back():
    pieces = parts([message([bytes(1000)])[:800]] + [b""], b"x-y")
    assert sum(len(piece) for piece in (next(pieces),)) > 600


@pytest.mark.parametrize("cut", [1, 3, 5, 20, 9000])
def test_a_message_that_is_cut_short_is_told(cut):
    data = message(FILES)
    with pytest.raises(Incomplete):
        read(data[: -cut - len(b"--\r\n") + 1], 64)


@pytest.mark.parametrize("data", [b"", b"\r\n", b"<html>no parts</html>"])
def test_what_has_no_parts_is_incomplete(data):
    with pytest.raises(Incomplete):
        read(data, 64)


def test_headers_without_end_are_refused():
    with pytest.raises(ValueError, match="no end of headers"):
        read(b"--x-y\r\n" + b"a" * 20_000, 64)


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        ('multipart/related; type="application/dicom"; boundary=a-b', b"a-b"),
        ('multipart/related; boundary="a b"; type="application/dicom"', b"a b"),
        ("multipart/related; Boundary=x; start=y", b"x"),
    ],
)
def test_the_boundary_is_told_by_the_header(header, boundary):
    assert boundary_of(header) == boundary


def test_a_header_without_boundary_is_refused():
    with pytest.raises(ValueError, match="no boundary"):
        boundary_of("multipart/related")
