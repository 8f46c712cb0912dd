import io
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile

import pytest

from models.ingest.read import read_scan
from models.ingest.source import Source, kind_of, natural_key
from tests.ingest.series_files import make_series, make_slice, make_zip, numbers


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["slice-10", "slice-2", "slice-1"], ["slice-1", "slice-2", "slice-10"]),
        (["IM0010.png", "im9.PNG", "IM1.png"], ["IM1.png", "im9.PNG", "IM0010.png"]),
        (["b", "10", "a", "9"], ["a", "b", "9", "10"]),
        (["2-10", "10-1", "2-9"], ["2-9", "2-10", "10-1"]),
        (["a2b", "a2", "a"], ["a", "a2", "a2b"]),
    ],
)
def test_names_are_ordered_as_people_count(names, expected):
    assert sorted(names, key=natural_key) == expected


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", "empty"),
        (make_slice(0)[:512], "dicom"),
        (b"II*\0" + bytes(124) + b"DICM", "dicom"),  # also a TIFF
        (b"PK\x03\x04....", "zip"),
        (b"PK\x05\x06" + bytes(18), "zip"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "picture"),
        (b"II+\0\x08\0\0\0", "picture"),
        (b"MM\0+\0\x08\0\0", "picture"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (bytes(257) + b"ustar\x0000", "archive"),
        (b"BZh91AY", "archive"),
        (b"\x5c\1\0\0" + bytes(340) + b"n+1\0", "volume"),
        (b"\0\0\1\x5c" + bytes(340) + b"n+1\0", "volume"),
        (b"\x1c\2\0\0n+2\0\r\n\x1a\n", "volume"),
        (b"NRRD0004\n# Complete NRRD file", "volume"),
        (b"ObjectType = Image\nNDims = 3\n", "volume"),
        (b"RIFF\0\0\0\0WAVEfmt ", "other"),
        (b"Some text", "other"),
    ],
)
def test_the_kind_of_a_file_is_in_its_first_bytes(head, kind):
    assert kind_of(head) == kind


@pytest.mark.parametrize(
    ("name", "stray"),
    [
        ("a/.DS_Store", True),
        ("._IM1", True),
        ("__MACOSX/IM1", True),
        ("CD\\DICOMDIR", True),
        ("thumbs.DB", True),
        ("IM1", False),
        ("../IM1", False),
        ("./a.b/IM1.dcm", False),
        ("DICOMDIR/IM1", False),
    ],
)
def test_what_systems_leave_in_folders_is_known_by_name(name, stray):
    assert Source.of_bytes(name, b"").is_stray == stray


def test_sources_are_opened_when_they_are_read():
    opened = []

    def source(name, data):
        def opener():
            opened.append(name)
            return io.BytesIO(data)

        return Source(name, opener)

    files = make_series(5)
    sources = [source(*file) for file in files]
    assert opened == []
    assert numbers(read_scan(sources)) == [0, 1, 2, 3, 4]
    assert set(opened) == {name for name, _ in files}


def test_uploads_in_temporary_files_are_read_wherever_they_stand():
    with ExitStack() as stack:
        streams = [stack.enter_context(SpooledTemporaryFile(max_size=100)) for _ in range(4)]
        for stream, (_, data) in zip(streams, make_series(4), strict=True):
            stream.write(data)  # and stands at its end
        sources = [Source.of_stream("a", stream) for stream in streams]
        assert numbers(read_scan(sources)) == [0, 1, 2, 3]
        assert not any(stream.closed for stream in streams)  # they are the caller's


def test_a_zip_in_a_temporary_file_is_read():
    with SpooledTemporaryFile(max_size=100) as file:
        file.write(make_zip(make_series(4)))
        assert numbers(read_scan([Source.of_stream("a.zip", file)])) == [0, 1, 2, 3]
