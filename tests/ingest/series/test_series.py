import numpy as np
import pytest

from models.errors import UserError
from models.imaging.scan import Orientation
from models.ingest.read import read_scan
from tests.ingest.dicom_files import without_meta
from tests.ingest.series_files import make_series, make_slice, marked, numbers

CORONAL = [1, 0, 0, 0, 0, -1]


def refusal(files, **options):
    with pytest.raises(UserError) as caught:
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


BY_NUMBER = "the slices are ordered by their numbers."
BY_LOCATION = "the slices are ordered by Slice Location."


def at(places, positions=(), locations=None, **tags):
    """Slices at places whose positions, and Slice Locations, are written as given; numbers run backwards."""
    files = []
    for i, (z, position) in enumerate(zip(places, positions or [...] * len(places), strict=True)):
        more = {} if position is ... else {"ImagePositionPatient": position}
        more |= {} if locations is None or locations[i] is None else {"SliceLocation": locations[i]}
        number = {"InstanceNumber": len(places) - i}
        files.append((f"{i}", make_slice(i, z=z, **number | tags | more)))
    return files


@pytest.mark.parametrize("position", [None, "", [-180, -180], [-180]], ids=str)
@pytest.mark.parametrize("where", [0, 3, 7])
def test_a_slice_without_position_is_left_out_and_said(where, position):
    positions = [position if i == where else ... for i in range(8)]
    scan = read_scan(at(range(0, 16, 2), positions, locations=range(8)))
    assert numbers(scan) == [i for i in range(8) if i != where]
    assert (
        notices(scan)["slices_left_out"]
        == "1 slice was left out: it does not give its position in the series."
    )
    assert scan.positions_mm == tuple(2.0 * i for i in range(8) if i != where)


def test_where_most_positions_are_missing_slice_location_orders():
    positions = [... if i in (1, 4) else None for i in range(8)]
    for sign in (1, -1):  # the two that are there tell which way it counts
        scan = read_scan(at(range(0, 16, 2), positions, locations=[sign * (2 * i + 5) for i in range(8)]))
        assert numbers(scan) == list(range(8))
        assert notices(scan) == {"order_assumed": f"Some slice positions are missing; {BY_LOCATION}"}
        assert scan.slice_spacing_mm == 2


def test_without_positions_slice_location_orders():
    scan = read_scan(at(range(6), [None] * 6, locations=[3 * i - 7 for i in range(6)]))
    assert numbers(scan) == list(range(6))
    assert scan.positions_mm == (-7, -4, -1, 2, 5, 8)
    assert notices(scan) == {"order_assumed": f"The files do not give the slice positions; {BY_LOCATION}"}


@pytest.mark.parametrize("position", [[-180, -180, -90], [0, 0, 0]])
@pytest.mark.parametrize(
    ("locations", "order", "by"),
    [([2 * i for i in range(6)], [0, 1, 2, 3, 4, 5], BY_LOCATION), (None, [5, 4, 3, 2, 1, 0], BY_NUMBER)],
)
def test_where_all_positions_are_alike_others_order(position, locations, order, by):
    scan = read_scan(at(range(6), [position] * 6, locations=locations))
    assert numbers(scan) == order
    assert notices(scan) == {"order_assumed": f"Some slice positions are missing; {by}"}


def test_where_positions_are_cut_to_whole_numbers_slice_location_orders():
    places = [0.6 * i for i in range(10)]
    scan = read_scan(at(places, [[-180, -180, int(z)] for z in places], locations=places))
    assert numbers(scan) == list(range(10))
    assert scan.slice_spacing_mm == pytest.approx(0.6)


def test_one_place_that_was_scanned_again_and_again_is_no_stack():
    files = at(range(6), [[-180, -180, -90]] * 6, locations=[-90] * 6, hu=None)
    assert "phases" in refusal(files).message


def test_series_of_one_slice_each_are_one_where_the_rest_fits():
    files = [("", make_slice(i, SeriesInstanceUID=f"1.2.{i + 1}")) for i in (3, 0, 2, 1, 4)]
    scan = read_scan(files)
    assert numbers(scan) == [0, 1, 2, 3, 4]
    assert list(notices(scan)) == ["series_merged"]
    files = [
        (f, make_slice(i, SeriesInstanceUID=f"1.2.{i + 1}", ImagePositionPatient=None))
        for i, f in enumerate("abc")
    ]
    assert list(notices(read_scan(files))) == ["series_merged", "order_assumed"]


