"""Several series in one upload: which there are, which is proposed, and that one of them is read."""

import numpy as np
import pytest
from pydicom.uid import generate_uid

from models.errors import SeveralSeries, UserError
from models.ingest.asked import Asked
from models.ingest.read import read_scan
from models.ingest.sandbox.decoder import Decoder
from models.ingest.series.listing import AXIAL, ListedSeries, Listing, checked
from models.ingest.series.thumbnails import EDGE
from tests import several_series as made
from tests.ingest.dicom_files import rewritten
from tests.ingest.series_files import make_enhanced, make_series, make_slice, make_zip, numbers, png


def listing_of(files, pictures=False):
    with pytest.raises(SeveralSeries) as caught:
        read_scan(files, asked=Asked(pictures=pictures))
    assert caught.value.code == "mixed_series"
    return caught.value.listing


def refusal(files, **asked):
    with pytest.raises(UserError) as caught:
        read_scan(files, asked=Asked(**asked))
    return caught.value


def codes(scan):
    return [notice.code for notice in scan.notices]


def small(uid, n_slices=3, **tags):
    """A small series of a UID, whose slices are in the order of their names."""
    return [(f"{uid}/{name}", data) for name, data in make_series(n_slices, SeriesInstanceUID=uid, **tags)]


def two():
    return [*small("1.2.1", SeriesNumber=8), *small("1.2.2", 4, SeriesNumber=2, SeriesDescription="Lung")]


def test_series_are_listed_by_their_numbers_with_all_that_tells_them_apart():
    listing = listing_of(two())
    assert [(s.number, s.uid, s.slices, s.series_number) for s in listing.series] == [
        (1, "1.2.2", 4, 2),
        (2, "1.2.1", 3, 8),
    ]
    first = listing.series[0]
    assert (first.description, first.thickness_mm, first.spacing_mm, first.extent_mm) == (
        "Lung",
        1.25,
        2.0,
        6.0,
    )
    assert (str(first.what), first.form, first.is_hu, first.kernel) == ("axial CT", "original", True, None)
    assert (first.picture, first.shows_lung) == (None, None)
    assert (listing.others, listing.n_more, listing.n_damaged) == ((), 0, 0)


@pytest.mark.parametrize("asked", ["1", "1.2.2", "01"])
def test_the_one_asked_for_is_read(asked):
    assert numbers(read_scan(two(), asked=Asked(series=asked))) == [0, 1, 2, 3]
    assert numbers(read_scan([("a.zip", make_zip(two()))], asked=Asked(series=asked))) == [0, 1, 2, 3]


@pytest.mark.parametrize("asked", ["", "0", "3", "1.2", "-1", "1.0", "x", "9" * 5000, "²"])
def test_one_that_there_is_not_is_refused_with_those_that_there_are(asked):
    error = refusal(two(), series=asked)
    assert error.code == "bad_field"
    assert "2 series: series 2 with 4 slices of 1.25 mm; series 8 with 3 slices of 1.25 mm." in error.message


def test_an_identifier_comes_before_a_number():
    files = [*small("2", SeriesNumber=1), *small("1", 4, SeriesNumber=2)]
    assert numbers(read_scan(files, asked=Asked(series="1"))) == [0, 1, 2, 3]


@pytest.mark.parametrize("asked", ["1", "1.2.4"])
def test_the_only_series_may_be_asked_for(asked):
    assert numbers(read_scan(small("1.2.4"), asked=Asked(series=asked))) == [0, 1, 2]
    assert refusal(small("1.2.4"), series="2").code == "bad_field"


def test_slices_that_name_a_series_each_are_one():
    files = [("", make_slice(i, SeriesInstanceUID=f"1.2.{i + 1}")) for i in range(4)]
    for asked in ("1", "1.2.3"):
        assert codes(read_scan(files, asked=Asked(series=asked))) == ["series_merged"]
    assert refusal(files, series="2").code == "bad_field"


def test_pictures_have_no_series(grey):
    assert refusal([("a.png", png(grey))], series="1").code == "bad_field"


