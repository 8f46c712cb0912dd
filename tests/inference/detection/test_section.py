"""A click is snapped to the middle of the nodule's outline, in the slice where it is largest."""

import numpy as np
import pytest

from models.imaging.scan import Roi, Scan
from models.inference.detection.section import largest_section
from tests.inference.detection.made_localiser import BrightPlaces

LUNG, NODULE = -850.0, 40.0


def ball(diameter_mm, n_slices=21, step_mm=2.0, spacing_mm=0.8, size=160, centre=(80, 70)):
    """A ball of soft tissue in lung, in the middle slice of a stack."""
    z, rows, cols = np.ogrid[:n_slices, :size, :size]
    away = np.sqrt(
        ((z - n_slices // 2) * step_mm) ** 2
        + ((rows - centre[0]) * spacing_mm) ** 2
        + ((cols - centre[1]) * spacing_mm) ** 2
    )
    slices = np.where(away <= diameter_mm / 2, np.float32(NODULE), np.float32(LUNG))
    positions = tuple(step_mm * i for i in range(n_slices))
    return Scan(slices, (spacing_mm,) * 2, False, True, (), positions_mm=positions)


@pytest.mark.parametrize(("row", "col", "index"), [(80, 70, 10), (84, 73, 8), (78, 66, 13)])
def test_wherever_the_click_the_answer_is_one(row, col, index):
    section = largest_section(ball(19.0), Roi(row, col, index, "given"), BrightPlaces())
    assert (section.roi.slice, section.roi.source) == (10, "given")
    assert (section.roi.row, section.roi.col) == pytest.approx((80, 70), abs=0.5)
    assert section.slices == (6, 14)
    extent = np.ptp(section.polygon, axis=0) * 0.8
    assert extent == pytest.approx((19, 19), abs=1.5)


@pytest.mark.parametrize("diameter_mm", [40.0, 60.0])
@pytest.mark.parametrize("off_mm", [0.0, 0.8])
def test_a_mass_is_outlined_whole_from_anywhere_in_it(diameter_mm, off_mm):
    scan = ball(diameter_mm, n_slices=1)
    row = 80 + off_mm * diameter_mm / 2 / 0.8
    section = largest_section(scan, Roi(row, 70, 0, "given"), BrightPlaces())
    assert (section.roi.row, section.roi.col) == pytest.approx((80, 70), abs=1.5)
    assert np.ptp(section.polygon, axis=0) * 0.8 == pytest.approx((diameter_mm,) * 2, abs=3)


def test_where_nothing_is_outlined_the_click_stays():
    assert largest_section(ball(20.0), Roi(20, 20, 10, "given"), BrightPlaces()) is None


def test_a_nodule_that_touches_the_wall_in_one_slice_does_not_take_it_in():
    scan = ball(11.0)
    slices = scan.slices.copy()
    slices[12, :, 72:] = NODULE
    scan = Scan(slices, scan.spacing_mm, False, True, (), positions_mm=scan.positions_mm)
    section = largest_section(scan, Roi(80, 70, 10, "given"), BrightPlaces())
    assert (section.slices, section.roi.slice) == ((8, 11), 10)
