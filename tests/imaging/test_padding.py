import io

import numpy as np
import pytest
from pydicom.uid import ImplicitVRLittleEndian

from models.imaging.dicom import decode
from tests.imaging.dicom_files import make_ct, transcoded


def read(data):
    (pixels,) = decode(io.BytesIO(data))
    return pixels


def padded(value, shape=(40, 50)):
    """HU with `value` in the upper left corner and once amid the tissue, and the same with air there."""
    hu = np.linspace(-800, 700, shape[0] * shape[1]).round().reshape(shape)
    hu[hu == value] += 1
    hu[:5, :7] = value
    hu[20:22, 20:22] = value
    everywhere, border = hu.copy(), hu.copy()
    everywhere[hu == value] = -1024
    border[:5, :7] = -1024
    return hu, everywhere, border


@pytest.mark.parametrize("value", [-2000, -3024, -1501, -32768])
def test_values_no_tissue_has_are_air(value):
    hu, everywhere, _ = padded(value)
    np.testing.assert_array_equal(read(make_ct(hu, signed=True, intercept=0)), everywhere)


def test_what_air_has_is_kept():
    hu, _, _ = padded(-1500)
    np.testing.assert_array_equal(read(make_ct(hu, signed=True, intercept=0)), hu)


@pytest.mark.parametrize(("signed", "intercept"), [(True, 0), (False, -1024), (True, -1024)])
@pytest.mark.parametrize("value", [-901, -1000, 3001])
def test_a_padding_value_that_no_tissue_has_is_air_wherever_it_is(signed, intercept, value):
    hu, everywhere, _ = padded(value)
    data = make_ct(hu, signed=signed, intercept=intercept, PixelPaddingValue=value - intercept)
    np.testing.assert_array_equal(read(data), everywhere)


@pytest.mark.parametrize(("signed", "intercept"), [(True, 0), (False, -1024), (True, -1024)])
@pytest.mark.parametrize("value", [-900, 0, 500, 3000])
def test_a_padding_value_that_tissue_may_have_is_air_at_the_border_only(signed, intercept, value):
    hu, _, border = padded(value)
    data = make_ct(hu, signed=signed, intercept=intercept, PixelPaddingValue=value - intercept)
    np.testing.assert_array_equal(read(data), border)


def test_a_padding_value_is_rescaled_before_it_is_judged():
    hu, everywhere, _ = padded(-1000)
    data = make_ct(hu, slope=0.5, intercept=-1100, PixelPaddingValue=200)
    np.testing.assert_array_equal(read(data), everywhere)


@pytest.mark.parametrize(("ends"), [(-1300, -1100), (-1100, -1300)])
def test_a_padding_range_is_air_with_both_its_ends(ends):
    hu = np.full((40, 50), 40)
    hu[10, 10:16] = [-1301, -1300, -1200, -1100, -1099, 0]
    expected = hu.copy()
    expected[10, 11:14] = -1024
    tags = {"PixelPaddingValue": ends[0], "PixelPaddingRangeLimit": ends[1]}
    np.testing.assert_array_equal(read(make_ct(hu, signed=True, intercept=0, **tags)), expected)


def test_a_range_that_reaches_into_tissue_is_air_at_the_border_only():
    hu = np.full((40, 50), 40)
    hu[:3] = -1300
    hu[20, 20] = -850
    expected = np.where(hu == -1300, -1024, hu)
    tags = {"PixelPaddingValue": -1400, "PixelPaddingRangeLimit": -800}
    np.testing.assert_array_equal(read(make_ct(hu, signed=True, intercept=0, **tags)), expected)


def test_an_empty_padding_value_pads_nothing():
    hu, _, _ = padded(0)
    np.testing.assert_array_equal(read(make_ct(hu, PixelPaddingValue="")), hu)


def test_a_padding_value_in_the_other_sign_is_understood():
    hu, everywhere, _ = padded(-1200)
    data = make_ct(hu, signed=True, intercept=0, PixelPaddingValue=-1200)
    element = b"\x28\x00\x20\x01SS\x02\x00"
    assert data.count(element) == 1
    np.testing.assert_array_equal(read(data.replace(element, element.replace(b"SS", b"US"))), everywhere)


def test_a_padding_value_without_a_type_is_understood():
    hu, everywhere, _ = padded(-1200)
    data = transcoded(make_ct(hu, signed=True, intercept=0, PixelPaddingValue=-1200), ImplicitVRLittleEndian)
    np.testing.assert_array_equal(read(data), everywhere)


def test_padding_where_values_are_no_hu_is_as_dark_as_the_darkest():
    values, _, border = padded(3000)
    data = make_ct(values, signed=True, intercept=0, RescaleType="US", PixelPaddingValue=3000)
    border[border == -1024] = values.min()
    np.testing.assert_array_equal(read(data), border)


def test_float_padding_is_air():
    values = np.linspace(-800, 700, 2000, dtype=np.float32).reshape(40, 50)
    values[:5] = -1300.5
    tags = {"FloatPixelData": values.tobytes(), "FloatPixelPaddingValue": -1300.5, "BitsAllocated": 32}
    data = make_ct(np.zeros((40, 50)), intercept=0, PixelData=None, **tags)
    np.testing.assert_array_equal(read(data), np.where(values == -1300.5, -1024, values))


@pytest.mark.parametrize("number", [58, 63, 69])
def test_a_real_chest_slice_is_read_without_its_padding(shared, number):
    pixels = read((shared / "dicom" / "lidc-0002" / f"{number:03}.dcm").read_bytes())
    assert pixels.shape == (512, 512)
    assert pixels.dtype == np.int16
    assert pixels.min() == -1024  # stored as -2000
    assert pixels[0, 0] == -1024
