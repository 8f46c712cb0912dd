import contextlib
import io
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from models.errors import UserError
from models.ingest.dicom import decode, looks_like_dicom, read_header
from models.ingest.dicom.sop_classes import objection_to
from tests.ingest.dicom_files import make_ct, rewritten, transcoded, with_text, without_meta
from tests.ingest.series_files import make_enhanced, marked

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
PLAIN = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
CODED = (RLELossless, JPEGExtended12Bit, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless)
SYNTAXES = (*PLAIN, DeflatedExplicitVRLittleEndian, *CODED)
HU = np.add.outer(30 * np.arange(40), 7 * np.arange(50)) - 1000


def read(data):
    """The whole way of one file, as an upload takes it."""
    stream = io.BytesIO(data)
    dataset = read_header(stream)
    if objection := objection_to(dataset):
        raise objection.refusal
    (pixels,) = decode(stream)
    return pixels


def code_of(data):
    with pytest.raises(UserError) as caught:
        read(data)
    return caught.value.code


def shipped(name):
    return Path(get_testdata_file(name, download=False)).read_bytes()


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.keyword)
def test_files_with_preamble_are_dicom(syntax):
    assert looks_like_dicom(transcoded(make_ct(HU), syntax)[:132])


@pytest.mark.parametrize("syntax", PLAIN, ids=lambda uid: uid.keyword)
def test_files_without_preamble_and_meta_information_are_read(syntax):
    data = without_meta(transcoded(make_ct(HU), syntax))
    assert looks_like_dicom(data[:132])
    np.testing.assert_array_equal(read(data), HU)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.keyword)
def test_files_without_preamble_but_with_meta_information_are_read(syntax):
    data = transcoded(make_ct(HU), syntax)[132:]
    assert looks_like_dicom(data[:132])
    assert np.abs(read(data) - HU).max() <= 2 * (syntax == JPEGExtended12Bit)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_meta_information_may_lack_the_transfer_syntax(syntax):
    data = transcoded(make_ct(HU), syntax)
    element = b"\x02\x00\x10\x00UI"
    place = data.index(element)
    length = 8 + int.from_bytes(data[place + 6 : place + 8], "little")
    np.testing.assert_array_equal(read(data[:place] + data[place + length :]), HU)


def test_meta_information_may_lie_about_the_value_representations():
    data = transcoded(make_ct(HU), ImplicitVRLittleEndian)
    lie = make_ct(HU)
    lie = lie[: len(lie) - len(without_meta(lie))] + without_meta(data)
    np.testing.assert_array_equal(read(lie), HU)


@pytest.mark.parametrize(
    "name",
    [
        "ExplVR_BigEndNoMeta.dcm",
        "ExplVR_LitEndNoMeta.dcm",
        "CT_small.dcm",
        "image_dfl.dcm",
    ],
)
def test_shipped_files_of_every_form_are_dicom_with_a_modality(name):
    data = shipped(name)
    assert looks_like_dicom(data[:512])
    expected = dcmread(io.BytesIO(data), force=True).get("Modality")
    assert read_header(io.BytesIO(data)).get("Modality") == expected


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"DICM",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 200,
        b"\xff\xd8\xff\xe0\0\x10JFIF" + b"\0" * 200,
        b"II*\0\x08\0\0\0" + b"\0" * 200,
        b"MM\0*\0\0\0\x08" + b"\0" * 200,
        b"BM" + b"\x08\0" * 100,
        b"PK\x03\x04" + b"\0" * 200,
        b"RIFF\x08\0\0\0WEBP" + b"\0" * 200,
        b"%PDF-1.7" + b"\0" * 200,
        b"patient;date;diagnosis\n" * 20,
        b"\0" * 300,
        b"\x08\0\x05\0\xff\xff\xff\xff" + b"\0" * 200,
    ],
)
def test_other_files_are_not_dicom(head):
    assert not looks_like_dicom(head)