def test_series_without_an_identifier_are_told_apart_by_study_and_number():
    bare = {"SeriesInstanceUID": None}
    files = [*make_series(3, SeriesNumber=1, **bare), *make_series(4, SeriesNumber=2, **bare)]
    listing = listing_of(files)
    assert [(s.uid, s.slices) for s in listing.series] == [(None, 3), (None, 4)]
    assert numbers(read_scan(files, asked=Asked(series="2"))) == [0, 1, 2, 3]


def test_thirty_series_are_listed_in_order():
    files = [file for n in range(30) for file in small(f"1.2.{n}", 2, SeriesNumber=30 - n)]
    listing = listing_of(files, pictures=True)
    assert [s.series_number for s in listing.series] == list(range(1, 31))
    assert all(s.picture for s in listing.series)


def test_a_slice_that_is_there_twice_counts_once():
    files = [(name, rewritten(data, StudyInstanceUID="1.2.9")) for name, data in two()]
    listing = listing_of([*files, *[(f"copy/{name}", data) for name, data in files]])
    assert [s.slices for s in listing.series] == [4, 3]


def test_files_of_many_frames_are_series_too():
    many = [make_enhanced([0, 2, 4, 6], SeriesInstanceUID=f"1.5.{n}", SeriesNumber=n) for n in (1, 2)]
    files = [(f"{n}.dcm", data) for n, data in enumerate(many)]
    assert [s.slices for s in listing_of(files, pictures=True).series] == [4, 4]
    assert len(read_scan(files, asked=Asked(series="2")).slices) == 4


def test_what_cannot_be_read_is_listed_beside():
    listing = listing_of(made.disc(), pictures=True)
    assert [(str(s.what), s.slices, s.number) for s in listing.others] == [
        ("localizer", 1, None),
        ("coronal plane", 3, None),
        ("magnetic resonance (MR) image", 2, None),
    ]
    assert all(max(s.picture.rows, s.picture.cols) == EDGE for s in (*listing.series, *listing.others))
    sagittal = [(n, rewritten(d, ImageOrientationPatient=[0, 1, 0, 0, 0, -1])) for n, d in made.coronal()]
    assert [str(s.what) for s in listing_of([*two(), *sagittal]).others] == ["sagittal plane"]


def test_a_picture_shows_the_middle_slice_upright_and_in_square_millimetres():
    def shade(row, col):
        return 255 * (row * 10 + col - 900 + 7 + 1350) / 1500

    wide = {"PixelSpacing": [1.4, 0.7], "ImageOrientationPatient": [-1, 0, 0, 0, -1, 0]}
    listing = listing_of([*small("1.1", **wide), *small("1.2")], pictures=True)
    turned, plain = (s.picture for s in listing.series)
    assert (turned.rows, turned.cols) == (128, round(128 * 32 * 0.7 / (24 * 1.4)))
    assert (plain.rows, plain.cols) == (96, 128)
    for picture, corner in ((turned, (23, 31)), (plain, (0, 0))):
        pixels = np.frombuffer(picture.pixels, np.uint8).reshape(picture.rows, picture.cols)
        assert pixels[0, 0] == pytest.approx(shade(*corner), abs=2)


@pytest.mark.parametrize("name", ["Qxjv^Wrtz", "wrtz", "A^B=Ж^Wrtz"])
@pytest.mark.parametrize("description", ["Qxjv Wrtz 1.0", "thorax WRTZ", "of QXJV-4711", "wrtz_lung"])
def test_a_description_that_names_the_patient_is_not_told(name, description):
    tags = {"PatientName": name, "PatientID": "Qxjv-4711", "SeriesDescription": description}
    found = {s.uid: s.description for s in listing_of([*two(), *small("1.2.3", **tags)]).series}
    assert found["1.2.3"] is None
    assert found["1.2.2"] == "Lung"


def test_an_identifier_that_is_none_is_not_told():
    files = [*two(), *small("Jane Doe", SeriesNumber=9)]
    assert listing_of(files).series[2].uid is None
    assert numbers(read_scan(files, asked=Asked(series="3"))) == [0, 1, 2]


