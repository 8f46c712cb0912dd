import io

import numpy as np
import pytest
from PIL import Image

from models.errors import ScanError
from models.imaging.read import natural_key, read_scan
from models.imaging.scan import Roi, Scan, locate
from tests.imaging.dicom_files import make_ct


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(buffer, "png")
    return buffer.getvalue()


def codes(scan):
    return [notice.code for notice in scan.notices]


def refusal(files, **options):
    with pytest.raises(ScanError) as caught:
        read_scan(files, **options)
    return caught.value.code


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["slice-10", "slice-2", "slice-1"], ["slice-1", "slice-2", "slice-10"]),
        (["IM0010.png", "im9.PNG", "IM1.png"], ["IM1.png", "im9.PNG", "IM0010.png"]),
        (["b", "10", "a", "9"], ["a", "b", "9", "10"]),
        (["2-10", "10-1", "2-9"], ["2-9", "2-10", "10-1"]),
        (["a2b", "a2", "a"], ["a", "a2", "a2b"]),
    ],
)
def test_names_are_ordered_as_people_count(names, expected):
    assert sorted(names, key=natural_key) == expected


def test_several_pictures_become_a_stack_in_natural_order(grey):
    files = [(f"slice-{n}.png", png(grey // n)) for n in (10, 2, 1)]
    scan = read_scan(files)
    assert scan.slices.shape == (3, 48, 64)
    assert scan.slices.dtype == np.float32
    for pixels, divisor in zip(scan.slices, (1, 2, 10), strict=True):
        np.testing.assert_array_equal(pixels, grey // divisor)


def test_a_picture_is_no_hu_and_a_dicom_slice_is(grey, chest):
    assert not read_scan([("a.png", png(grey))]).is_hu
    scan = read_scan([("a", make_ct(chest))])
    assert scan.is_hu
    assert scan.slices.shape == (1, 512, 512)


def test_a_stack_in_one_tiff_is_read(grey):
    buffer = io.BytesIO()
    page = Image.fromarray(grey)
    page.save(buffer, "tiff", save_all=True, append_images=[page])
    assert read_scan([("stack.tif", buffer.getvalue())]).slices.shape == (2, 48, 64)


def test_pictures_of_different_sizes_are_refused(grey):
    files = [("1.png", png(grey)), ("2.png", png(grey[:40]))]
    assert refusal(files) == "mixed_series"


def test_pictures_and_dicom_files_together_are_refused(grey, chest):
    assert refusal([("1.png", png(grey)), ("2.dcm", make_ct(chest))]) == "mixed_series"


def test_several_dicom_files_are_refused_for_now(chest):
    assert refusal([("1.dcm", make_ct(chest)), ("2.dcm", make_ct(chest))]) == "unsupported_file"


@pytest.mark.parametrize("files", [[], [("", b"")], [("", b""), ("", b"")]])
def test_no_file_is_refused(files):
    assert refusal(files) == "no_file"


def test_an_empty_file_is_corrupt_even_among_others(grey):
    assert refusal([("a.png", b"")]) == "corrupt_file"
    assert refusal([("a.png", png(grey)), ("b.png", b"")]) == "corrupt_file"


@pytest.mark.parametrize("spacing_mm", [0.09, 5.01, 0, -0.7, float("nan"), float("inf")])
def test_a_spacing_out_of_bounds_is_refused(grey, spacing_mm):
    assert refusal([("a.png", png(grey))], spacing_mm=spacing_mm) == "bad_number"


@pytest.mark.parametrize("spacing_mm", [0.1, 5.0])
def test_the_bounds_of_the_spacing_are_allowed(grey, spacing_mm):
    scan = read_scan([("a.png", png(grey))], spacing_mm=spacing_mm)
    assert scan.spacing_mm == (spacing_mm, spacing_mm)
    assert codes(scan) == ["spacing_unusual"]


def test_a_missing_spacing_is_assumed_and_said(grey):
    scan = read_scan([("a.png", png(grey))])
    assert scan.spacing_mm == (0.7, 0.7)
    assert scan.spacing_assumed
    assert codes(scan) == ["spacing_assumed"]
    assert "0.7 mm" in scan.notices[0].message


@pytest.mark.parametrize(
    ("spacing_mm", "expected"),
    [
        (0.45, ["spacing_unusual"]),
        (0.46, []),
        (0.7, []),
        (0.98, []),
        (0.99, ["spacing_unusual"]),
    ],
)
def test_a_given_spacing_is_used_and_an_unusual_one_is_said(grey, spacing_mm, expected):
    scan = read_scan([("a.png", png(grey))], spacing_mm=spacing_mm)
    assert scan.spacing_mm == (spacing_mm, spacing_mm)
    assert not scan.spacing_assumed
    assert codes(scan) == expected


def test_the_spacing_of_a_dicom_file_goes_before_the_given_one(chest):
    scan = read_scan([("a", make_ct(chest, PixelSpacing=[0.8, 0.6]))], spacing_mm=0.5)
    assert scan.spacing_mm == (0.8, 0.6)
    assert not scan.spacing_assumed
    assert codes(scan) == []


@pytest.mark.parametrize(
    ("given", "expected", "expected_codes"),
    [(None, (0.7, 0.7), ["spacing_assumed"]), (0.6, (0.6, 0.6), [])],
)
def test_a_dicom_file_without_spacing_falls_back(chest, given, expected, expected_codes):
    scan = read_scan([("a", make_ct(chest, PixelSpacing=None))], spacing_mm=given)
    assert scan.spacing_mm == expected
    assert codes(scan) == expected_codes


def test_the_bound_on_pixels_holds_for_all_files_together(grey):
    files = [(f"{n}.png", png(grey)) for n in range(3)]
    assert len(read_scan(files, max_pixels=3 * grey.size).slices) == 3
    assert refusal(files, max_pixels=3 * grey.size - 1) == "too_large"


def test_every_page_of_a_stack_counts_towards_the_bound(grey):
    buffer = io.BytesIO()
    page = Image.fromarray(grey)
    page.save(buffer, "tiff", save_all=True, append_images=[page, page])
    files = [("1.tif", buffer.getvalue()), ("2.png", png(grey))]
    assert len(read_scan(files, max_pixels=4 * grey.size).slices) == 4
    assert refusal(files, max_pixels=4 * grey.size - 1) == "too_large"


def blank(n_slices, rows, cols):
    slices = np.zeros((n_slices, rows, cols), np.float32)
    return Scan(slices, (0.7, 0.7), False, False)


CROP, WHOLE, TALL = (5, 128, 100), (3, 512, 512), (1, 161, 20)


@pytest.mark.parametrize(
    ("size", "place", "expected"),
    [
        (CROP, {}, Roi(63.5, 49.5, 2, "centre")),
        (CROP, {"index": 0}, Roi(63.5, 49.5, 0, "centre")),
        (CROP, {"index": 4}, Roi(63.5, 49.5, 4, "centre")),
        ((4, 128, 128), {}, Roi(63.5, 63.5, 2, "centre")),
        ((1, 160, 160), {}, Roi(79.5, 79.5, 0, "centre")),
        (CROP, {"row": 10.5, "col": 20}, Roi(10.5, 20, 2, "given")),
        (CROP, {"row": -0.5, "col": -0.5}, Roi(-0.5, -0.5, 2, "given")),
        (CROP, {"row": 127.5, "col": 99.5}, Roi(127.5, 99.5, 2, "given")),
        (WHOLE, {"row": 0, "col": 511, "index": 1}, Roi(0, 511, 1, "given")),
        (TALL, {"row": 3, "col": 4}, Roi(3, 4, 0, "given")),
    ],
)
def test_the_nodule_is_where_it_is_said_or_in_the_middle_of_a_crop(size, place, expected):
    assert locate(blank(*size), **place) == expected


@pytest.mark.parametrize(
    ("size", "place", "code"),
    [
        (CROP, {"row": 10}, "bad_number"),
        (CROP, {"col": 10}, "bad_number"),
        (CROP, {"row": -0.6, "col": 5}, "roi_outside"),
        (CROP, {"row": 127.6, "col": 5}, "roi_outside"),
        (CROP, {"row": 5, "col": 99.6}, "roi_outside"),
        (CROP, {"row": 100, "col": 100}, "roi_outside"),
        (CROP, {"row": float("nan"), "col": 5}, "roi_outside"),
        (CROP, {"row": 5, "col": float("inf")}, "roi_outside"),
        (CROP, {"index": 5}, "roi_outside"),
        (CROP, {"index": -1}, "roi_outside"),
        (WHOLE, {}, "nodule_not_found"),
        (WHOLE, {"index": 1}, "nodule_not_found"),
        (TALL, {}, "nodule_not_found"),
    ],
)
def test_a_place_that_cannot_be_is_refused(size, place, code):
    with pytest.raises(ScanError) as caught:
        locate(blank(*size), **place)
    assert caught.value.code == code
