"""Volumes are sums of area times extent, exact where the arithmetic is."""

import pytest

from models.inference.measurement.volume import extents_mm, is_too_thick, sphere_diameter_mm, volume_mm3


@pytest.mark.parametrize(
    ("positions", "extents"),
    [
        ((0.0, 2.0), [2.0, 2.0]),
        ((-3.0, -1.0, 1.0), [2.0, 2.0, 2.0]),
        ((0.0, 1.0, 3.0, 6.0), [1.0, 1.5, 2.5, 3.0]),
    ],
)
def test_each_slice_stands_for_half_of_what_lies_between_it_and_its_neighbours(positions, extents):
    assert extents_mm(positions).tolist() == extents


def test_the_extent_of_a_slice_is_that_in_the_scan_and_not_among_the_slices_of_the_nodule():
    positions = (0.0, 1.0, 2.0, 6.0, 7.0)
    assert volume_mm3({2: 10.0, 3: 4.0}, positions) == 10 * 2.5 + 4 * 2.5
    assert volume_mm3({1: 10.0}, positions) == 10 * 1.0


def test_a_nodule_in_the_last_slice_counts_as_far_beyond_as_within():
    assert volume_mm3({1: 3.0, 2: 5.0}, (0.0, 1.0, 3.0)) == 3 * 1.5 + 5 * 2.0


def test_the_sphere_of_a_volume():
    assert sphere_diameter_mm(4 / 3 * 3.141592653589793 * 5**3) == pytest.approx(10)


@pytest.mark.parametrize(
    ("step_mm", "long_axis_mm", "expected"), [(2.5, 5.0, False), (2.6, 5.0, True), (5.0, 12.0, False)]
)
def test_slices_farther_apart_than_half_the_nodule_give_no_volume(step_mm, long_axis_mm, expected):
    assert is_too_thick([step_mm * i for i in range(9)], (4, 5), long_axis_mm) is expected


def test_only_what_lies_about_the_nodule_counts():
    assert not is_too_thick((0.0, 9.0, 10.0, 11.0, 12.0), (2, 3), 6.0)
    assert is_too_thick((0.0, 9.0, 10.0, 11.0, 12.0), (1, 3), 6.0)
