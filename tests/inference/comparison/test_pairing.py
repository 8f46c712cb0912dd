"""A nodule found again near an expected location, in drawn scans; what is bright counts as nodule."""

from dataclasses import replace

import numpy as np
import pytest

from models.imaging.scan import Orientation
from models.inference.comparison.alignment import point_of
from models.inference.comparison.pairing import REACH_MM, matches
from tests.app.made_series import BrightSpots
from tests.inference.comparison.drawn import drawn_scan, nodule_in


@pytest.fixture(scope="module")
def scan():
    return drawn_scan(radius_mm=6.0)


def test_the_nodule_is_found_from_some_millimetres_away(scan):
    row, col, index = nodule_in(scan)
    x, y, z = point_of(scan, row, col, index)
    found = matches(scan, (x + 5, y - 4, z + 3), 12.0, BrightSpots())
    assert (found[0].roi.row, found[0].roi.col) == pytest.approx((row, col), abs=1)
    assert abs(found[0].roi.slice - index) <= 1
    assert found[0].distance_mm == pytest.approx(np.sqrt(50), abs=1.5)
    assert found[0].diameter_mm == pytest.approx(12, abs=1.5)


def test_a_turned_file_gives_the_same_nodule(scan):
    turns = Orientation(transpose=True, flip_cols=True)
    pixels = np.stack([np.ascontiguousarray(layer[:, ::-1].T) for layer in scan.slices])
    turned = replace(scan, slices=pixels, orientation=turns)
    point = point_of(scan, *nodule_in(scan))
    (match,) = matches(turned, point, 12.0, BrightSpots())
    assert point_of(turned, match.roi.row, match.roi.col, match.roi.slice) == pytest.approx(point, abs=1.5)


def test_what_lies_beyond_reach_is_another_nodule(scan):
    x, y, z = point_of(scan, *nodule_in(scan))
    assert matches(scan, (x, y + REACH_MM + 3, z), 12.0, BrightSpots()) == []


def test_of_two_the_one_of_like_size_comes_first():
    small = drawn_scan(radius_mm=3.0)
    both = replace(
        small, slices=np.maximum(small.slices, drawn_scan(radius_mm=7.0, nodule_at=(126, 178, 66)).slices)
    )
    x, y, z = point_of(small, *nodule_in(small))
    expected = (x + 7.5, y, z)  # as far from the one as from the other
    for diameter, first in ((6.0, 6.0), (14.0, 14.0)):
        found = matches(both, expected, diameter, BrightSpots())
        assert len(found) == 2
        assert found[0].diameter_mm == pytest.approx(first, abs=1.5)
