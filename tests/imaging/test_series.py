import numpy as np
import pytest

from models.errors import ScanError
from models.imaging.read import read_scan
from models.imaging.scan import Orientation
from tests.imaging.series_files import make_series, make_slice, marked, numbers

CORONAL = [1, 0, 0, 0, 0, -1]


def refusal(files, **options):
    with pytest.raises(ScanError) as caught:
        read_scan(files, **options)
    return caught.value


def notices(scan):
    return {notice.code: notice.message for notice in scan.notices}


def slices_at(*places, **tags):
    """(name, bytes) of slices at places in mm."""
    return [(f"{i}", make_slice(i, z=z, **tags)) for i, z in enumerate(places)]


def test_slices_are_ordered_by_position_whatever_names_and_numbers_say():
    files = make_series(12)
    expected = list(range(12))
    for order in (files, files[::-1], sorted(files), files[5:] + files[:5]):
        scan = read_scan(order)
        assert numbers(scan) == expected
        assert scan.positions_mm == tuple(float(z) for z in range(-90, -66, 2))
    assert scan.slices.dtype == np.int16
    assert scan.slice_spacing_mm == 2
    assert scan.thickness_mm == 1.25
    assert scan.orientation == Orientation()
    assert scan.notices == ()


@pytest.mark.parametrize(
    ("grid", "orientation"),
    [
        ([-1, 0, 0, 0, -1, 0], Orientation(flip_rows=True, flip_cols=True)),  # prone
        ([-1, 0, 0, 0, 1, 0], Orientation(flip_cols=True)),  # its grid's own normal points to the feet
        ([0, 1, 0, 1, 0, 0], Orientation(transpose=True)),
    ],
)
def test_the_first_slice_is_nearest_to_the_feet_however_the_grid_is_turned(grid, orientation):
    scan = read_scan(make_series(5, ImageOrientationPatient=grid))
    assert numbers(scan) == [0, 1, 2, 3, 4]  # in the files' own pixels
    assert scan.orientation == orientation


@pytest.mark.parametrize("degrees", [-20, 4, 20])
def test_tilted_slices_are_ordered_along_their_normal_and_said(degrees):
    angle = np.radians(degrees)
    grid = [1, 0, 0, 0, float(np.cos(angle)), float(-np.sin(angle))]
    scan = read_scan(make_series(5, ImageOrientationPatient=grid)[::-1])
    assert numbers(scan) == [0, 1, 2, 3, 4]
    assert scan.slice_spacing_mm == pytest.approx(2 * np.cos(angle))
    assert list(notices(scan)) == ["gantry_tilt"]
    assert f"{abs(degrees)}.0 degrees" in notices(scan)["gantry_tilt"]


def test_upright_slices_that_are_shifted_against_one_another_are_tilted_too():
    files = [("", make_slice(i, ImagePositionPatient=[0, 0.5 * i, 2 * i])) for i in range(4)]
    assert "14.0 degrees" in notices(read_scan(files))["gantry_tilt"]


def test_a_single_tilted_slice_says_so():
    scan = read_scan([("a", make_slice(0, ImageOrientationPatient=[1, 0, 0, 0, 0.9063, -0.4226]))])
    assert "25.0 degrees" in notices(scan)["gantry_tilt"]


def test_without_positions_the_numbers_count_and_that_is_said():
    files = make_series(12, ImagePositionPatient=None)
    scan = read_scan(files)
    assert numbers(scan) == list(range(11, -1, -1))  # instance numbers run against the slices
    assert scan.positions_mm is None
    assert scan.slice_spacing_mm is None
    assert list(notices(scan)) == ["order_assumed"]


def test_positions_that_are_all_zero_are_none():
    scan = read_scan(make_series(3, ImagePositionPatient=[0, 0, 0]))
    assert numbers(scan) == [2, 1, 0]
    assert list(notices(scan)) == ["order_assumed"]


