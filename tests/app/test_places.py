"""From a click on a turned and stretched picture back to the file's pixels."""

import io
import itertools
import re

import numpy as np
import pytest
from PIL import Image

from models.imaging.scan import Orientation, Scan
from models.reports.viewport import from_click, shown_box, slice_picture, to_shown
from models.web.fields import chosen_location
from tests.app.made_series import NODULE_SLICE, chest_scan

TURNS = [Orientation(*flags) for flags in itertools.product((False, True), repeat=3)]
SPOT = (61, 150)
CLICK = {"click.x": "9", "click.y": "9", "shown_width": "512", "shown_height": "512"}


def spotted(orientation, spacing_mm=(0.7, 0.9)):
    """A dark slice of 200 x 300 pixels with one bright spot of 3 x 3 pixels at `SPOT`."""
    slices = np.full((1, 200, 300), -1000, np.int16)
    slices[0, SPOT[0] - 1 : SPOT[0] + 2, SPOT[1] - 1 : SPOT[1] + 2] = 1000
    return Scan(slices, spacing_mm, False, True, orientation=orientation)


def bright_pixel(png):
    """Centre (x, y) of what is bright in a picture."""
    y, x = np.nonzero(np.asarray(Image.open(io.BytesIO(png))) > 128)
    return x.mean(), y.mean()


@pytest.mark.parametrize("orientation", TURNS)
def test_a_click_on_what_is_seen_means_its_place_in_the_file(orientation):
    scan = spotted(orientation)
    x, y = bright_pixel(slice_picture(scan, 0))
    width, height = shown_box(scan)
    fields = {"click.x": str(x), "click.y": str(y), "slice": "0"}
    fields |= {"shown_width": str(width), "shown_height": str(height)}
    roi = chosen_location(fields, scan, [])
    assert (roi.row, roi.col) == pytest.approx(SPOT, abs=0.4)
    assert roi.source == "given"


@pytest.mark.parametrize("orientation", TURNS)
def test_marks_lie_on_what_they_mark(orientation):
    scan = spotted(orientation)
    x, y = bright_pixel(slice_picture(scan, 0))
    assert to_shown(scan, *SPOT) == pytest.approx((x + 0.5, y + 0.5), abs=0.6)


@pytest.mark.parametrize("orientation", TURNS)
def test_the_two_ways_are_each_others_inverse(orientation):
    scan = spotted(orientation)
    x, y = to_shown(scan, 12.25, 280.5)
    assert from_click(scan, x - 0.5, y - 0.5, shown_box(scan)) == pytest.approx((12.25, 280.5))


@pytest.mark.parametrize(
    ("shape", "spacing", "transpose", "box"),
    [
        ((512, 512), (0.7, 0.7), False, (512, 512)),
        ((512, 512), (0.7, 0.9), False, (658, 512)),
        ((512, 512), (0.9, 0.7), False, (512, 658)),
        ((512, 512), (0.7, 0.9), True, (512, 658)),
        ((2048, 1024), (0.5, 0.5), False, (512, 1024)),
        ((100, 100), (0.7, 0.7), False, (400, 400)),
    ],
)
def test_pictures_have_square_millimetres(shape, spacing, transpose, box):
    scan = Scan(np.zeros((1, *shape), np.int16), spacing, False, True, orientation=Orientation(transpose))
    assert shown_box(scan) == box
    assert Image.open(io.BytesIO(slice_picture(scan, 0))).size == box


def test_a_click_by_form_gives_a_finding_there(visitor, kept):
    address = kept(chest_scan(orientation=Orientation(flip_cols=True)))
    fields = {"click.x": "359", "click.y": "256", "shown_width": "512", "shown_height": "512"}
    ignored = {"row": "3", "col": "4"}
    data = fields | ignored | {"slice": NODULE_SLICE, "model": "vgg19"}
    page = visitor.post(f"{address}/findings", data=data)
    place = re.search(r'data-row="([^"]+)" data-col="([^"]+)" data-slice="(\d)"', page.text).groups()
    assert tuple(map(float, place)) == pytest.approx((127.75, 75.75, NODULE_SLICE))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "roi_missing"),
        ({"row": "10"}, "Give both row and col"),
        ({"row": "x", "col": "1"}, "must be a number"),
        ({"row": "1e400", "col": "1"}, "must be a number"),
        ({"row": "-1", "col": "1"}, "outside the image"),
        ({"row": "1", "col": "256"}, "outside the image"),
        ({"row": "1", "col": "1", "slice": "7"}, "outside the scan"),
        ({"row": "1", "col": "1", "slice": "1.5"}, "must be a whole number"),
        ({"click.x": "9"}, "arrived incomplete"),
        (CLICK | {"shown_width": "0"}, "arrived incomplete"),
        (CLICK | {"click.x": "999"}, "outside the image"),
        (CLICK | {"shown_width": "nan"}, "must be a number"),
        ({"row": "1", "col": "1", "model": "<script>"}, "no such model"),
    ],
)
def test_senseless_places_bring_the_viewer_back_with_a_sentence(visitor, kept, fields, sentence):
    page = visitor.post(f"{kept()}/findings", data=fields)
    if sentence == "roi_missing":
        assert (page.status_code, "Click the nodule first" in page.text) == (422, True)
    else:
        assert page.status_code == 400
        assert sentence in page.text
    assert 'id="viewer"' in page.text
    assert "<script>" not in page.text