def test_a_description_is_one_line_of_bounded_length():
    long = small("1.2.3", SeriesNumber=1, SeriesDescription="a\n\t\x1b b" + "c" * 90)
    assert listing_of([*two(), *long]).series[0].description == f"a b{'c' * 61}"


def test_studies_are_numbered_by_date_and_patients_told_apart():
    files = [
        *small("1.1", SeriesNumber=1, PatientID="x", StudyInstanceUID="1.8", StudyDate="20210101"),
        *small("1.2", SeriesNumber=2, PatientID="x", StudyInstanceUID="1.9", StudyDate="20200101"),
        *small("1.3", SeriesNumber=3, PatientID="y", StudyInstanceUID="1.7", StudyDate="no date"),
    ]
    listing = listing_of(files)
    assert [(s.study, s.patient, s.date) for s in listing.series] == [
        (3, 1, "2021-01-01"),
        (2, 1, "2020-01-01"),
        (1, 2, None),
    ]
    assert (listing.n_studies, listing.n_patients) == (3, 2)


# What is proposed


def proposed(*series):
    listing = listing_of([file for files in series for file in files], pictures=True)
    return listing.of(listing.proposed), listing.reasons


def test_the_thinnest_that_shows_lung_is_proposed():
    found, reasons = proposed(made.soft(), made.thick(), made.head())
    assert (found.uid, reasons) == (made.UIDS["soft"], ("lung", "thinnest"))


def test_of_equally_thin_ones_that_of_a_lung_kernel_is_proposed():
    found, reasons = proposed(made.soft(), made.lung(), made.thick())
    assert (found.uid, reasons) == (made.UIDS["lung"], ("lung", "equally_thin", "lung_kernel"))
    found, reasons = proposed(made.soft(), made.lung(ConvolutionKernel="Br36", SeriesDescription="Lunge 1.0"))
    assert found.uid == made.UIDS["lung"]
    found, _ = proposed(made.soft(), made.lung(SliceThickness=1.5))
    assert found.uid == made.UIDS["soft"]


@pytest.mark.parametrize(
    "tags",
    [
        {"ImageType": ["DERIVED", "SECONDARY", "MIP"]},
        {"ImageType": ["DERIVED", "PRIMARY", "PROJECTION IMAGE"]},
        {"RescaleType": "US"},
        {"BodyPartExamined": "HEAD"},
    ],
    ids=str,
)
def test_what_is_less_suited_is_not_proposed_however_thin(tags):
    found, _ = proposed(made.soft(), made.lung(SliceThickness=0.5, **tags))
    assert found.uid == made.UIDS["soft"]


def test_a_few_thin_slices_are_no_series_of_the_chest():
    found, reasons = proposed(made.soft(SliceThickness=2), made.lung(SliceThickness=0.5)[:2])
    assert (found.uid, reasons) == (made.UIDS["soft"], ("lung", "longest"))


@pytest.mark.parametrize(
    ("kernel", "is_lung"),
    [("B70f", True), ("B31f", False), ("Bl57d", True), ("Br40d", False), ("Br64", True), ("I70f", True)]
    + [
        ("I31f", False),
        ("LUNG", True),
        ("STANDARD", False),
        ("BONEPLUS", True),
        ("FC51", True),
        ("FC08", False),
    ]
    + [("L", True), ("B", False), ("YC", True), (None, False)],
)
def test_lung_kernels_are_known(kernel, is_lung):
    assert ListedSeries(1, None, 1, AXIAL, kernel=kernel).has_lung_kernel is is_lung


# Damage


def test_a_series_that_is_damaged_leaves_the_others():
    files = [*small("1.2.1"), *[(name, data[:-100]) for name, data in small("1.2.2", 4)]]
    assert len(listing_of(files, pictures=True).series) == 2
    assert numbers(read_scan(files, asked=Asked(series="1.2.1"))) == [0, 1, 2]
    assert refusal(files, series="1.2.2").code == "corrupt_file"


def without_pixels(data):
    return rewritten(data, PixelData=None)


