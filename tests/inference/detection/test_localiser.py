import numpy as np
import pytest

from models.imaging.field import GRID_MM, Grid
from models.imaging.scan import Roi, Scan
from models.inference.detection.localiser import LEVEL, OutlinedNodule, component
from tests.inference.detection.made_localiser import BrightPlaces


def disc(row, col, radius, value=0.9, n=96):
    rows, cols = np.indices((n, n))
    return np.where(np.hypot(rows - row, cols - col) <= radius, value, 0.0)


def test_the_component_in_the_middle_is_kept_and_others_go():
    probability, level = component(disc(48, 47, 6, value=1.0) + disc(20, 20, 10, value=1.0))
    assert level == LEVEL
    np.testing.assert_array_equal(probability > 0, disc(48, 47, 6) > 0)


def test_a_click_may_miss_by_some_millimetres():
    near = disc(47.5, 47.5 + 9, 3)  # its edge is 4.5 mm off the middle
    assert component(near) is not None
    assert component(disc(47.5, 47.5 + 14, 3)) is None


def test_what_is_faint_is_outlined_at_half_of_its_best():
    _, level = component(disc(48, 48, 6, value=0.3))
    assert level == pytest.approx(0.15)
    assert component(disc(48, 48, 6, value=0.02)) is None


def test_an_outline_lies_in_the_files_pixels():
    grid = Grid.around(100.0, 60.0, 96, (0.5, 1.0))
    outline = OutlinedNodule(disc(47.5, 47.5, 12), 0.5, grid).in_file((200, 120))
    rows, cols = np.nonzero(outline.probability >= outline.level)
    assert (rows.mean() + outline.top, cols.mean() + outline.left) == pytest.approx((100, 60), abs=0.3)
    assert np.ptp(rows) == pytest.approx(24 * GRID_MM / 0.5, abs=2)
    assert np.ptp(cols) == pytest.approx(24 * GRID_MM / 1.0, abs=2)


def test_what_is_seen_has_place_size_and_score():
    seen = OutlinedNodule(disc(40, 50, 8, value=0.8), 0.5, Grid.around(100.0, 60.0, 96, (0.5, 1.0)))
    assert seen.middle == pytest.approx((100 - 7.5 * GRID_MM / 0.5, 60 + 2.5 * GRID_MM))
    assert seen.diameter_mm == pytest.approx(16 * GRID_MM, abs=0.4)
    assert seen.score == pytest.approx(0.8)


def test_an_outline_ends_with_the_image():
    grid = Grid.around(5.0, 5.0, 96, (0.75, 0.75))
    outline = OutlinedNodule(disc(47.5, 47.5, 12), 0.5, grid).in_file((50, 40))
    assert (outline.top, outline.left) == (0, 0)
    assert outline.probability.shape == (50, 40)
    assert outline.probability[0, 0] > 0.5


def test_the_nodule_at_a_place_of_a_scan_is_outlined():
    hu = np.full((1, 200, 200), -850, np.int16)
    rows, cols = np.indices((200, 200))
    hu[0][np.hypot(rows - 80, cols - 120) <= 10] = 40
    scan, localiser = Scan(hu, (0.7, 0.7), False, True), BrightPlaces()
    outline = localiser.outline(scan, Roi(82.0, 118.0, 0, "given"))
    inside = np.argwhere(outline.probability >= outline.level) + (outline.top, outline.left)
    assert inside.mean(axis=0) == pytest.approx((80, 120), abs=0.5)
    assert len(inside) == pytest.approx(np.pi * 10**2, rel=0.15)
    assert localiser.seen == [(96, 96, 3)] * 9  # a glance at what is large, and eight views
    assert localiser.outline(scan, Roi(20.0, 20.0, 0, "given")) is None
