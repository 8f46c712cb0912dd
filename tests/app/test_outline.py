"""Volume, and the outline that a reader corrects, over HTTP."""

import numpy as np
import pytest

from models.imaging.phantom import draw_phantom
from tests.app.conftest import new_visitor
from tests.app.made_series import NODULE_AT, NODULE_SLICE, series_files
from tests.conftest import encode, post, upload


@pytest.fixture
def found(visitor):
    """Address of the finding on the nodule of a DICOM series."""
    row, col = NODULE_AT
    files = [upload(data, name) for name, data in series_files()]
    page = post(visitor, files, "/predict", row=row, col=col, slice=NODULE_SLICE)
    return page.headers["Content-Location"]


def nodule_of(visitor, found):
    return visitor.get(f"{found}/download/finding.json").json["nodule"]


def correct(visitor, found, **fields):
    return visitor.post(f"{found}/outline", data=fields)


def test_the_volume_is_that_of_the_slices_at_their_distance(visitor, found):
    nodule = nodule_of(visitor, found)
    assert [nodule[f"{name}_slice"] for name in ("largest", "first", "last")] == [NODULE_SLICE] * 3
    disc = np.pi / 4 * nodule["equivalent_diameter_mm"] ** 2
    assert nodule["volume_mm3"] == pytest.approx(5 * disc, rel=0.02)
    assert (nodule["side"], nodule["corrected"]) == ("right", False)
    page = visitor.get(found).text
    assert f"{nodule['volume_mm3']:.0f} mm³" in page
    assert f'?slice={NODULE_SLICE}&amp;model=consensus">largest in slice {NODULE_SLICE + 1}</a>' in page


def test_a_reader_makes_the_outline_larger_and_smaller_and_takes_it_back(visitor, found):
    drawn = nodule_of(visitor, found)
    assert correct(visitor, found, outline="larger").status_code == 303
    larger = nodule_of(visitor, found)
    assert larger["corrected"]
    for name in ("long_axis_mm", "equivalent_diameter_mm", "volume_mm3"):
        assert larger[name] > drawn[name]
    correct(visitor, found, outline="smaller")
    assert nodule_of(visitor, found) == drawn
    correct(visitor, found, outline="smaller")
    assert nodule_of(visitor, found)["volume_mm3"] < drawn["volume_mm3"]
    correct(visitor, found, outline="reset")
    assert nodule_of(visitor, found) == drawn


def test_a_reader_sets_the_axes_and_all_follows(visitor, found):
    drawn = nodule_of(visitor, found)
    correct(visitor, found, outline="axes", long_axis_mm="21,0", short_axis_mm="15")
    nodule = nodule_of(visitor, found)
    assert (nodule["long_axis_mm"], nodule["short_axis_mm"], nodule["mean_diameter_mm"]) == (21.0, 15.0, 18.0)
    stretched = 21 * 15 / (drawn["long_axis_mm"] * drawn["short_axis_mm"])
    assert nodule["volume_mm3"] == pytest.approx(stretched * drawn["volume_mm3"], rel=0.05)
    page = visitor.get(found, query_string={"calculator": "lung_rads"}).text
    assert 'id="corrected"' in page
    assert 'name="diameter_mm" value=""' in page
    assert "Measured: 18.0 mm" in page