def test_damaged_files_of_a_series_are_counted_with_it():
    bad = [(f"bad/{name}", without_pixels(data)) for name, data in small("1.2.1", 2, SeriesNumber=8)]
    files = [*two(), *bad]
    assert listing_of(files).n_damaged == 2
    assert "2 of 5 DICOM files are damaged" in refusal(files, series="1.2.1").message
    assert codes(read_scan(files, asked=Asked(series="1.2.2"))) == ["damaged_files"]
    whole = [*small("1.2.2", 4), *bad]
    assert codes(read_scan(whole)) == ["damaged_files"]


def test_files_of_no_known_series_may_be_missing():
    files = [*two(), ("bad.dcm", two()[0][1][:300])]
    scan = read_scan(files, asked=Asked(series="1"))
    assert codes(scan) == ["damaged_files"]
    assert "slices may be missing" in scan.notices[0].message


def test_series_all_of_which_are_damaged_are_refused():
    error = refusal([(name, data[:300]) for name, data in two()])
    assert error.code == "corrupt_file"


@pytest.mark.parametrize("pack", [False, True], ids=["files", "zip"])
def test_the_files_of_a_series_are_enough_to_read_it(pack):
    bad = [("bad.dcm", without_pixels(two()[0][1])), ("cut.dcm", two()[0][1][:300])]
    files = [("DICOMDIR", b"x"), bad[0], *two()[::-1], bad[1], ("README", b"x")]
    listing = listing_of(files)
    assert (listing.n_damaged, listing.n_unplaced) == (2, 1)
    assert [each.files for each in listing.series] == [(1, 2, 3, 4), (0, 5, 6, 7)]
    sent = [("a.zip", make_zip(files))] if pack else files
    assert numbers(read_scan(sent, asked=Asked(only=listing.series[0].files))) == [0, 1, 2, 3]
    assert refusal(sent, only=listing.series[1].files).code == "corrupt_file"
    assert numbers(Decoder().read(sent, Asked(only=listing.series[0].files))) == [0, 1, 2, 3]


# A disc


def test_what_lies_on_a_disc_beside_its_images_is_left_aside(grey):
    preview = ("preview/1.png", png(grey))
    disc = [("DICOMDIR", b"x"), ("AUTORUN.EXE", b"MZ"), ("viewer.zip", make_zip([preview])), preview]
    assert numbers(read_scan([*small("1.2.1"), *disc])) == [0, 1, 2]
    assert refusal([*small("1.2.1"), preview]).code == "mixed_series"
    assert len(read_scan([("DICOMDIR", b"x"), preview]).slices) == 1


# From a process of its own


def test_the_list_comes_from_another_process_as_it_is():
    decoder = Decoder()
    for pictures in (False, True):
        with pytest.raises(SeveralSeries) as caught:
            decoder.read(made.disc(), Asked(pictures=pictures))
        assert caught.value.listing == listing_of(made.disc(), pictures)
    assert len(decoder.read(made.disc(), Asked(series="3")).slices) == 3


@pytest.mark.parametrize("change", [{"proposed": 7}, {"series": ()}, "number", "pixels", "edge"])
def test_a_list_that_makes_no_sense_is_not_believed(change):
    import msgspec

    listing = listing_of(two(), pictures=True)
    assert checked(listing) == listing
    replace, first = msgspec.structs.replace, listing.series[0]
    if change == "number":
        change = {"series": (replace(first, number=2), *listing.series[1:])}
    elif change == "pixels":
        picture = replace(first.picture, pixels=first.picture.pixels[1:])
        change = {"series": (replace(first, picture=picture), *listing.series[1:])}
    elif change == "edge":
        picture = replace(first.picture, rows=1, cols=EDGE + 1, pixels=bytes(EDGE + 1))
        change = {"series": (replace(first, picture=picture), *listing.series[1:])}
    with pytest.raises(ValueError, match=r"numbered|byte"):
        checked(replace(listing, **change))


def test_a_listing_of_one_entry_finds_it_by_its_number():
    only = ListedSeries(1, generate_uid(), 3, AXIAL)
    assert Listing((only,)).of(1) == only
    assert Listing((only,)).of(2) is None
