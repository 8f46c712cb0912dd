"""How large a pixel is: found, given, estimated from the lungs, assumed; and changed afterwards."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from models.errors import UserError
from models.imaging.display import to_grey
from models.imaging.scan import Orientation
from models.ingest.read import read_scan
from models.ingest.spacing import with_spacing
from models.ingest.spacing_estimate import THORAX_MM, estimated_spacing_mm, thorax_pixels
from tests.conftest import encode
from tests.ingest.dicom_files import chest_slice, make_ct

LUNGS_PIXELS = 0.70 * 511 + 1  # of `chest_slice`: from 15 % to 85 % of its width


def codes(scan):
    return [notice.code for notice in scan.notices]


@pytest.mark.parametrize("shape", [(512, 512), (400, 400), (512, 600)])
def test_the_thorax_is_measured_from_lung_to_lung(shape):
    expected = 0.70 * (shape[1] - 1) + 1
    hu = chest_slice(shape)
    assert thorax_pixels(hu, is_hu=True) == pytest.approx(expected, rel=0.05)
    assert thorax_pixels(to_grey(hu.astype(np.float32), True), is_hu=False) == pytest.approx(
        expected, rel=0.05
    )


@pytest.mark.parametrize("window", [(-600.0, 1500.0), (-500.0, 1000.0), (0.0, 2000.0)])
def test_the_estimate_does_not_hang_on_the_window(chest, window):
    grey = to_grey(chest.astype(np.float32), True, window)
    estimate = estimated_spacing_mm(grey[None], is_hu=False)
    assert estimate == pytest.approx(THORAX_MM / LUNGS_PIXELS, rel=0.06)


def test_what_shows_no_chest_from_side_to_side_is_not_estimated(chest):
    grey = to_grey(chest.astype(np.float32), True)
    for pixels in (grey[:, :256], grey[150:350, 200:400], np.zeros((512, 512), np.uint8)):
        assert estimated_spacing_mm(pixels[None], is_hu=False) is None
    small = np.asarray(Image.fromarray(grey).resize((150, 150)))
    assert estimated_spacing_mm(small[None], is_hu=False) is None, "small enough for a nodule crop"


def test_a_whole_slice_without_spacing_is_estimated_and_said(chest):
    scan = read_scan([("a.png", encode(to_grey(chest.astype(np.float32), True)))])
    assert (scan.spacing_assumed, scan.spacing_source, scan.spacing_guess) == (True, "estimated", "estimated")
    assert scan.spacing_mm[0] == scan.spacing_mm[1] == pytest.approx(THORAX_MM / LUNGS_PIXELS, rel=0.06)
    assert codes(scan) == ["spacing_assumed"]
    assert f"{scan.spacing_mm[0]:.2f} mm was estimated from the width of the lungs" in scan.notices[0].message


def test_a_slice_that_lies_on_its_side_in_the_file_is_estimated_as_it_is_displayed(chest):
    upright = read_scan([("a", make_ct(chest, PixelSpacing=None))])
    turned = make_ct(chest.T, PixelSpacing=None, ImageOrientationPatient=[0, 1, 0, 1, 0, 0])
    turned = read_scan([("a", turned)])
    assert turned.orientation == Orientation(transpose=True)
    assert turned.spacing_mm == upright.spacing_mm


@pytest.mark.parametrize(("given", "source"), [(0.6, "given"), (None, "assumed")])
def test_what_is_given_goes_before_an_estimate_and_a_crop_has_none(grey, given, source):
    assert read_scan([("a.png", encode(grey))], spacing_mm=given).spacing_source == source


def test_a_spacing_given_afterwards_replaces_the_guess_and_what_was_said_of_it(grey):
    scan = read_scan([("a.png", encode(grey))])
    changed = with_spacing(scan, 0.6)
    assert (changed.spacing_mm, changed.spacing_assumed, changed.spacing_source) == (
        (0.6, 0.6),
        False,
        "given",
    )
    assert codes(changed) == []
    assert changed.slices is scan.slices
    again = with_spacing(changed, 1.2)
    assert (again.spacing_mm, codes(again)) == ((1.2, 1.2), ["spacing_unusual"])
    assert codes(with_spacing(again, 0.7)) == []


@pytest.mark.parametrize("mm", [0.05, 5.1])
def test_a_spacing_that_no_ct_has_is_refused(grey, mm):
    with pytest.raises(UserError) as error:
        with_spacing(read_scan([("a.png", encode(grey))]), mm)
    assert error.value.code == "bad_number"


def test_the_spacing_of_a_file_stands(chest):
    scan = read_scan([("a", make_ct(chest))])
    assert (scan.spacing_source, scan.spacing_can_be_set) == ("file", False)
    with pytest.raises(UserError) as error:
        with_spacing(scan, 0.6)
    assert error.value.code == "bad_field"
    assert replace(scan, spacing_assumed=True).spacing_can_be_set


@pytest.mark.slow
def test_the_estimate_is_as_good_on_real_scans_as_is_said(shared):
    files = [(path.name, path.read_bytes()) for path in sorted((shared / "dicom" / "lidc-0002").iterdir())]
    scan = read_scan(files)
    for hu in scan.slices:
        grey = to_grey(hu.astype(np.float32), True)
        estimate = estimated_spacing_mm(grey[None], is_hu=False)
        assert estimate == pytest.approx(scan.spacing_mm[0], rel=0.1)