def test_dragged_ends_are_where_they_were_let_go(visitor, found):
    ends = "60 120 90 120 75 110 75 130"  # x and y, in the shown slice of 256 x 256 pixels of 1.4 mm
    correct(visitor, found, outline="axes", ends=ends, long_axis_mm="5", short_axis_mm="5")
    nodule = nodule_of(visitor, found)
    shown = 256 / int(visitor.get(found).text.split('id="slice-image" viewBox="0 0 ')[1].split()[0])
    assert nodule["long_axis_mm"] == pytest.approx(30 * 1.4 * shown, abs=0.1)
    assert nodule["short_axis_mm"] == pytest.approx(20 * 1.4 * shown, abs=0.1)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"outline": "rounder"}, "larger, smaller, axes or reset"),
        ({}, "larger, smaller, axes or reset"),
        ({"outline": "axes"}, "long_axis_mm must be a number"),
        ({"outline": "axes", "long_axis_mm": "12", "short_axis_mm": "13"}, "cannot be longer"),
        ({"outline": "axes", "long_axis_mm": "1200", "short_axis_mm": "13"}, "1 to 200 mm"),
        ({"outline": "axes", "ends": "1 2 3"}, "arrived incomplete"),
        ({"outline": "axes", "ends": "1 2 3 4 5 6 7 x"}, "must be a number"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_lost(visitor, found, fields, words):
    correct(visitor, found, outline="larger")
    before = nodule_of(visitor, found)
    refused = correct(visitor, found, **fields)
    assert refused.status_code == 400
    assert words in refused.text
    assert nodule_of(visitor, found) == before


def test_nobody_else_corrects_it(finder, visitor, found):
    assert correct(new_visitor(finder), found, outline="larger").status_code == 404
    assert not nodule_of(visitor, found)["corrected"]


def test_the_outline_cannot_grow_for_ever(visitor, found):
    for _ in range(4):
        assert correct(visitor, found, outline="larger").status_code == 303
    assert correct(visitor, found, outline="larger").status_code == 400


def pictures():
    """Five crops of a nodule that three of them show."""
    drawn = draw_phantom("smooth")
    rows, cols = np.indices(drawn.shape) - (drawn.shape[0] - 1) / 2
    away, lung = np.hypot(rows, cols), np.where(np.hypot(rows, cols) <= 8, np.roll(drawn, 30, axis=0), drawn)
    shown = [np.where(away <= radius, 230 + drawn % 9, lung).astype(np.uint8) for radius in (0, 8, 10, 8, 0)]
    return [upload(encode(pixels), f"slice-{i}.png") for i, pixels in enumerate(shown)]


def test_a_stack_of_pictures_has_a_volume_where_the_distance_is_given(finder):
    client = finder.test_client()
    without = post(client, pictures(), spacing_mm="0.7").json
    assert without["nodule"]["volume_mm3"] is None
    assert "volume_unknown" in [warning["code"] for warning in without["warnings"]]
    given = post(client, pictures(), spacing_mm="0.7", slice_spacing_mm="2.5").json
    area = np.pi * 0.7**2 * (8**2 + 10**2 + 8**2)
    assert given["nodule"]["volume_mm3"] == pytest.approx(2.5 * area, rel=0.1)
    assert given["nodule"]["side"] is None
    assert given["image"]["slice_spacing_mm"] == 2.5
    assert "volume_unknown" not in [warning["code"] for warning in given["warnings"]]


def test_a_correction_outlives_another_pixel_size(visitor):
    page = post(visitor, pictures(), "/predict", slice_spacing_mm="2.5", model="resnet")
    found = page.headers["Content-Location"]
    correct(visitor, found, outline="larger")
    assert (
        visitor.post(f"{found.partition('/finding')[0]}/spacing", data={"spacing_mm": "0.7"}).status_code
        == 303
    )
    larger = nodule_of(visitor, found)
    assert larger["corrected"]
    assert correct(visitor, found, outline="reset").status_code == 303
    assert larger["volume_mm3"] > nodule_of(visitor, found)["volume_mm3"] > 0


@pytest.mark.parametrize("value", ["0.05", "21", "-1", "thick", "1,5"])
def test_a_slice_spacing_that_cannot_be_is_refused(finder, value):
    answer = post(finder.test_client(), pictures(), spacing_mm="0.7", slice_spacing_mm=value)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "bad_number")


def test_a_series_knows_its_distances_itself(finder):
    row, col = NODULE_AT
    files = [upload(data, name) for name, data in series_files()]
    answer = post(finder.test_client(), files, row=row, col=col, slice=NODULE_SLICE, slice_spacing_mm="1")
    assert answer.json["image"]["slice_spacing_mm"] == 5.0
