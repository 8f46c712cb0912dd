from itertools import product

import numpy as np
import pytest

from models.imaging.geometry import (
    along_normal,
    display_orientation,
    gaps,
    normal,
    same_orientation,
    tilt_degrees,
    uneven,
)
from models.imaging.scan import Orientation, Scan

MAPS = [Orientation(*flags) for flags in product([False, True], repeat=3)]
SUPINE = (1, 0, 0, 0, 1, 0)


def tilted(degrees):
    """An axial grid whose gantry leans by an angle around the patient's left-right axis."""
    angle = np.radians(degrees)
    return (1, 0, 0, 0, np.cos(angle), -np.sin(angle))


@pytest.mark.parametrize("orientation", MAPS, ids=str)
@pytest.mark.parametrize("shape", [(3, 5), (7, 2), (4, 4), (1, 6)])
def test_pixels_and_places_turn_alike(orientation, shape):
    pixels = np.arange(shape[0] * shape[1]).reshape(shape)
    shown = orientation.shown(pixels)
    assert shown.shape == orientation.shown_shape(shape)
    for row, col in np.ndindex(shape):
        there = orientation.to_shown(row, col, shape)
        assert shown[there] == pixels[row, col]
        assert orientation.from_shown(*there, shape) == (row, col)


@pytest.mark.parametrize("orientation", MAPS, ids=str)
def test_fractional_places_come_back_exactly(orientation):
    locations = np.random.default_rng(0).integers(-8, 8 * 512, (2, 500)) / 8  # eighths are exact
    row, col = orientation.to_shown(*locations, (512, 300))
    np.testing.assert_array_equal(orientation.from_shown(row, col, (512, 300)), locations)
    there = orientation.from_shown(*locations, (512, 300))
    np.testing.assert_array_equal(orientation.to_shown(*there, (512, 300)), locations)


def test_the_eight_turns_differ():
    pixels = np.arange(6).reshape(2, 3)
    shown = {(o.shown(pixels).shape, o.shown(pixels).tobytes()) for o in MAPS}
    assert len(shown) == 8


def test_a_transposed_display_swaps_the_spacing():
    assert Orientation(transpose=True).shown_spacing((0.8, 0.6)) == (0.6, 0.8)
    assert Orientation(flip_rows=True).shown_spacing((0.8, 0.6)) == (0.8, 0.6)


AXIAL = [
    (sign_across * np.eye(3)[first], sign_down * np.eye(3)[1 - first])
    for first in (0, 1)
    for sign_across in (1, -1)
    for sign_down in (1, -1)
]


@pytest.mark.parametrize(("across", "down"), AXIAL, ids=str)
@pytest.mark.parametrize("turned", [0, 12, -30], ids="{} degrees".format)
def test_anterior_is_up_and_the_patients_right_is_on_the_left(across, down, turned):
    angle = np.radians(turned)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    across, down = turn @ across, turn @ down
    rows, cols = np.indices((9, 7))
    location = rows[..., None] * down + cols[..., None] * across  # of every pixel, in the patient
    orientation = display_orientation((*across, *down))
    x, y = orientation.shown(location[..., 0]), orientation.shown(location[..., 1])
    assert (np.diff(x, axis=1) > 0).all()  # to the right of the display lies the patient's left
    assert (np.diff(y, axis=0) > 0).all()  # downwards lies the back


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (SUPINE, Orientation()),
        ((-1, 0, 0, 0, -1, 0), Orientation(flip_rows=True, flip_cols=True)),  # prone, as scanners write it
        ((-1, 0, 0, 0, 1, 0), Orientation(flip_cols=True)),  # mirrored
        ((0, 1, 0, 1, 0, 0), Orientation(transpose=True)),
        ((0, 1, 0, -1, 0, 0), Orientation(transpose=True, flip_cols=True)),  # turned by 90 degrees
        (tilted(20), Orientation()),
    ],
    ids=str,
)
def test_the_turn_of_known_acquisitions(orientation, expected):
    assert display_orientation(orientation) == expected


@pytest.mark.parametrize(("across", "down"), AXIAL, ids=str)
def test_the_normal_points_to_the_head(across, down):
    np.testing.assert_array_equal(normal((*across, *down)), (0, 0, 1))


def test_positions_are_measured_along_the_normal():
    positions = [(5, -7, 10), (5, -7, 12)]
    np.testing.assert_array_equal(along_normal(positions, SUPINE), [10, 12])
    np.testing.assert_array_equal(along_normal(positions, (-1, 0, 0, 0, 1, 0)), [10, 12])
    steps = np.diff(along_normal(positions, tilted(20)))
    np.testing.assert_allclose(steps, 2 * np.cos(np.radians(20)))


@pytest.mark.parametrize(
    ("step", "orientation", "degrees"),
    [
        ((0, 0, 2), SUPINE, 0),
        ((0, 0, 2), tilted(15), 15),  # as scanners write it
        ((0, 0, -2), tilted(-7.5), 7.5),
        ((0, 2 * np.tan(np.radians(10)), 2), SUPINE, 10),  # upright slices, shifted
        ((0, np.sin(np.radians(25)), np.cos(np.radians(25))), tilted(25), 25),  # an oblique block
        ((0, 0, 0), tilted(5), 5),
    ],
)
def test_the_tilt_shows_in_slices_or_in_their_shift(step, orientation, degrees):
    positions = [np.array([1, 2, 3]) + i * np.array(step) for i in range(4)]
    assert tilt_degrees(positions, orientation) == pytest.approx(degrees, abs=1e-5)


@pytest.mark.parametrize(
    ("degrees", "same"), [(0, True), (0.5, True), (1.5, False), (90, False), (180, False)]
)
def test_orientations_are_the_same_to_a_degree(degrees, same):
    assert same_orientation(SUPINE, tilted(degrees)) == same


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([], []),
        ([1], []),
        ([1, 9], []),
        ([0, 1, 2, 3.5], []),  # just 1.5 times the median
        ([0, 1, 2, 3.6, 4.6], [(2, 3.6)]),
        ([-4, -2, 4, 6, 8, 12], [(-2, 4), (8, 12)]),
    ],
)
def test_a_gap_is_more_than_one_and_a_half_distances(positions, expected):
    assert gaps(positions) == expected


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([], None),
        ([0, 1, 2, 3], None),
        ([0, 1, 2, 4, 5, 6], None),  # a gap is told apart
        ([0, 1.25, 2.5, 3.8], None),  # rounding
        ([0, 1, 2, 3.25, 4.25], (1, 1.25)),
        ([0, 2, 2.5, 4.5, 6.5], (0.5, 2)),
    ],
)
def test_uneven_distances_are_noticed(positions, expected):
    assert uneven(positions) == expected


@pytest.mark.parametrize(
    ("positions", "expected"), [(None, None), ((1.0,), None), ((0.0, 1.0, 2.0, 9.0), 1.0)]
)
def test_the_slice_spacing_is_the_median_distance(positions, expected):
    slices = np.zeros((len(positions or "x"), 2, 2), np.int16)
    assert Scan(slices, (1, 1), False, True, positions_mm=positions).slice_spacing_mm == expected
