import io

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian, RLELossless

from models.errors import UserError
from models.ingest.dicom import decode, read_header
from models.ingest.dicom.hounsfield import is_hounsfield
from models.ingest.read import read_scan
from tests.ingest.dicom_files import make_ct, rewritten, transcoded
from tests.ingest.series_files import group, make_enhanced, marked


def read(data):
    (pixels,) = decode(io.BytesIO(data))
    return pixels


def hounsfield(data):
    return is_hounsfield(read_header(io.BytesIO(data)))


def small(low=-1000, high=1000):
    return np.linspace(low, high, 40 * 50).round().reshape(40, 50)


def lut(first, table, kind="HU", bits=16):
    sequence = Dataset()
    sequence.LUTDescriptor = [len(table), first, bits]
    sequence.ModalityLUTType = kind
    sequence.LUTData = np.asarray(table, "<u2").tobytes()
    return [sequence]


@pytest.mark.parametrize("rle", [False, True], ids=["explicit", "rle"])
@pytest.mark.parametrize(
    ("signed", "slope", "intercept", "bits", "dtype"),
    [
        (False, 1, -1024, 16, np.int16),
        (False, 1, -1024, 14, np.int16),
        (False, 1, -1024, 12, np.int16),
        (True, 1, 0, 16, np.int16),
        (True, 1, 0, 12, np.int16),
        (True, 1, -1024, 16, np.int16),
        (False, 2, -1024, 16, np.int16),
        (True, 2, 0, 12, np.int16),
        (True, -1, 0, 12, np.int16),
        (False, 0.5, -1024, 12, np.float32),
        (False, 1.5, -1024, 12, np.float32),
        (False, 0.1, -100, 13, np.float32),
        (True, 0.1, 0, 13, np.float32),
        (False, 1, -1000.5, 13, np.float32),
        (False, 0.25, -1000.5, 16, np.float32),
    ],
)
def test_hu_are_exact(signed, slope, intercept, bits, dtype, rle):
    stored = np.arange(2000).reshape(40, 50) - (1000 if signed else 0)
    hu = stored * slope + intercept
    hu = np.where(hu >= -1500, hu, -1024)  # below lies padding, which another test looks at
    pixels = read(make_ct(hu, slope=slope, intercept=intercept, signed=signed, bits=bits, rle=rle))
    assert pixels.dtype == dtype
    np.testing.assert_array_equal(pixels, hu.astype(np.float32))


@pytest.mark.parametrize("signed", [False, True])
def test_8_bits_are_read(signed):
    stored = np.arange(240).reshape(12, 20) - (120 if signed else 0)
    tags = {"BitsAllocated": 8, "PixelData": stored.astype(np.int8 if signed else np.uint8).tobytes()}
    data = make_ct(stored * 4 - 500, slope=4, intercept=-500, signed=signed, bits=8, **tags)
    np.testing.assert_array_equal(read(data), stored * 4 - 500)


@pytest.mark.parametrize("signed", [False, True])
def test_32_bits_are_read(signed):
    stored = np.arange(2000).reshape(40, 50) - (1000 if signed else 0)
    data = make_ct(stored, intercept=0, signed=signed)
    pixels = stored.astype("<i4").tobytes()
    data = rewritten(data, BitsAllocated=32, BitsStored=32, HighBit=31, PixelData=pixels)
    np.testing.assert_array_equal(read(data), stored)


def test_12_bits_reach_their_ends():
    hu = np.array([[-1024, 3071], [0, 1]])
    np.testing.assert_array_equal(read(make_ct(hu, bits=12)), hu)


def test_whole_numbers_beyond_16_bits_are_float32():
    hu = np.array([[0, 40_000], [2, 4]])
    pixels = read(make_ct(hu, slope=2, intercept=0))
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels, hu)


