import io

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import MediaStorageDirectoryStorage

from models.errors import UserError
from models.ingest.limits import Limits
from models.ingest.read import read_scan
from tests.ingest.dicom_files import make_ct
from tests.ingest.series_files import make_series, make_slice, make_zip, marked, numbers, png


def codes(scan):
    return [notice.code for notice in scan.notices]


def refusal(files, **options):
    with pytest.raises(UserError) as caught:
        read_scan(files, **options)
    return caught.value.code


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


@pytest.mark.parametrize(
    "stray",
    [
        ("DICOMDIR", b"\0" * 128 + b"DICM"),
        ("README", b"Start the viewer."),
        ("CT/.DS_Store", b""),
        ("desktop.ini", b"[.ShellClassInfo]"),
        ("autorun.inf", b""),
    ],
)
def test_strays_of_a_folder_of_dicom_files_are_ignored(stray):
    assert numbers(read_scan([*make_series(3), stray])) == [0, 1, 2]


def test_strays_of_a_folder_of_pictures_are_ignored(grey):
    files = [("a/.DS_Store", b"\0\0\0\1Bud1"), ("a/1.png", png(grey)), ("a/Thumbs.db", b"x")]
    assert len(read_scan(files).slices) == 1


def test_a_list_of_dicom_files_without_them_is_unsupported():
    data = make_ct(marked(0), SOPClassUID=MediaStorageDirectoryStorage)
    for name in ("DICOMDIR", "list"):
        assert refusal([(name, data)]) == "unsupported_file"


@pytest.mark.parametrize("pack", [False, True], ids=["files", "zip"])
def test_progress_grows_to_its_end(pack):
    files, reports = make_series(5), []
    read_scan([("a", make_zip(files))] if pack else files, progress=lambda *pair: reports.append(pair))
    assert reports == [(done, 10) for done in range(1, 11)]


def damaged(data, how):
    return {
        "cut": data[:-100],
        "cut in its header": data[:400],
        "without pixels": data[: -len(marked(0).tobytes()) - 12],
        "empty": b"",
    }[how]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("how", ["cut", "cut in its header", "without pixels", "empty"])
@pytest.mark.parametrize("n_damaged", [1, 2])
def test_damaged_files_among_good_ones_are_counted_but_not_named(how, n_damaged):
    files = make_series(6)
    files[1:1] = [(f"bad{i}.dcm", damaged(make_slice(20 + i), how)) for i in range(n_damaged)]
    with pytest.raises(UserError) as caught:
        read_scan(files)
    assert caught.value.code == "corrupt_file"
    assert f"{n_damaged} of {6 + n_damaged} DICOM" in caught.value.message
    assert "bad" not in caught.value.message


def test_whole_hu_are_int16_and_one_fractional_slice_makes_all_float32():
    half = make_slice(1, hu=marked(1) + 0.5, slope=0.5)
    files = [("0", make_slice(0)), ("1", half), ("2", make_slice(2))]
    assert read_scan(files[:1]).slices.dtype == np.int16
    scan = read_scan(files)
    assert scan.slices.dtype == np.float32
    for pixels, expected in zip(scan.slices, (marked(0), marked(1) + 0.5, marked(2)), strict=True):
        np.testing.assert_array_equal(pixels, expected)


def test_slices_with_rescale_values_of_their_own_are_one_series():
    files = [(f"{i}", make_slice(i, intercept=-1000 - i, signed=True)) for i in range(4)]
    assert numbers(read_scan(files)) == [0, 1, 2, 3]


def test_values_that_are_not_hu_are_said():
    scan = read_scan([("0", make_slice(0)), ("1", make_slice(1, RescaleType="US"))])
    assert not scan.is_hu
    assert codes(scan) == ["not_hu"]


def test_the_bound_on_pixels_holds_for_a_series_before_it_is_decoded():
    files, size = make_series(5), 24 * 32
    assert len(read_scan(files, limits=Limits(pixels=5 * size)).slices) == 5
    assert refusal(files, limits=Limits(pixels=5 * size - 1)) == "too_large"
    assert (
        refusal([("1", make_slice(0, Rows=60_000, Columns=60_000))], limits=Limits(pixels=10**10))
        == "too_large"
    )


def test_pictures_have_a_lower_bound_of_their_own(grey):
    limits = Limits(picture_pixels=2 * grey.size)
    files = [(f"{n}.png", png(grey)) for n in range(3)]
    assert len(read_scan(files[:2], limits=limits).slices) == 2
    assert refusal(files, limits=limits) == "too_large"


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
    [(None, (0.623, 0.623), ["spacing_assumed"]), (0.6, (0.6, 0.6), [])],
)
def test_a_dicom_file_without_spacing_falls_back(chest, given, expected, expected_codes):
    scan = read_scan([("a", make_ct(chest, PixelSpacing=None))], spacing_mm=given)
    assert scan.spacing_mm == expected
    assert codes(scan) == expected_codes


def test_the_bound_on_pixels_holds_for_all_files_together(grey):
    files = [(f"{n}.png", png(grey)) for n in range(3)]
    assert len(read_scan(files, limits=Limits(picture_pixels=3 * grey.size)).slices) == 3
    assert refusal(files, limits=Limits(picture_pixels=3 * grey.size - 1)) == "too_large"


def test_every_page_of_a_stack_counts_towards_the_bound(grey):
    buffer = io.BytesIO()
    page = Image.fromarray(grey)
    page.save(buffer, "tiff", save_all=True, append_images=[page, page])
    files = [("1.tif", buffer.getvalue()), ("2.png", png(grey))]
    assert len(read_scan(files, limits=Limits(picture_pixels=4 * grey.size)).slices) == 4
    assert refusal(files, limits=Limits(picture_pixels=4 * grey.size - 1)) == "too_large"
