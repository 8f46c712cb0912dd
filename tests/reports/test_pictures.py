"""The pictures of a result: what is enlarged, and how long the scale bars are."""

import pytest

from models.imaging.display import data_uri, to_grey, to_png
from models.inference.measurement.sizes import Measurement
from models.reports.pictures import PATCH_SHOWN, close_up, pictures, scale_bar
from tests.reports.changed import changed
from tests.reports.test_as_text import finding_of_vgg16


@pytest.mark.parametrize(
    ("width_mm", "mm"), [(350, 50), (125, 50), (120, 20), (56, 20), (32, 10), (20, 5), (4, 2)]
)
def test_the_scale_bar_is_of_round_length_and_within_the_picture(width_mm, mm):
    bar = scale_bar(10, 20, width_mm / 0.5, width_mm / 0.5, 0.5)
    assert bar["mm"] == mm
    assert (bar["x2"] - bar["x1"]) * 0.5 == pytest.approx(mm)
    assert 10 < bar["x1"] < bar["x2"] < 10 + width_mm / 0.5
    assert 20 < bar["y"] < 20 + width_mm / 0.5


def test_the_enlarged_part_stays_in_the_picture_and_is_left_out_where_it_enlarges_nothing():
    assert close_up(5, 500, 512, 512, 50) == {"x": 0, "y": 462, "side": 50}
    assert close_up(64, 64, 128, 128, 80) is None


def test_a_large_nodule_is_enlarged_with_all_of_its_outline():
    found = finding_of_vgg16()
    row, col = found.reading.roi.row, found.reading.roi.col
    outline = tuple((row + 30 * up, col + 30 * right) for up, right in ((-1, 0), (0, 1), (1, 0), (0, -1)))
    small = pictures(found)["close_up_mm"]
    large = pictures(changed(found, outline=outline))["close_up_mm"]
    assert small == pytest.approx(32)
    assert large == pytest.approx(2.4 * 30 * 0.7, rel=0.01)


def test_of_the_patch_the_close_field_is_shown_however_large_the_nodule_is():
    found = finding_of_vgg16()
    large = changed(found, measurement=Measurement(long_axis_mm=70.0))
    close, wide = (
        data_uri(to_png(to_grey(found.patch[..., i], False), (PATCH_SHOWN, PATCH_SHOWN))) for i in range(2)
    )
    assert close != wide
    for shown in (pictures(found), pictures(large)):
        assert (shown["patch"], shown["patch_mm"], shown["wide_mm"]) == (close, 32, 80)