@pytest.mark.parametrize("rle", [False, True], ids=["explicit", "rle"])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("high", [11, 13, 15])
def test_only_the_bits_up_to_the_high_bit_count(signed, high, rle):
    stored = np.arange(2000).reshape(40, 50) - (1000 if signed else 0)
    rubbish = np.random.default_rng(1).integers(0, 2**16, stored.shape)
    mask = (2**12 - 1) << (high - 11)
    cells = (((stored & 0xFFF) << (high - 11)) & mask) | (rubbish & ~mask & 0xFFFF)
    data = make_ct(
        stored, intercept=0, signed=signed, bits=12, HighBit=high, PixelData=cells.astype("<u2").tobytes()
    )
    if rle:
        data = transcoded_rle(data)
    np.testing.assert_array_equal(read(data), stored)


def transcoded_rle(data):
    """The cells as they are, rubbish and all: pydicom's encoder, not GDCM's, which cleans them."""
    dataset = dcmread(io.BytesIO(data))
    dataset.compress(RLELossless, generate_instance_uid=False)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def test_a_high_bit_that_cannot_be_is_taken_for_the_usual_one():
    data = make_ct(small(), bits=12, HighBit=3)
    np.testing.assert_array_equal(read(data), small())


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2", None])
def test_how_grey_is_displayed_does_not_change_hu(photometric):
    data = make_ct(small(), PhotometricInterpretation=photometric)
    np.testing.assert_array_equal(read(data), small())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_pixels_are_read(dtype):
    values = np.linspace(-1000, 1000, 2000, dtype=dtype).reshape(40, 50)
    keyword = "FloatPixelData" if dtype is np.float32 else "DoubleFloatPixelData"
    tags = {keyword: values.tobytes(), "PixelData": None, "BitsAllocated": values.itemsize * 8}
    data = make_ct(
        small(), **tags, RescaleIntercept=-100, BitsStored=None, HighBit=None, PixelRepresentation=None
    )
    pixels = read(data)
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels, (values.astype(np.float64) - 100).astype(np.float32))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_float_pixels_that_are_no_numbers_are_refused(bad):
    values = np.full((40, 50), 1, np.float32)
    values[3, 4] = bad
    data = make_ct(small(), PixelData=None, FloatPixelData=values.tobytes(), BitsAllocated=32)
    with pytest.raises(UserError) as caught:
        read(data)
    assert caught.value.code == "corrupt_file"


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", [None, ImplicitVRLittleEndian])
def test_a_modality_lut_is_applied_and_its_ends_go_on(signed, syntax):
    first = -3 if signed else 3
    stored = np.arange(first - 2, first + 8).reshape(2, 5)
    table = [10, 20, 40, 80, 160]
    data = make_ct(stored, intercept=0, signed=signed)
    data = rewritten(data, ModalityLUTSequence=lut(first, table), RescaleSlope=None, RescaleIntercept=None)
    data = transcoded(data, syntax) if syntax else data
    expected = [[10, 10, 10, 20, 40], [80, 160, 160, 160, 160]]
    np.testing.assert_array_equal(read(data), expected)
    assert hounsfield(data)


def test_a_modality_lut_of_another_kind_is_no_hu():
    data = make_ct(small(), ModalityLUTSequence=lut(0, [1, 2, 3], kind="OD"))
    assert not hounsfield(data)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, True),
        ({"RescaleType": "HU"}, True),
        ({"RescaleType": ""}, True),
        ({"RescaleType": "US"}, False),
        ({"RescaleType": "HU_MOD"}, False),
        ({"RescaleSlope": None}, False),
        ({"RescaleIntercept": None}, False),
        ({"RescaleIntercept": ""}, False),
        ({"RescaleSlope": None, "RescaleIntercept": None}, False),
    ],
    ids=str,
)
def test_the_header_says_whether_values_are_hu(tags, expected):
    assert hounsfield(make_ct(small(), **tags)) is expected


