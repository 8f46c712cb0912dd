"""The patient's side on which a location lies."""

from dataclasses import replace

import numpy as np
import pytest

from models.imaging.scan import Orientation, Roi, Scan
from models.imaging.side import side_of


@pytest.fixture(scope="module")
def scan(chest):
    return Scan(chest[None], (0.7, 0.7), False, True, positions_mm=(0.0,))


def at(scan, row, col):
    return side_of(scan, Roi(row, col, 0, "given"))


def test_the_patients_right_is_shown_on_the_left(scan):
    assert (at(scan, 256, 140), at(scan, 256, 380)) == ("right", "left")


def test_in_the_middle_there_is_no_side(scan):
    assert at(scan, 256, 256) is None


@pytest.mark.parametrize("flip_rows", [False, True])
def test_it_goes_by_how_the_patient_lay_and_not_by_the_file(scan, flip_rows):
    turned = replace(
        scan,
        slices=np.ascontiguousarray(scan.slices[:, :, ::-1]),
        orientation=Orientation(False, flip_rows, True),
    )
    assert (at(turned, 256, 140), at(turned, 256, 380)) == ("left", "right")


def test_pictures_may_be_mirrored(scan):
    assert at(replace(scan, positions_mm=None), 256, 140) is None


def test_a_small_field_and_what_has_no_lungs_show_no_side(scan):
    assert at(replace(scan, slices=scan.slices[:, 180:330, 60:210]), 70, 70) is None
    assert at(replace(scan, slices=np.full_like(scan.slices, 40)), 256, 140) is None
