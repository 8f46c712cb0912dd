import numpy as np
import pytest

from models.imaging.grey import LUNG_HU, USUAL_SLOPE, estimate_hu, picture_as_hu
from tests.ingest.dicom_files import chest_slice


def chest_hu():
    """Half lung, half soft tissue, with something darker and something brighter in either."""
    hu = np.full((60, 80), -870.0)
    hu[:, 40:] = 20.0
    hu[:9], hu[-9:] = hu[:9] - 80, hu[-9:] + 80
    return hu


def as_crop(hu, low, slope):
    return np.rint((hu - low) / slope).astype(np.uint8)


@pytest.mark.parametrize(("low", "slope"), [(-1030.0, 5.0), (-1020.0, 10.0)])
def test_the_map_to_hu_is_found_where_lung_and_tissue_are_as_usual(low, slope):
    assert estimate_hu(as_crop(chest_hu(), low, slope)) == pytest.approx((slope, low))


def test_padding_is_no_lung():
    hu = chest_hu()
    hu[:, :30] = -2000.0
    assert estimate_hu(as_crop(hu, -2000.0, 10.0)) == pytest.approx((10.0, -2000.0))


def test_a_crop_with_little_tissue_gets_the_usual_slope():
    hu = np.full((60, 80), -870.0)
    hu[28:32, 38:42] = -400.0
    slope, intercept = estimate_hu(as_crop(hu, -1020.0, 10.0))
    assert slope == USUAL_SLOPE
    assert slope * 15 + intercept == -870


def test_a_slope_that_no_ct_has_is_not_believed():
    pixels = np.full((60, 80), 100, np.uint8)
    pixels[:, 40:] = 110  # as if 89 HU were one grey level
    assert estimate_hu(pixels) == (USUAL_SLOPE, -870 - 100 * USUAL_SLOPE)


def test_a_crop_comes_in_hu():
    hu = picture_as_hu(as_crop(chest_hu(), -1030.0, 5.0))
    assert hu.dtype == np.float32
    np.testing.assert_allclose(hu, chest_hu(), atol=2.5)  # half a grey level


@pytest.mark.parametrize(("slope", "intercept"), [(16.0, 500.0), (0.001, -0.5)])
def test_depth_and_scale_of_a_picture_do_not_matter(slope, intercept):
    crop = as_crop(chest_hu(), -1030.0, 5.0)
    crop[0, :2] = 0, 255
    scaled = slope * crop.astype(np.float64) + intercept
    np.testing.assert_allclose(picture_as_hu(scaled), picture_as_hu(crop), atol=0.1)


def test_air_around_the_body_is_not_taken_for_lung():
    chest = chest_slice().astype(float)
    shown = np.clip((chest + 1350) / 1500 * 255, 0, 255).round()
    lung, tissue = abs(chest + 850) < 20, abs(chest - 40) < 20
    whole = picture_as_hu(shown, whole_slice=True)
    assert whole[lung].mean() == pytest.approx(LUNG_HU, abs=5)
    assert whole[tissue].mean() == pytest.approx(20, abs=5)
    assert picture_as_hu(shown)[lung].mean() > LUNG_HU + 50


def test_without_lung_inside_a_whole_slice_is_read_like_a_crop():
    crop = as_crop(chest_hu(), -1030.0, 5.0)  # its dark part reaches the border
    np.testing.assert_array_equal(picture_as_hu(crop, whole_slice=True), picture_as_hu(crop))


@pytest.mark.parametrize("value", [0, 7])
def test_a_picture_of_one_value_is_lung(value):
    assert (picture_as_hu(np.full((5, 6), value)) == LUNG_HU).all()
