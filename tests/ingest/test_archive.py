import io
import struct
import zipfile

import numpy as np
import pytest

from models.errors import UserError
from models.ingest import archive
from models.ingest.archive import Allowance, Member, members
from models.ingest.limits import Limits
from models.ingest.read import read_scan
from models.ingest.source import Source
from tests.ingest.series_files import make_series, make_slice, make_zip, numbers, png

NOISE = np.random.default_rng(0).bytes(300_000)
STRAYS = [
    ("README.txt", b"Insert the CD and start the viewer.\n" * 20),
    (".DS_Store", b"\0\0\0\1Bud1" + bytes(600)),
    ("__MACOSX/CT/._IM0001.dcm", b"\0\5\x16\7" + bytes(600)),
    ("CT/Thumbs.db", b"\xd0\xcf\x11\xe0" + bytes(600)),
    ("CT/empty.log", b""),
    ("viewer/viewer.exe", b"MZ" + NOISE),
    ("viewer/plugins.zip", make_zip(make_series(2))),
    ("preview/1.png", png(np.arange(768).astype(np.uint8).reshape(24, 32))),
]


def read(data, **options):
    return read_scan([("upload.zip", data)], **options)


def refusal(data, **options):
    with pytest.raises(UserError) as caught:
        read(data, **options)
    return caught.value


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_is_read_like_its_files(method):
    files = make_series(6)
    scan = read(make_zip(files, method))
    assert numbers(scan) == [0, 1, 2, 3, 4, 5]
    assert scan.positions_mm == read_scan(files).positions_mm
    assert scan.notices == ()


def packed_by(method):
    """A ZIP that says that its files are packed by a method; the bytes in it are of another one."""
    data = bytearray(make_zip(make_series(2), zipfile.ZIP_STORED))
    for start, place in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        at = -1
        while (at := data.find(start, at + 1)) >= 0:
            data[at + place : at + place + 2] = method.to_bytes(2, "little")
    return bytes(data)


@pytest.mark.parametrize(
    ("method", "name"),
    [
        (1, "Shrink"),
        (6, "Implode"),
        (9, "Deflate64"),
        (93, "Zstandard"),
        (95, "XZ"),
        (98, "PPMd"),
        (77, "method 77"),
    ],
)
def test_a_method_that_is_not_read_is_named(method, name):
    error = refusal(packed_by(method))
    assert error.code == "unsupported_file"
    assert error.message.startswith(
        f"The ZIP is compressed with {name}, which is not supported; create it again"
    )