def test_without_rescale_elements_the_stored_values_are_given_as_they_are():
    values = small(-2000, 2000)
    data = make_ct(values, signed=True, intercept=0, RescaleSlope=None, RescaleIntercept=None)
    np.testing.assert_array_equal(read(data), values)


@pytest.mark.parametrize(
    "tags", [{"RescaleSlope": 0}, {"RescaleSlope": "1E400"}, {"RescaleIntercept": "-1E999"}]
)
def test_rescale_values_that_make_no_sense_are_refused(tags):
    with pytest.raises(UserError) as caught:
        read(make_ct(small(), **tags))
    assert caught.value.code == "corrupt_file"


def stored_as(hu, bits, intercept, slope=1.0):
    """A file that says its values are unsigned, though they are stored in two's complement."""
    stored = np.round((hu - intercept) / slope).astype(np.int64) % 2**bits
    tags = {"RescaleIntercept": intercept, "RescaleSlope": slope}
    return make_ct(np.zeros(hu.shape), bits=bits, PixelData=stored.astype("<u2").tobytes(), **tags)


@pytest.mark.parametrize("rle", [False, True])
@pytest.mark.parametrize(
    ("hu", "bits", "intercept", "slope"),
    [
        (small(-1000, 1900), 16, 0, 1),
        (small(-1000, 1900), 12, 0, 1),
        (small(-1000, 1900), 16, -24, 1),
        (small(-1000, 3000).round(-1), 16, 0, 0.5),
        (np.where(small() < -900, -3024, small()), 16, -1024, 1),  # but for the padding, nothing is negative
    ],
)
def test_signed_values_are_read_though_the_header_denies_their_sign(hu, bits, intercept, slope, rle):
    notes, data = set(), stored_as(hu, bits, intercept, slope)
    data = transcoded(data, RLELossless) if rle else data
    (pixels,) = decode(io.BytesIO(data), notes=notes)
    np.testing.assert_array_equal(pixels, np.where(hu < -1500, -1024, hu))
    assert notes == {"signed_values"}


@pytest.mark.parametrize(
    ("hu", "bits", "intercept", "slope"),
    [
        (small(-1024, 3071), 12, -1024, 1),  # bone and metal have the highest bit
        (small(-1024, 30710), 16, -1024, 1),
        (small(-1024, 30710).round(-1) - 4, 12, -1024, 10),
        (small(0, 2000), 12, 0, 1),  # a phantom
    ],
)
def test_unsigned_values_stay_unsigned(hu, bits, intercept, slope):
    notes, hu = set(), np.floor((hu - intercept) / slope) * slope + intercept
    (pixels,) = decode(io.BytesIO(make_ct(hu, bits=bits, intercept=intercept, slope=slope)), notes=notes)
    np.testing.assert_array_equal(pixels, hu)
    assert notes == set()


def test_a_lost_sign_is_said_to_the_user(chest):
    scan = read_scan([("a.dcm", stored_as(chest.astype(float), 16, 0))])
    np.testing.assert_array_equal(scan.slices[0], chest)
    assert [notice.code for notice in scan.notices] == ["signed_values"]


def test_every_frame_has_its_own_rescale_values():
    dataset = dcmread(io.BytesIO(make_enhanced([0, 2, 4], RescaleSlope=None, RescaleIntercept=None)))
    for frame, slope in zip(dataset.PerFrameFunctionalGroupsSequence, (1, 2, 0.5), strict=True):
        values = group(RescaleSlope=slope, RescaleIntercept=-1024 * slope, RescaleType="HU")
        frame.PixelValueTransformationSequence = [values]
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    assert is_hounsfield(read_header(buffer))
    for number, (pixels, slope) in enumerate(zip(decode(buffer), (1, 2, 0.5), strict=True)):
        hu = marked(number) * slope
        np.testing.assert_array_equal(pixels, np.where(hu < -1500, -1024, hu))
    values.RescaleType = "PCT"
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    assert not is_hounsfield(read_header(buffer))