def test_without_positions_and_numbers_the_names_count():
    files = [(f"IM{i}", make_slice(i, ImagePositionPatient=None, InstanceNumber=None)) for i in range(12)]
    assert numbers(read_scan(sorted(files))) == list(range(12))


def test_anonymised_files_are_read():
    bare = dict.fromkeys(
        ("SeriesInstanceUID", "SeriesNumber", "InstanceNumber", "SliceThickness", "ImageType", "Modality")
    )
    scan = read_scan(make_series(4, **bare))
    assert numbers(scan) == [0, 1, 2, 3]
    assert scan.thickness_mm is None
    assert scan.notices == ()


def test_one_slice_needs_no_position():
    scan = read_scan([("a", make_slice(2, ImagePositionPatient=None, ImageOrientationPatient=None))])
    assert numbers(scan) == [2]
    assert scan.notices == ()


def test_several_series_are_listed_and_the_way_out_is_said():
    soft = {"SeriesInstanceUID": "1.2.5", "SeriesNumber": 7, "ConvolutionKernel": "B31f", "SliceThickness": 5}
    other = {"SeriesInstanceUID": "1.2.6", "SeriesNumber": None, "SliceThickness": None}
    files = make_series(3) + make_series(2, **soft) + make_series(1, **other)
    error = refusal(files)
    assert error.code == "mixed_series"
    assert (
        "3 series: series 3 with 3 slices of 1.25 mm; series 7 with 2 slices of 5 mm, kernel B31f; "
        "a series without number with 1 slice." in error.message
    )
    assert "Send one series at a time" in error.message


def test_nothing_that_names_a_patient_is_listed():
    tags = {"SeriesDescription": "Doe", "PatientName": "Doe", "ConvolutionKernel": "Doe^Jane 1.1.1950"}
    error = refusal(make_series(2, **tags) + make_series(2, SeriesInstanceUID="1.9", StudyDescription="Doe"))
    assert "Doe" not in error.message


def test_a_long_list_of_series_ends():
    files = [(f"{i}", make_slice(0, SeriesInstanceUID=f"1.{i}", SeriesNumber=i)) for i in range(20)]
    message = refusal(files).message
    assert "series 7 with 1 slice" in message
    assert "series 8 with" not in message
    assert "and 12 more." in message


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"shape": (24, 30)}, "3 of 32 x 24 pixels and 1 of 30 x 24 pixels"),
        ({"ImageOrientationPatient": [-1, 0, 0, 0, -1, 0]}, "turned or tilted"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0.9848, -0.1736]}, "turned or tilted"),
        ({"PixelSpacing": [0.7, 0.8]}, "0.7 to 0.8 mm"),
    ],
    ids=str,
)
def test_slices_of_one_series_that_make_no_stack_are_refused(tags, said):
    error = refusal([*make_series(3), ("x", make_slice(3, **tags))])
    assert error.code == "mixed_series"
    assert said in error.message


def test_rounding_makes_no_other_series():
    tags = {"PixelSpacing": [0.7000001, 0.7], "ImageOrientationPatient": [1, 0.0001, 0, 0, 1, 0]}
    assert numbers(read_scan([*make_series(3), ("x", make_slice(3, **tags))])) == [0, 1, 2, 3]


@pytest.mark.parametrize(("acquisitions", "n_slices"), [((1, 2), 4), ((None, None), 4), ((1, 2), 1)], ids=str)
def test_two_phases_of_the_same_places_are_refused(acquisitions, n_slices):
    files = []
    for phase, acquisition in enumerate(acquisitions):
        tags = {} if acquisition is None else {"AcquisitionNumber": acquisition}
        files += [(f"{phase}", make_slice(i, hu=marked(i + 50 * phase), **tags)) for i in range(n_slices)]
    error = refusal(files)
    assert error.code == "mixed_series"
    assert "phases" in error.message