def test_the_header_tells_that_there_are_pixels_and_does_not_hold_them():
    for tags, there in (({}, True), ({"PixelData": None}, False)):
        dataset = read_header(io.BytesIO(make_ct(HU, **tags)))
        assert ("PixelData" in dataset) is there
    assert read_header(io.BytesIO(make_ct(HU))).PixelData == b""


def test_values_that_cannot_be_read_are_left_out_of_the_header():
    data = with_text(make_ct(HU, SeriesNumber=3), "FD", RevolutionTime="0.50", SliceThickness="1.25")
    dataset = read_header(io.BytesIO(data))  # an FD has 8 bytes
    assert "RevolutionTime" not in dataset
    assert dataset.SeriesNumber == 3
    assert dataset.SliceThickness == "1.25"  # of numbers that are text, the text stays


@pytest.mark.parametrize("kind", ["file", "spooled"])
def test_streams_of_every_kind_are_read_from_their_beginning(tmp_path, kind):
    data = transcoded(make_ct(HU), JPEGLSLossless)
    (tmp_path / "slice").write_bytes(data)
    with open(tmp_path / "slice", "rb") if kind == "file" else tempfile.SpooledTemporaryFile(100) as stream:
        if kind == "spooled":
            stream.write(data)
        assert read_header(stream).Modality == "CT"
        np.testing.assert_array_equal(next(decode(stream)), HU)
        np.testing.assert_array_equal(next(decode(stream)), HU)


@pytest.mark.parametrize("numbers", [None, range(6), [4], [5, 0, 3], []])
def test_the_frames_wanted_are_decoded_in_the_order_wanted(numbers):
    found = list(decode(io.BytesIO(make_enhanced([0, 2, 4, 6, 8, 10])), numbers))
    wanted = range(6) if numbers is None else numbers
    assert len(found) == len(wanted)
    for pixels, number in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(pixels, marked(number))


