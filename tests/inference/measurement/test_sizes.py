import time

import numpy as np
import pytest

from models.imaging.scan import Scan
from models.inference.measurement.outline import Outline, contour
from models.inference.measurement.sizes import Measurement, axes, measure
from tests.inference.measurement.shapes import covered, disc_outline

SPACINGS = [(0.7, 0.7), (0.5, 0.9), (1.0, 0.6)]


def scan_of(pixels, spacing_mm=(0.7, 0.7), assumed=False, is_hu=True):
    return Scan(np.asarray(pixels)[None], spacing_mm, assumed, is_hu)


def measure_mask(mask, spacing_mm=(0.7, 0.7)):
    polygon = contour(Outline(np.array(mask, np.float32), 0, 0, 0.5))
    return measure(polygon, scan_of(np.zeros(np.shape(mask)), spacing_mm), 0)


def ellipse(long, short, angle, n=720):
    """Points (n, 2) around an ellipse in mm."""
    turn = np.linspace(0, 2 * np.pi, n, endpoint=False)
    x, y = long / 2 * np.cos(turn), short / 2 * np.sin(turn)
    return np.column_stack([x * np.sin(angle) + y * np.cos(angle), x * np.cos(angle) - y * np.sin(angle)])


def test_axes_of_a_rectangle_are_chords_not_its_bounding_box():
    rectangle = np.array([(0, 0), (0, 4), (3, 4), (3, 0)], float)
    long, short = axes(rectangle)
    assert long == 5
    assert short == pytest.approx(3.75)  # across the diagonal; its shadow would be 4.8 wide


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("angle", [0, 0.3, 1.0, np.pi / 2, 2.5])
def test_an_ellipse_at_any_angle_has_its_own_axes(angle, spacing):
    polygon = ellipse(14.2, 9.0, angle) / spacing + 60
    found = measure(polygon, scan_of(np.zeros((120, 120)), spacing), 0)
    assert found.long_axis_mm == pytest.approx(14.2, abs=0.001)
    assert found.short_axis_mm == pytest.approx(9.0, abs=0.001)
    assert found.mean_diameter_mm == pytest.approx(11.6, abs=0.001)
    assert found.equivalent_diameter_mm == pytest.approx(np.sqrt(14.2 * 9.0), abs=0.001)


def test_the_gap_of_a_bent_shape_is_no_part_of_its_short_axis():
    bent = np.array([(0, 0), (0, 10), (2, 10), (2, 2), (8, 2), (8, 10), (10, 10), (10, 0)], float)
    long, short = axes(bent)
    assert long == pytest.approx(10 * np.sqrt(2))
    assert short == pytest.approx(4 * np.sqrt(2))  # past the inner corner; the arms are 10 sqrt(2) apart


def test_a_spicule_lengthens_the_long_axis_alone():
    turn = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    reach = np.where(np.arange(360) == 90, 10.0, 5.0)
    long, short = axes(np.column_stack([reach * np.sin(turn), reach * np.cos(turn)]))
    assert long == pytest.approx(15)
    assert short == pytest.approx(10, abs=0.01)


def test_the_short_axis_need_not_cross_the_middle_of_the_long_one():
    drop = np.array([(0, 0), (-3, 9), (0, 10), (2, 9)], float)
    long, short = axes(drop)
    assert long == 10
    assert short == 5


def test_pixels_that_are_hardly_a_nodule_still_have_a_size():
    one = measure_mask([[1]], (0.7, 0.9))
    assert (one.long_axis_mm, one.short_axis_mm) == (pytest.approx(0.9), pytest.approx(0.7))
    assert one.equivalent_diameter_mm == pytest.approx(2 * np.sqrt(0.9 * 0.7 / 2 / np.pi))
    two = measure_mask([[1, 1]], (0.7, 0.9))
    assert (two.long_axis_mm, two.short_axis_mm) == (pytest.approx(1.8), pytest.approx(0.7))
    assert (one.texture, two.texture) == (None, None)


@pytest.mark.parametrize("seed", range(10))
def test_the_size_of_a_small_disc_is_right_to_a_tenth_of_a_mm(seed):
    centre = np.random.default_rng(seed).uniform(15, 25, 2)
    outline = disc_outline(6.0, (0.7, 0.7), centre, top=200, left=100)
    found = measure(contour(outline), scan_of(np.zeros((512, 512))), 0)
    assert found.mean_diameter_mm == pytest.approx(6.0, abs=0.1)
    assert found.equivalent_diameter_mm == pytest.approx(6.0, abs=0.1)
    assert found.short_axis_mm == pytest.approx(6.0, abs=0.16)
    assert found.long_axis_mm == pytest.approx(6.0, abs=0.16)