@pytest.mark.parametrize(
    "tags",
    [
        {"PatientID": "2"},
        {"StudyDate": "20000102"},
        {"SeriesNumber": 4},
        {"ConvolutionKernel": "B70f"},
        {"SliceThickness": 5},
        {"PixelSpacing": [0.8, 0.8]},
        {"shape": (24, 30)},
        {"ImageOrientationPatient": [-1, 0, 0, 0, -1, 0]},
        {"z": -90},
        {"z": -83.1},
        {"ImagePositionPatient": None, "InstanceNumber": 1},
    ],
    ids=str,
)
def test_series_of_one_slice_each_stay_apart_where_anything_does_not_fit(tags):
    files = [("", make_slice(i, SeriesInstanceUID=f"1.2.{i + 1}")) for i in range(4)]
    error = refusal([*files, ("", make_slice(4, SeriesInstanceUID="1.2.9", **tags))])
    assert error.code == "mixed_series"
    assert "5 series" in error.message


def test_series_that_read_the_same_are_told_apart():
    def one(uid, first, **tags):
        return [("", make_slice(i, SeriesInstanceUID=uid, **tags)) for i in range(first, first + 3)]

    message = refusal(one("1.2.3.4711", 0) + one("1.2.3.4712", 0, SliceThickness="1.2500001")).message
    assert "identifier ends in 2.3.4711;" in message  # 1.25 mm, both are said to be
    message = refusal(one("1.2.3.4711", 0) + one("1.2.3.4712", 6)).message
    assert "series 3 with 3 slices of 1.25 mm, from -90.0 to -86.0 mm; series 3" in message
    assert "from -78.0 to -74.0 mm. Send" in message
    message = refusal(one("1.2.3.4711", 0) + one("1.2.3.4712", 0)).message
    assert "identifier ends in 2.3.4711;" in message
    assert "identifier ends in 2.3.4712." in message


@pytest.mark.parametrize("start", [b"\x08\0\x05\0CS\x0a\0", b"\x02\0\0\0UL\4\0", b"\x08\0\x10\0\x0c\0\0\0"])
def test_a_stray_file_that_begins_like_dicom_is_left_out_and_said(start):
    stray = ("notes.bin", start + b"what a program keeps for itself" * 30)
    scan = read_scan([*make_series(4), stray])
    assert numbers(scan) == [0, 1, 2, 3]
    assert notices(scan) == {"left_out": "Skipped, not axial CT: file that is not a DICOM image (1)."}
    assert refusal([stray]).code == "corrupt_file"


def test_a_slice_without_preamble_that_is_cut_is_missed():
    files = [(f"IM{i}", without_meta(data)) for i, (_, data) in enumerate(make_series(4))]
    files[2] = ("IM2", files[2][1][:300])
    assert "1 of 4 DICOM file is damaged" in refusal(files).message


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
        "a series without a number with 1 slice." in error.message
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


OTHERS = [
    ({"shape": (24, 30)}, "2 of 32 x 24 pixels and 2 of 30 x 24 pixels", "of a different size."),
    ({"ImageOrientationPatient": [-1, 0, 0, 0, -1, 0]}, "rotated or tilted", "rotated or tilted relative"),
    ({"ImageOrientationPatient": [1, 0, 0, 0, 0.9848, -0.1736]}, "rotated or tilted", "rotated or tilted"),
    ({"PixelSpacing": [0.7, 0.8]}, "0.7 to 0.8 mm", "with a different pixel size."),
]


@pytest.mark.parametrize(("tags", "said", "_"), OTHERS, ids=str)
@pytest.mark.parametrize("n_slices", [1, 2])
def test_slices_of_one_series_that_make_no_stack_are_refused(n_slices, tags, said, _):
    others = [("x", make_slice(i, **tags)) for i in range(n_slices, 2 * n_slices)]
    error = refusal([*make_series(n_slices), *others])
    assert error.code == "mixed_series"
    if n_slices == 2:
        assert said in error.message


@pytest.mark.parametrize(("tags", "_", "said"), OTHERS, ids=str)
@pytest.mark.parametrize(("n_slices", "n_others"), [(2, 1), (11, 1), (19, 2)])
def test_a_few_slices_that_do_not_fit_are_left_out_and_said(n_slices, n_others, tags, _, said):
    others = [("", make_slice(40 + i, **tags)) for i in range(n_others)]
    scan = read_scan([*others, *make_series(n_slices)])
    assert numbers(scan) == list(range(n_slices))
    assert list(notices(scan)) == ["slices_left_out"]
    were = "1 slice was" if n_others == 1 else "2 slices were"
    assert notices(scan)["slices_left_out"].startswith(f"{were} left out: {said}")


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
