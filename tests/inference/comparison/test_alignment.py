"""Two scans brought over each other: drawn chests that were moved by known distances."""

from dataclasses import replace

import numpy as np
import pytest

from models.imaging.scan import Orientation, Scan
from models.inference.comparison.alignment import Alignment, NotAligned, align, location_of, point_of
from tests.inference.comparison.drawn import drawn_scan, nodule_in

MOVED = (7.0, -6.0, 9.0)


@pytest.fixture(scope="module")
def now():
    return drawn_scan()


@pytest.fixture(scope="module")
def moved():
    return drawn_scan(moved=MOVED, spacing_mm=1.2, step_mm=3.0, z_from=100.0)


@pytest.fixture(scope="module")
def alignment(now, moved):
    return align(now, moved)


def test_a_moved_patient_is_found_within_two_millimetres(now, moved, alignment):
    assert alignment.fits
    assert alignment.lungs > 0.95
    for x, y, z in [(110, 178, 66), (250, 180, 70), (180, 120, 40), (110, 220, 100)]:
        found = alignment.to_earlier((x, y, -300.0 + z))
        assert found == pytest.approx((x + MOVED[0], y + MOVED[1], 100.0 + z + MOVED[2]), abs=2)


def test_the_way_back_is_the_inverse(alignment):
    point = (110.0, 178.0, -234.0)
    assert alignment.to_later(alignment.to_earlier(point)) == pytest.approx(point)


def test_a_nodule_lies_where_the_map_says(now, moved, alignment):
    row, col, index = location_of(moved, alignment.to_earlier(point_of(now, *nodule_in(now))))
    expected = nodule_in(moved, MOVED, 100.0)
    assert (row, col) == pytest.approx(expected[:2], abs=2)
    assert abs(index - expected[2]) <= 1


def test_a_deeper_breath_is_followed(now):
    found = align(now, drawn_scan(stretch=1.08))
    assert found.fits
    x, y, z = found.to_earlier((110.0, 178.0, -300 + 110.0))
    assert (x, y, z + 300) == pytest.approx((110, 178, 70 + 1.08 * 40), abs=4)


def test_another_patient_is_told(now):
    other = align(now, drawn_scan(seed=2))
    assert not other.fits
    assert other.lungs > 0.9  # the lungs alone do not tell


def test_files_that_are_turned_are_compared_as_displayed(now, moved, alignment):
    turns = Orientation(transpose=True, flip_rows=True)
    pixels = np.stack([np.ascontiguousarray(layer[::-1].T) for layer in moved.slices])
    turned = replace(moved, slices=pixels, orientation=turns)
    assert np.array_equal(turns.shown(turned.slices[3]), moved.slices[3])
    found = align(now, turned)
    assert found.matrix == pytest.approx(alignment.matrix, abs=0.5)
    row, col, index = 30.0, 40.0, 5
    assert location_of(turned, point_of(turned, row, col, index)) == pytest.approx((row, col, index))


def test_few_slices_are_shifted_only(now):
    few = replace(now, slices=now.slices[20:28], positions_mm=now.positions_mm[20:28])
    found = align(few, now)
    assert found.method == "shift"
    assert found.to_earlier((110.0, 178.0, few.positions_mm[3])) == pytest.approx(
        (110, 178, few.positions_mm[3]), abs=4
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"spacing_assumed": True}, "no_spacing"),
        ({"positions_mm": None}, "no_positions"),
        ({"slices": np.full((57, 64, 64), 40, np.int16)}, "no_lungs"),
    ],
)
def test_what_cannot_be_aligned_says_why(now, change, reason):
    for pair in ((replace(now, **change), now), (now, replace(now, **change))):
        with pytest.raises(NotAligned) as caught:
            align(*pair)
        assert caught.value.reason == reason


def test_a_single_slice_has_no_positions_to_align(now):
    with pytest.raises(NotAligned, match="no_positions"):
        align(now, replace(now, slices=now.slices[:1], positions_mm=now.positions_mm[:1]))


def test_a_location_is_held_within_the_scan():
    scan = Scan(np.zeros((3, 20, 30), np.int16), (0.5, 0.5), False, True, positions_mm=(0.0, 2.0, 4.0))
    assert location_of(scan, (-5.0, 99.0, 3.2)) == (19.0, 0.0, 2)


def test_vessels_or_bones_decide_whether_two_scans_fit():
    unit = tuple(np.eye(3, 4).ravel())
    assert Alignment(unit, "rigid", 0.9, vessels=0.8, bones=None).fits
    assert Alignment(unit, "rigid", 0.9, vessels=0.2, bones=0.6).fits
    assert not Alignment(unit, "rigid", 0.99, vessels=0.69, bones=0.4).fits
    assert not Alignment(unit, "rigid", 0.99).fits
