"""Warnings about the size of a nodule; which ones, and what they say."""

from dataclasses import replace

import numpy as np
import pytest

from models.inference.nodule_warnings import size_warnings, soft_share, texture_of_rating, texture_warning
from tests.inference.measurement.test_nodule import CENTRE, SIZE, SPACING_MM, ball, disc, scan_of

STEP_1 = np.arange(-10.0, 11.0)


def codes(outlines, scan, long_axis_mm=10.0):
    largest = max(outlines, key=lambda index: np.ptp(outlines[index][:, 0]))
    return [notice.code for notice in size_warnings(scan, outlines, largest, long_axis_mm)]


def test_a_nodule_within_lung_and_scan_has_none():
    assert codes(ball(10.0, STEP_1, 0.0), scan_of(STEP_1)) == []


@pytest.mark.parametrize(("middle_mm", "where"), [(-8.0, "the first slice"), (8.0, "the last slice")])
def test_cut_by_the_first_or_the_last_slice(middle_mm, where):
    outlines = ball(10.0, STEP_1, middle_mm)
    (notice,) = size_warnings(scan_of(STEP_1), outlines, max(outlines) - 2, 10.0)
    assert notice.code == "cut_by_scan"
    assert where in notice.message


def test_a_single_slice_is_cut_by_nothing():
    assert codes({0: disc(10.0)}, scan_of([0.0])) == []


def test_cut_by_the_edge_of_the_image_in_any_slice():
    outlines = ball(10.0, STEP_1, 0.0)
    outlines[8] = disc(6.0, centre=(3.0, 48.0))
    assert codes(outlines, scan_of(STEP_1)) == ["cut_off"]


def test_slices_that_are_too_thick():
    positions = np.arange(-30.0, 31.0, 6.0)
    assert codes(ball(10.0, positions, 0.0), scan_of(positions)) == ["slices_too_thick"]
    assert codes(ball(13.0, positions, 0.0), scan_of(positions), 13.0) == []


def test_pictures_without_a_distance_have_no_volume():
    pictures = scan_of(STEP_1, positions_mm=None)
    assert codes(ball(10.0, STEP_1, 0.0), pictures) == ["volume_unknown"]
    assert codes(ball(10.0, STEP_1, 0.0), replace(pictures, given_step_mm=1.0)) == []
    assert codes({0: disc(10.0)}, scan_of([0.0], positions_mm=None)) == []


def test_an_unknown_pixel_size_is_one_reason_enough():
    assert codes(ball(10.0, STEP_1, 0.0), scan_of(STEP_1, spacing_assumed=True), None) == ["size_unknown"]


@pytest.mark.parametrize(("wall_mm", "share"), [(8.0, 0.0), (0.0, 0.5), (-20.0, 1.0)])
def test_the_share_of_the_border_that_lies_against_soft_tissue(wall_mm, share):
    scan = scan_of(STEP_1)
    scan.slices[10, :, int(CENTRE[1] + wall_mm / SPACING_MM) :] = 30  # the wall begins beside the middle
    assert soft_share(disc(8.0), scan, 10) == pytest.approx(share, abs=0.05)


def test_a_border_that_is_a_guess_is_said_with_its_share():
    scan = scan_of(STEP_1)
    scan.slices[10, :, int(CENTRE[1]) :] = 30
    (notice,) = size_warnings(scan, ball(8.0, STEP_1, 0.0), 10, 8.0)
    assert notice.code == "border_guessed"
    assert notice.message.startswith(f"{100 * soft_share(disc(8.0), scan, 10):.0f} % of the outline")


def test_beyond_a_small_image_there_is_no_border():
    assert soft_share(disc(200.0, centre=(SIZE / 2, SIZE / 2)), scan_of([0.0]), 0) is None


@pytest.mark.parametrize(
    ("rating", "name"),
    [
        (1.0, "ground glass"),
        (1.99, "ground glass"),
        (2.0, "part-solid"),
        (3.9, "part-solid"),
        (4.0, "solid"),
        (5.0, "solid"),
    ],
)
def test_ratings_are_called_as_the_nearest_of_one_three_and_five(rating, name):
    assert texture_of_rating(rating) == name


@pytest.mark.parametrize(
    ("texture", "rating", "warned"),
    [
        ("solid", 4.8, False),
        ("solid", 2.2, True),
        ("ground glass", 4.1, True),
        (None, 4.1, False),
        ("solid", None, False),
    ],
)
def test_texture_class_and_descriptor_never_disagree_silently(texture, rating, warned):
    notice = texture_warning(texture, rating)
    assert (notice is not None) == warned
    if notice:
        assert notice.code == "texture_disagrees"
        assert f"looks {texture}" in notice.message
        assert texture_of_rating(rating) in notice.message
