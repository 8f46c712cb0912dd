"""The saliency map as colours: where it is clear, what is strongest, which way it is turned."""

import numpy as np
import pytest

from models.imaging.scan import Orientation
from models.reports.overlay import FAINT, OPACITY, VIRIDIS, legend, overlay


def one_spot(row, col):
    spot = np.zeros((64, 64), np.float32)
    spot[row - 4 : row + 5, col - 4 : col + 5] = 1
    return spot


def test_the_strongest_place_has_the_last_colour_and_the_rest_is_clear():
    picture = overlay(one_spot(20, 40), Orientation(), 64)
    assert (picture.shape, picture.dtype) == ((64, 64, 4), np.uint8)
    assert picture[20, 40].tolist() == [0xFD, 0xE7, 0x25, round(255 * OPACITY)]
    assert picture[40, 20, 3] == 0


def test_what_is_faint_is_clear_and_the_more_the_less_shows_through():
    ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))
    alpha = overlay(ramp, Orientation(), 64)[32, :, 3].astype(int)
    assert (alpha[ramp[0] <= FAINT] == 0).all()
    assert (np.diff(alpha) >= 0).all()
    assert alpha[-1] == round(255 * OPACITY)


def test_the_map_is_enlarged_to_the_size_asked_for():
    picture = overlay(one_spot(20, 40), Orientation(), 384)
    assert picture.shape == (384, 384, 4)
    assert picture[20 * 6 + 3, 40 * 6 + 3, 3] == round(255 * OPACITY)


@pytest.mark.parametrize(
    ("turned", "place"),
    [
        (Orientation(transpose=True), (40, 20)),
        (Orientation(flip_rows=True), (43, 40)),
        (Orientation(flip_cols=True), (20, 23)),
    ],
)
def test_the_map_is_turned_as_the_slice_is_shown(turned, place):
    alpha = overlay(one_spot(20, 40), turned, 64)[..., 3]
    assert np.array_equal(np.argwhere(alpha == alpha.max()).mean(axis=0).round(), place)


def test_lightness_rises_evenly_so_that_the_colours_read_in_grey():
    linear = [[(int(colour[i : i + 2], 16) / 255) ** 2.2 for i in (1, 3, 5)] for colour in VIRIDIS]
    lightness = 116 * np.cbrt(np.array(linear) @ (0.2126, 0.7152, 0.0722)) - 16
    steps = np.diff(lightness)
    assert steps.min() > 0.7 * steps.mean()
    assert steps.max() < 1.3 * steps.mean()


def test_the_legend_goes_from_little_to_much_and_leaves_out_what_is_clear():
    colours, opacities = zip(*legend(), strict=True)
    assert colours == VIRIDIS[-len(colours) :]
    assert list(opacities) == sorted(opacities)
    assert opacities[0] > 0
    assert opacities[-1] == OPACITY