@pytest.mark.parametrize(("method", "name"), [(zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA")])
def test_methods_that_take_long_are_not_read(method, name):
    error = refusal(make_zip(make_series(2), method))
    assert error.message.startswith(f"The ZIP is compressed with {name}, which is not supported;")


def test_what_else_lies_on_a_cd_is_ignored():
    files = [(f"DICOM/ST0/SE{i % 2}/{name}", data) for i, (name, data) in enumerate(make_series(4))]
    scan = read(make_zip([*STRAYS[:4], *files, *STRAYS[4:]]))
    assert numbers(scan) == [0, 1, 2, 3]
    assert scan.notices == ()


@pytest.mark.parametrize("name", ["../../1.dcm", "/etc/1.dcm", "C:\\1.dcm", "..\\..\\1.dcm", "a/./1.dcm"])
def test_names_lead_nowhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert numbers(read(make_zip([(name, make_slice(3))]))) == [3]
    assert list(tmp_path.iterdir()) == []


def test_pictures_in_a_zip_are_a_stack_in_natural_order(grey):
    files = [(f"stack/slice-{n}.png", png(grey // n)) for n in (10, 2, 1)]
    scan = read(make_zip([*STRAYS[:6], *files]))
    assert not scan.is_hu
    for pixels, divisor in zip(scan.slices, (1, 2, 10), strict=True):
        np.testing.assert_array_equal(pixels, grey // divisor)


def test_files_that_are_named_dicom_but_are_none_are_damaged():
    files = make_series(4)
    for data in (b"", NOISE):
        error = refusal(make_zip([*files, ("IM9.dcm", data)]))
        assert error.code == "corrupt_file"
        assert "1 of 5" in error.message
        assert "IM9" not in error.message


@pytest.mark.parametrize("files", [[], STRAYS[:7], [("a/b/", b"")]])
def test_a_zip_without_images_is_unsupported(files):
    assert refusal(make_zip(files)).code == "unsupported_file"


@pytest.mark.parametrize("others", [[("1.dcm", make_slice(1))], [("2.zip", make_zip(make_series(2)))]])
def test_a_zip_comes_alone(others):
    files = [("1.zip", make_zip(make_series(2))), *others]
    with pytest.raises(UserError, match="one ZIP or separate files") as caught:
        read_scan(files)
    assert caught.value.code == "mixed_series"


def test_a_stray_beside_a_zip_is_no_matter():
    files = [(".DS_Store", b"\0\0\0\1Bud1"), ("1.zip", make_zip(make_series(2)))]
    assert numbers(read_scan(files)) == [0, 1]


@pytest.mark.parametrize("start", [b"Rar!\x1a\7", b"7z\xbc\xaf\x27\x1c", b"BZh9"])
def test_other_archives_are_named(start):
    error = refusal(start + NOISE)
    assert error.code == "unsupported_file"
    assert "ZIP" in error.message


def test_an_encrypted_zip_is_named():
    data = bytearray(make_zip(make_series(2)))
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := data.find(header, at + 1)) >= 0:
            data[at + flags] |= 1
    error = refusal(bytes(data))
    assert error.code == "unsupported_file"
    assert "password" in error.message


@pytest.mark.parametrize("keep", [0.02, 0.5, 0.99])
def test_a_zip_cut_short_is_corrupt(keep):
    data = make_zip(make_series(4))
    assert refusal(data[: int(len(data) * keep)]).code == "corrupt_file"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_changed_byte_is_noticed_by_the_checksum(method):
    data = bytearray(make_zip(make_series(1), method))
    at = data.rindex(b"PK\x01\x02") - 200  # in the pixel data
    data[at] ^= 0x10
    assert refusal(bytes(data)).code == "corrupt_file"


def test_too_many_members_are_refused_before_they_are_parsed():
    limits = Limits(zip_files=3)
    assert len(members(Source.of_bytes("", make_zip(make_series(3))), limits)) == 3
    error = refusal(make_zip(make_series(4)), limits=limits)
    assert error.code == "too_large"


SMALL = Limits(zip_small_bytes=1_000_000)  # at which a bomb of few megabytes goes off


def bomb(megabytes):
    """A DICOM file that ends in many zeros, in a ZIP."""
    return make_zip([("1.dcm", make_slice(0)[:-1536] + bytes(megabytes * 1_000_000))])


def test_a_bomb_goes_off_in_bounds():
    data = bomb(4)
    assert len(data) < 10_000
    assert refusal(data, limits=SMALL).code == "too_large"


def test_the_bound_counts_what_is_unpacked_not_what_is_said():
    data = bytearray(bomb(4))
    struct.pack_into("<L", data, data.index(b"PK\x01\x02") + 24, 2000)  # uncompressed size
    struct.pack_into("<L", data, data.index(b"PK\x03\x04") + 22, 2000)
    assert (
        refusal(bytes(data), limits=SMALL).code == "corrupt_file"
    )  # unpacked up to there, where the checksum is wrong


def test_the_bound_on_unpacked_bytes_is_exact():
    data = make_zip([("a", NOISE), ("b", NOISE)])
    files = members(Source.of_bytes("", data), Limits(zip_bytes=600_000))
    assert [file.open().read() for file in files] == [NOISE, NOISE]
    first, second = members(Source.of_bytes("", data), Limits(zip_bytes=599_999))
    assert first.open().read() == NOISE
    with pytest.raises(UserError) as caught:
        second.open().read()
    assert caught.value.code == "too_large"


def test_strays_are_not_unpacked():
    files = [*make_series(2), ("viewer.exe", b"MZ" + bytes(4_000_000))]
    assert numbers(read(make_zip(files), limits=SMALL)) == [0, 1]


def test_a_member_reads_like_a_file():
    (source,) = members(Source.of_bytes("", make_zip([("a", NOISE)])), Limits())
    member, file = source.open(), io.BytesIO(NOISE)
    rng = np.random.default_rng(3)
    for _ in range(200):
        match rng.integers(4):
            case 0:
                offset = int(rng.integers(len(NOISE) + 10))
                assert member.seek(offset) == file.seek(offset)
            case 1:
                offset = int(rng.integers(-min(9, file.tell()), 99))
                assert member.seek(offset, io.SEEK_CUR) == file.seek(offset, io.SEEK_CUR)
            case _:
                size = int(rng.integers(20_000))
                assert member.read(size) == file.read(size)
        assert member.tell() == file.tell()
    assert member.seek(-5, io.SEEK_END) == file.seek(-5, io.SEEK_END)
    assert member.read() == file.read() == NOISE[-5:]


def test_a_member_is_unpacked_no_further_than_read():
    with zipfile.ZipFile(io.BytesIO(make_zip([("a", NOISE)]))) as packed:
        allowance = Allowance(10**6)
        Member(packed, packed.infolist()[0], allowance).read(1000)
    assert 10**6 - allowance.n_bytes <= 2 * archive.LEAST_BYTES