@pytest.mark.parametrize("seed", range(10))
def test_a_disc_with_an_edge_as_soft_as_a_network_draws_it_has_equal_axes(seed):
    centre = np.random.default_rng(seed).uniform(15, 25, (2, 1, 1))
    away = np.hypot(*(np.indices((40, 40)) - centre)) * 0.7
    outline = Outline(1 / (1 + np.exp((away - 3) / 0.35)), 200, 100, 0.5)
    found = measure(contour(outline), scan_of(np.zeros((512, 512))), 0)
    for size in (found.long_axis_mm, found.short_axis_mm, found.equivalent_diameter_mm):
        assert size == pytest.approx(6.0, abs=0.1)


def test_of_a_disc_at_the_edge_of_the_image_the_visible_part_is_measured():
    outline = disc_outline(20.0, (1.0, 1.0), (-0.5, 20), top=0)
    found = measure(contour(outline), scan_of(np.zeros((40, 40)), (1.0, 1.0)), 0)
    assert found.long_axis_mm == pytest.approx(20, abs=0.2)
    assert found.short_axis_mm == pytest.approx(10, abs=0.2)
    assert found.equivalent_diameter_mm == pytest.approx(20 / np.sqrt(2), abs=0.2)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarters", range(4))
def test_a_turned_or_mirrored_slice_has_the_same_measurement(quarters, mirrored):
    def turned(pixels):
        return np.rot90(pixels[:, ::-1] if mirrored else pixels, quarters)

    def lobes(rows, cols):
        angle, away = np.arctan2(rows - 29, cols - 31), np.hypot((rows - 29) * 0.6, (cols - 31) * 0.8)
        return away < 9 + 3 * np.cos(3 * angle + 1) + np.cos(7 * angle)

    probability = covered(lobes, (60, 64))
    hu = np.random.default_rng(0).normal(-300, 300, probability.shape)
    here = measure(contour(Outline(probability, 0, 0, 0.5)), scan_of(hu, (0.6, 0.8)), 0)
    spacing = (0.8, 0.6) if quarters % 2 else (0.6, 0.8)
    there = measure(contour(Outline(turned(probability), 0, 0, 0.5)), scan_of(turned(hu), spacing), 0)
    assert there.texture == here.texture == "part-solid"
    for name in ("long_axis_mm", "short_axis_mm", "mean_diameter_mm", "equivalent_diameter_mm", "mean_hu"):
        assert getattr(there, name) == pytest.approx(getattr(here, name), rel=1e-9)


@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_mean_hu_is_that_of_the_pixels_in_the_outline(kind):
    hu = np.full((2, 30, 30), -850, kind)
    hu[1, 10:20, 5:15] = 40
    hu[1, 12, 7] = 240
    polygon = np.array([(9.5, 4.5), (9.5, 14.5), (19.5, 14.5), (19.5, 4.5)])
    found = measure(polygon, Scan(hu, (0.7, 0.7), False, True), 1)
    assert found.mean_hu == pytest.approx(42)
    assert found.texture == "solid"


def test_without_a_known_spacing_there_are_no_lengths_and_no_texture():
    polygon = ellipse(12, 12, 0) + 20
    found = measure(polygon, scan_of(np.full((40, 40), 30), assumed=True), 0)
    assert found == Measurement(mean_hu=30.0)


def test_of_a_picture_only_lengths_are_known():
    polygon = ellipse(12, 10, 0) + 20
    found = measure(polygon, scan_of(np.full((40, 40), 30), (1.0, 1.0), is_hu=False), 0)
    assert found.long_axis_mm == pytest.approx(12)
    assert (found.mean_hu, found.texture) == (None, None)
    nothing = measure(polygon, scan_of(np.full((40, 40), 30), assumed=True, is_hu=False), 0)
    assert nothing == Measurement()


def test_an_outline_of_200_vertices_is_measured_within_20_ms():
    turn = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    reach = 30 * (1 + 0.3 * np.cos(7 * turn))
    polygon = np.column_stack([reach * np.sin(turn), reach * np.cos(turn)]) + 250
    scan = scan_of(np.zeros((512, 512), np.int16))
    seconds = []
    for _ in range(10):
        start = time.perf_counter()
        measure(polygon, scan, 0)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.02