def test_frames_are_decoded_one_by_one():
    dataset = dcmread(io.BytesIO(make_ct(np.zeros((256, 256)))))
    dataset.NumberOfFrames, dataset.PixelData = 64, bytes(64 * 256 * 256 * 2)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    tracemalloc.start()
    assert sum(pixels.shape == (256, 256) for pixels in decode(buffer)) == 64
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * 256 * 256 * 2  # bytes; all the frames are 64 times as much


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.keyword)
def test_a_file_cut_anywhere_is_refused(syntax):
    data = transcoded(make_ct(HU, bits=12), syntax)
    for percent in range(100):
        code = code_of(data[: len(data) * percent // 100])
        assert code in ("corrupt_file", "no_pixels")
    assert code_of(data[:-11]) == "corrupt_file"  # 8 of the delimiter, at most one of padding


ENDS = {  # what is written in place of the sequence delimiter
    "nothing": b"",
    "half": bytes.fromhex("feffdde0"),
    "zeros": bytes(8),
    "many zeros": bytes(100),
    "end of an item": bytes.fromhex("feff0de000000000"),
    "of a length": bytes.fromhex("feffdde002000000"),
    "big endian": bytes.fromhex("fffee0dd00000000"),
    "trailing padding": bytes.fromhex("fcfffcff4f42000004000000") + bytes(4),
}
COMPRESSED = [RLELossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("syntax", COMPRESSED, ids=lambda uid: uid.keyword)
def test_whole_frames_without_a_proper_delimiter_are_read(syntax, end):
    data = transcoded(make_ct(HU, bits=12), syntax)
    assert data[-8:] == bytes.fromhex("feffdde000000000")
    np.testing.assert_array_equal(read(data[:-8] + ENDS[end]), HU)


@pytest.mark.parametrize("syntax", COMPRESSED, ids=lambda uid: uid.keyword)
def test_many_whole_frames_without_a_delimiter_are_read_and_cut_ones_are_refused(syntax):
    data = transcoded(make_enhanced([0, 2, 4]), syntax)[:-8]
    for numbers in (None, [2], [1, 0]):
        frames = decode(io.BytesIO(data), numbers)
        for pixels, number in zip(frames, numbers or range(3), strict=True):
            np.testing.assert_array_equal(pixels, marked(number))
    for cut in (3, 40, len(data) // 8):
        with pytest.raises(UserError) as caught:
            list(decode(io.BytesIO(data[:-cut])))
        assert caught.value.code == "corrupt_file"


@pytest.mark.parametrize("syntax", COMPRESSED, ids=lambda uid: uid.keyword)
def test_a_sequence_of_defined_length_is_read(syntax):
    data = transcoded(make_ct(HU, bits=12), syntax)
    start = data.rindex(bytes.fromhex("e07f1000")) + 8
    for items in (data[start + 4 : -8], data[start + 4 :]):
        told = data[:start] + len(items).to_bytes(4, "little") + items
        np.testing.assert_array_equal(read(told), HU)


@pytest.mark.parametrize("name", ["CT_small.dcm", "693_J2KI.dcm"])
def test_a_shipped_file_cut_anywhere_is_refused(name):
    data = shipped(name)
    for percent in range(0, 100, 5):
        assert code_of(data[: len(data) * percent // 100]) in ("corrupt_file", "no_pixels")


@pytest.mark.parametrize("codec", ["explicit_le", "rle", "jpeg2000_lossless", "jpeg_lossless", "jpeg_ls"])
def test_a_real_file_cut_anywhere_is_refused(shared, codec):
    data = (shared / "dicom" / "codecs" / f"ct1_{codec}.dcm").read_bytes()
    for percent in range(0, 100, 5):
        assert code_of(data[: len(data) * percent // 100]) == "corrupt_file"


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_random_damage_gives_pixels_or_a_refusal(syntax):
    data = transcoded(make_ct(HU), syntax)
    rng = np.random.default_rng(3)
    for _ in range(40):
        damaged = bytearray(data)
        for place in rng.integers(132, len(data), 4):
            damaged[place] = rng.integers(256)
        with contextlib.suppress(UserError):
            objection_to(read_header(io.BytesIO(damaged)))
            assert read(bytes(damaged)).ndim == 2


@pytest.mark.parametrize("tail", [b"", b"\xff" * 400, b"\0" * 8, b"no elements at all" * 20])
def test_a_preamble_without_a_header_is_damaged(tail):
    assert code_of(b"\0" * 128 + b"DICM" + tail) == "corrupt_file"


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"Rows": 60}, "corrupt_file"),
        ({"Rows": 60_000, "Columns": 60_000}, "too_large"),
        ({"NumberOfFrames": 2}, "corrupt_file"),
        ({"NumberOfFrames": 9000}, "corrupt_file"),
        ({"BitsStored": 17}, "corrupt_file"),
        ({"BitsStored": 0}, "corrupt_file"),
        ({"PixelRepresentation": 7}, "corrupt_file"),
    ],
    ids=str,
)
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEGLSLossless])
def test_pixels_that_are_not_what_the_header_says_are_refused(tags, code, syntax):
    assert code_of(rewritten(transcoded(make_ct(HU), syntax), **tags)) == code


def test_a_deflated_file_that_grows_without_end_is_refused(monkeypatch):
    monkeypatch.setattr("models.ingest.dicom.file_header.MOST_INFLATED", 1000)
    assert code_of(transcoded(make_ct(HU), DeflatedExplicitVRLittleEndian)) == "too_large"


def test_nothing_of_a_header_is_printed(tmp_path):
    data = make_ct(HU, PatientName="Doe^Jane", PatientID="4711", InstanceNumber=17)
    (tmp_path / "slice").write_bytes(data[:-9].replace(b"IS\x02\x0017", b"IS\x02\x00??"))
    code = "import sys; from models.ingest.dicom import *; f = open(sys.argv[1], 'rb')\n"
    code += "print(read_header(f).PatientID)\ntry: list(decode(f))\nexcept Exception as e: print(e)"
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "slice")],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
    )
    assert result.stdout == "4711\nThe DICOM file's pixel data are damaged or incomplete.\n"
    assert result.stderr == ""
