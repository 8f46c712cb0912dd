"""Nodules of known volume: spheres, ellipsoids, cut ones, part-solid ones, uneven slices."""

from dataclasses import replace

import numpy as np
import pytest

from models.imaging.scan import Scan
from models.inference.measurement.nodule import measure_nodule

SPACING_MM, SIZE = 0.5, 100
CENTRE = (50.0, 48.0)


def disc(diameter_mm, centre=CENTRE, spacing_mm=SPACING_MM, stretch=1.0, n=400):
    """A polygon (n, 2): a circle, or an ellipse whose rows are stretched."""
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False)
    radius = diameter_mm / 2 / spacing_mm
    return np.stack([centre[0] + stretch * radius * np.sin(angles), centre[1] + radius * np.cos(angles)], 1)


def ball(diameter_mm, positions, middle_mm, stretch=1.0):
    """Outlines of a ball, by slice, cut at the positions of the slices."""
    discs = {}
    for index, position in enumerate(positions):
        across = diameter_mm**2 - (2 * (position - middle_mm)) ** 2
        if across > 0:
            discs[index] = disc(float(np.sqrt(across)), stretch=stretch)
    return discs


def scan_of(positions, hu=-850.0, **fields):
    slices = np.full((len(positions), SIZE, SIZE), hu, np.float32)
    usual = {"spacing_assumed": False, "is_hu": True, "positions_mm": tuple(positions)}
    return Scan(slices, (SPACING_MM, SPACING_MM), **(usual | fields))


def measured(discs, scan):
    largest = max(discs, key=lambda index: np.ptp(discs[index][:, 0]))
    return measure_nodule(discs, largest, scan)


@pytest.mark.parametrize("diameter_mm", [6.0, 11.0, 24.0])
@pytest.mark.parametrize("step_mm", [0.5, 1.0])
def test_the_volume_of_a_sphere(diameter_mm, step_mm):
    positions = np.arange(-20, 20, step_mm)
    found = measured(ball(diameter_mm, positions, 0.13), scan_of(positions))
    assert found.volume_mm3 == pytest.approx(np.pi / 6 * diameter_mm**3, rel=0.02)
    assert found.volume_diameter_mm == pytest.approx(diameter_mm, rel=0.01)
    assert found.long_axis_mm == pytest.approx(diameter_mm, rel=0.01)


def test_the_volume_of_an_ellipsoid():
    positions = np.arange(-20, 20, 0.5)
    found = measured(ball(12.0, positions, 0.2, stretch=1.5), scan_of(positions))
    assert found.volume_mm3 == pytest.approx(1.5 * np.pi / 6 * 12**3, rel=0.01)
    assert (found.long_axis_mm, found.short_axis_mm) == pytest.approx((18, 12), rel=0.01)


def test_slices_need_not_be_even():
    positions = np.concatenate([np.arange(-12, 0, 0.5), np.arange(0, 12, 1.5)])
    found = measured(ball(16.0, positions, 0.1), scan_of(positions))
    assert found.volume_mm3 == pytest.approx(np.pi / 6 * 16**3, rel=0.02)


def test_of_a_nodule_that_the_scan_cuts_what_is_seen_is_measured():
    positions = np.arange(0.25, 20, 0.5)  # the first slice begins at 0, where the middle of the sphere lies
    found = measured(ball(14.0, positions, 0.0), scan_of(positions))
    assert found.volume_mm3 == pytest.approx(np.pi / 12 * 14**3, rel=0.01)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"positions_mm": None}, None),
        ({"positions_mm": None, "given_step_mm": 1.0}, np.pi / 6 * 10**3),
        ({"spacing_assumed": True}, None),
    ],
)
def test_without_distances_there_is_no_volume(fields, expected):
    positions = np.arange(-10.0, 10.0)
    found = measured(ball(10.0, positions, 0.0), scan_of(positions, **fields))
    assert found.volume_mm3 == (None if expected is None else pytest.approx(expected, rel=0.02))
    assert (found.volume_diameter_mm is None) == (expected is None)


def test_a_single_slice_has_no_volume():
    assert measure_nodule({0: disc(10.0)}, 0, scan_of([0.0])).volume_mm3 is None


def test_slices_that_are_too_thick_give_no_volume():
    positions = np.arange(-20.0, 21.0, 5.0)
    assert measured(ball(9.0, positions, 0.0), scan_of(positions)).volume_mm3 is None
    assert measured(ball(11.0, positions, 0.0), scan_of(positions)).volume_mm3 is not None


def part_solid(core_mm, hu=40.0, diameter_mm=14.0):
    positions = np.arange(-10.0, 10.0)
    scan = scan_of(positions)
    rows, cols = np.indices((SIZE, SIZE))
    away = np.hypot(rows - CENTRE[0], cols - CENTRE[1]) * SPACING_MM
    for index, position in enumerate(positions):
        inside = np.hypot(away, position)
        scan.slices[index][inside <= diameter_mm / 2] = -600
        scan.slices[index][inside <= core_mm / 2] = hu
    return ball(diameter_mm, positions, 0.0), scan


@pytest.mark.parametrize("core_mm", [8.0, 10.0])
def test_the_solid_part_of_a_part_solid_nodule(core_mm):
    found = measured(*part_solid(core_mm))
    assert found.texture == "part-solid"
    assert found.solid_long_axis_mm == pytest.approx(core_mm, abs=0.6)


def test_the_solid_part_is_that_of_the_slice_in_which_it_is_largest():
    outlines, scan = part_solid(7.0)
    rows, cols = np.indices((SIZE, SIZE))
    core = np.hypot(rows - CENTRE[0], cols - CENTRE[1]) * SPACING_MM <= 4.5
    scan.slices[13][core] = 40  # 9 mm across, beside the middle
    assert measured(outlines, scan).solid_long_axis_mm == pytest.approx(9, abs=0.6)


def test_only_part_solid_nodules_have_a_solid_part_and_only_in_hu():
    outlines, scan = part_solid(13.9)
    assert measured(outlines, scan).texture == "solid"
    assert measured(outlines, scan).solid_long_axis_mm is None
    outlines, scan = part_solid(8.0)
    assert measured(outlines, replace(scan, is_hu=False)).solid_long_axis_mm is None