def test_two_phases_that_lie_between_each_other_are_refused():
    early = [("", make_slice(i, AcquisitionNumber=1)) for i in range(5)]
    late = [("", make_slice(i + 5, z=-89.2 + 2 * i, AcquisitionNumber=2)) for i in range(5)]
    assert "phases" in refusal(early + late).message


def test_acquisitions_that_continue_one_another_are_one_series():
    files = [("", make_slice(i, AcquisitionNumber=i // 4)) for i in range(12)]
    assert numbers(read_scan(files)) == list(range(12))


def test_a_slice_that_is_there_twice_is_kept_once_and_said():
    files = make_series(6)
    scan = read_scan([*files, ("copy", files[2][1])])
    assert numbers(scan) == [0, 1, 2, 3, 4, 5]
    assert list(notices(scan)) == ["duplicate_slices"]
    assert "at -86.0 mm." in notices(scan)["duplicate_slices"]


def test_one_place_scanned_twice_among_many_is_kept_once():
    files = [*make_series(12), ("again", make_slice(40, z=-80))]
    scan = read_scan(files)
    assert len(scan.slices) == 12
    assert "at -80.0 mm." in notices(scan)["duplicate_slices"]


def test_a_series_that_was_copied_into_its_own_folder_is_read_once():
    files = make_series(8)
    scan = read_scan([*files, *[(f"copy of {name}", data) for name, data in files]])
    assert numbers(scan) == list(range(8))
    assert "and 3 more places" in notices(scan)["duplicate_slices"]


def test_missing_slices_are_said_with_their_places():
    scan = read_scan(slices_at(0, 2, 4, 8, 10, 12, 14, 16, 22, 24, 26, 28))
    assert len(scan.slices) == 12
    assert list(notices(scan)) == ["missing_slices"]
    assert "between 4.0 and 8.0 mm and between 16.0 and 22.0 mm." in notices(scan)["missing_slices"]


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ((0, 1, 2, 3.3, 4.3, 5.3, 6.3), "1.00 to 1.30 mm"),
        ((0, 1, 2, 3, 8, 13, 18, 23), "1.00 to 5.00 mm"),  # so many gaps are none
    ],
)
def test_irregular_distances_are_said(places, said):
    scan = read_scan(slices_at(*places))
    assert list(notices(scan)) == ["irregular_spacing"]
    assert said in notices(scan)["irregular_spacing"]


def test_thick_slices_are_said():
    scan = read_scan(make_series(3, SliceThickness=7.5))
    assert scan.thickness_mm == 7.5
    assert "slices are 7.5 mm thick" in notices(scan)["thick_slices"]


def test_what_is_no_axial_slice_beside_a_series_is_left_out_and_said():
    localizer = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "ImageOrientationPatient": CORONAL}
    others = [
        ("l1", make_slice(0, **localizer)),
        ("l2", make_slice(1, SeriesInstanceUID="1.9", **localizer)),
        ("mr", make_slice(0, Modality="MR", SeriesInstanceUID="1.8")),
        ("mpr", make_slice(0, ImageOrientationPatient=CORONAL, SeriesInstanceUID="1.7")),
    ]
    scan = read_scan([*others[:2], *make_series(4), *others[2:]])
    assert numbers(scan) == [0, 1, 2, 3]
    assert list(notices(scan)) == ["left_out"]
    assert "localizer (2), magnetic" in notices(scan)["left_out"]


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ([{"ImageType": "LOCALIZER"}, {"ImageType": "LOCALIZER"}], "not_axial"),
        ([{"ImageType": "LOCALIZER"}, {"Modality": "MR"}, {"Modality": "MR"}], "not_ct"),
        ([{"ImageOrientationPatient": CORONAL}], "not_axial"),
    ],
)
def test_without_a_slice_the_most_frequent_object_says_why(files, code):
    assert refusal([("", make_slice(i, **tags)) for i, tags in enumerate(files)]).code == code
