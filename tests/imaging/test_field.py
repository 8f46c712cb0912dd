import numpy as np
import pytest

from models.imaging.field import GRID_MM, Grid, adjacent_slices, cut_field, field_at, to_unit
from models.imaging.scan import Scan


def scan_of(slices, spacing=(0.75, 0.75), is_hu=True):
    return Scan(np.asarray(slices), spacing, False, is_hu)


def test_the_window_of_hu_becomes_0_to_1():
    hu = np.array([-3024, -1000, -350, 300, 3071])
    assert to_unit(hu).tolist() == [0, 0, 0.5, 1, 1]
    assert to_unit(hu).dtype == np.float32


def test_a_box_at_the_files_own_spacing_is_a_plain_cut():
    pixels = np.arange(30 * 40).reshape(30, 40).astype(np.int16)
    np.testing.assert_allclose(cut_field(pixels, (3, 5, 13, 25), (10, 20)), pixels[3:13, 5:25])


def test_beyond_the_edges_is_the_mirror_image():
    pixels = np.arange(5 * 4).reshape(5, 4)
    expected = np.pad(pixels, 3, mode="symmetric")
    np.testing.assert_allclose(cut_field(pixels, (-3, -3, 8, 7), (11, 10)), expected)


def test_far_beyond_the_edges_the_image_is_repeated():
    pixels = np.array([[1.0, 2.0, 3.0]])
    np.testing.assert_allclose(cut_field(pixels, (0, 0, 1, 9), (1, 9)), [[1, 2, 3, 3, 2, 1, 1, 2, 3]])


def test_a_coarser_grid_averages():
    pixels = np.random.default_rng(0).normal(0, 1, (64, 64))
    assert cut_field(pixels, (0, 0, 64, 64), (16, 16)).std() < 0.35


@pytest.mark.parametrize("spacing", [(0.75, 0.75), (0.5, 1.0)])
@pytest.mark.parametrize(("row", "col"), [(20.0, 31.0), (7.25, 40.5)])
def test_a_grid_has_the_place_in_its_middle_and_maps_back_and_forth(spacing, row, col):
    grid = Grid.around(row, col, 32, spacing)
    assert grid.to_file(15.5, 15.5) == pytest.approx((row, col))
    assert grid.from_file(*grid.to_file(3.0, 29.0)) == pytest.approx((3, 29))
    top, left, bottom, right = grid.box
    assert ((bottom - top) * spacing[0], (right - left) * spacing[1]) == pytest.approx((24, 24))


def test_a_grid_over_a_box_begins_with_it_and_is_a_multiple():
    grid = Grid.over((10, 20, 110, 90), 16, (0.75, 0.6))
    assert grid.box[:2] == (10, 20)
    assert grid.size == (112, 64)  # 100 and 56 pixels of the grid
    assert grid.to_file(0, 0) == pytest.approx((10, 20 + GRID_MM / 2 / 0.6 - 0.5))


def test_channels_are_the_slice_and_its_neighbours():
    slices = np.stack([np.full((40, 40), hu, np.int16) for hu in (-1000, -350, 300)])
    grid = Grid.around(20, 20, 16, (0.75, 0.75))
    assert field_at(scan_of(slices), 1, grid)[0, 0].tolist() == [0, 0.5, 1]
    assert field_at(scan_of(slices), 0, grid)[0, 0].tolist() == [0, 0, 0.5]


def test_a_place_is_found_again_in_the_field():
    slices = np.full((1, 90, 70), -1000, np.int16)
    slices[0, 30:33, 50:53] = 300
    grid = Grid.over((0, 0, 90, 70), 16, (0.7, 0.8))
    field = field_at(scan_of(slices, (0.7, 0.8)), 0, grid)
    at = np.argwhere(field[..., 1] == field[..., 1].max()).mean(axis=0)
    assert grid.to_file(*at) == pytest.approx((31, 51), abs=0.6)


def test_a_picture_is_brought_to_hu_first(chest):
    grid = Grid.around(256, 154, 96, (0.7, 0.7))  # the nodule
    shown = np.clip((chest + 1350.0) / 1500 * 255, 0, 255).round()
    hu = field_at(scan_of(chest[None], (0.7, 0.7)), 0, grid)
    picture = field_at(scan_of(shown[None], (0.7, 0.7), is_hu=False), 0, grid)
    assert np.abs(hu - picture).mean() < 0.02


@pytest.mark.parametrize(
    ("shape", "spacing", "expected"),
    [((512, 512), 0.7, True), ((256, 256), 0.7, False), ((128, 128), 3.0, False), ((300, 300), 0.7, True)],
)
def test_a_whole_slice_is_200_mm_wide(shape, spacing, expected):
    assert scan_of(np.zeros((1, *shape)), (spacing, spacing)).is_whole_slice == expected


@pytest.mark.parametrize(
    ("n_slices", "index", "expected"),
    [
        (1, 0, (0, 0, 0)),
        (2, 0, (0, 0, 1)),
        (2, 1, (0, 1, 1)),
        (5, 0, (0, 0, 1)),
        (5, 2, (1, 2, 3)),
        (5, 4, (3, 4, 4)),
    ],
)
def test_neighbours(n_slices, index, expected):
    assert adjacent_slices(n_slices, index) == expected
