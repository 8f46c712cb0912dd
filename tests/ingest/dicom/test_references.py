"""Which DICOM image each slice came from, and whether contrast agent was given."""

import io

import pytest
from pydicom import dcmread
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage

from models.imaging.phantom import draw_phantom
from models.imaging.scan import Reference
from models.ingest.read import read_scan
from tests.conftest import encode
from tests.ingest.dicom_files import header_of, rewritten, with_text
from tests.ingest.series_files import group, make_enhanced, make_series, make_slice

STUDY, SERIES = "1.2.826.0.1.1", "1.2.826.0.1.2"
NAMED = {"StudyInstanceUID": STUDY, "SeriesInstanceUID": SERIES}


def enhanced(places=(8, 2, 6), **tags):
    return make_enhanced(places, **NAMED, SOPInstanceUID="1.2.9", **tags)


def test_each_slice_of_a_series_names_the_file_it_came_from():
    files = make_series(5, **NAMED)
    by_place = sorted(
        (dcmread(io.BytesIO(data)) for _, data in files), key=lambda d: d.ImagePositionPatient[2]
    )
    expected = tuple(Reference(STUDY, SERIES, CTImageStorage, d.SOPInstanceUID) for d in by_place)
    assert read_scan(files).references == expected


def test_frames_are_named_by_their_number_from_1_in_the_order_of_the_slices():
    references = read_scan([("a", enhanced())]).references
    assert references == tuple(
        Reference(STUDY, SERIES, EnhancedCTImageStorage, "1.2.9", frame) for frame in (2, 3, 1)
    )


def test_a_file_of_one_frame_is_named_as_a_whole():
    (reference,) = read_scan([("a", enhanced([0]))]).references
    assert reference.frame is None


def test_pictures_have_no_references_and_no_contrast():
    scan = read_scan([("a.png", encode(draw_phantom("smooth")))])
    assert (scan.references, scan.contrast) == (None, None)


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
@pytest.mark.parametrize(
    "uid",
    ["", "1", "1..2", "1.02", "1.2.", "1.2.a", "1.2.\u0663", "1.2/../3", "1.2\\1.3", "1." + "2" * 63, "<b>"],
)
def test_a_malformed_name_is_no_reference_and_no_error(keyword, uid):
    place = "1." + "9" * 64  # longer than allowed, too
    data = make_slice(0, **NAMED | {keyword: place})
    damaged = data.replace(place.encode(), uid.encode().ljust(len(place), b"\0"))
    assert read_scan([("a.dcm", damaged)]).references is None


def test_the_longest_name_that_is_allowed_is_one():
    uid = "2." + "2" * 62
    (reference,) = read_scan([("a", make_slice(0, **NAMED | {"StudyInstanceUID": uid}))]).references
    assert reference.study_uid == uid


@pytest.mark.parametrize(
    ("keyword", "name"),
    [
        ("StudyInstanceUID", "Study Instance UID"),
        ("SeriesInstanceUID", "Series Instance UID"),
        ("SOPInstanceUID", "SOP Instance UID"),
    ],
)
@pytest.mark.parametrize(
    "uid",
    ["1.2.03", "9.999.1", "3.1", "1.40.1", "0.77", "1.2." + "3" * 61, "1.2.", "1..2", "2", "abc", "1.2.3a"],
)
def test_an_identifier_that_is_none_is_named_and_refers_to_nothing(keyword, name, uid):
    scan = read_scan([("a", with_text(make_slice(0, **NAMED), "UI", **{keyword: uid}))])
    assert scan.references is None
    message = f"DICOM reports cannot be made for this scan: {name} is not written as the standard requires."
    assert {notice.code: notice.message for notice in scan.notices} == {"no_identifiers": message}


@pytest.mark.parametrize(
    "uid", ["1.2.3", "0.39.1", "1.0.0", "2.999.1", "2.25.329800735698586629295641978511506172918"]
)
def test_an_identifier_as_the_standard_has_it_is_one(uid):
    scan = read_scan([("a", make_slice(0, **NAMED | {"StudyInstanceUID": uid}))])
    assert (scan.references[0].study_uid, scan.notices) == (uid, ())


def test_slices_with_one_identifier_between_them_are_said():
    files = [("", make_slice(i, **NAMED, SOPInstanceUID="1.2.3")) for i in range(3)]
    scan = read_scan(files)
    assert scan.references is None
    assert "several of its images have the same identifier" in scan.notices[0].message


def test_what_the_data_set_lacks_is_taken_from_the_file_meta_information():
    dataset = header_of(make_slice(0, **NAMED, SOPInstanceUID="1.2.3"))
    del dataset.SOPInstanceUID, dataset.SOPClassUID
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=False)
    (reference,) = read_scan([("a", buffer.getvalue())]).references
    assert (reference.sop_instance_uid, reference.sop_class_uid) == ("1.2.3", CTImageStorage)


def test_one_file_without_a_name_leaves_the_whole_scan_without():
    files = make_series(3, **NAMED)
    files[1] = (files[1][0], rewritten(files[1][1], StudyInstanceUID=None))
    assert read_scan(files).references is None


def test_slices_that_share_one_name_cannot_be_referred_to():
    assert read_scan(make_series(3, **NAMED, SOPInstanceUID="1.2.3.4")).references is None


@pytest.mark.parametrize(
    ("agent", "given"),
    [
        ("Iopamidol 300", True),
        ("CE", True),
        ("APPLIED\\100 ML", True),
        ("", False),
        (" ", False),
        ("NONE", False),
        ("no", False),
        ("W/O", False),
        ("-", False),
        ("NORMAL SALINE + IOHEXOL", True),
    ],
)
def test_contrast_is_what_the_header_calls_an_agent(agent, given):
    assert read_scan([("a", make_slice(0, ContrastBolusAgent=agent))]).contrast is given


def test_without_the_element_no_contrast_was_given():
    assert read_scan([("a", make_slice(0))]).contrast is False


def test_contrast_in_one_slice_is_contrast_in_the_scan():
    files = make_series(3)
    files[2] = (files[2][0], rewritten(files[2][1], ContrastBolusAgent="Iohexol"))
    assert read_scan(files).contrast is True


@pytest.mark.parametrize("value", [(), (group(CodeMeaning="Iohexol"),)], ids=["empty", "one agent"])
def test_enhanced_ct_says_it_in_a_sequence(value):
    data = rewritten(enhanced(), ContrastBolusAgentSequence=list(value))
    assert read_scan([("a", data)]).contrast is bool(value)


def test_legacy_converted_ct_keeps_it_where_it_keeps_all_else():
    data = rewritten(enhanced(), SOPClassUID=LegacyConvertedEnhancedCTImageStorage)
    assert read_scan([("a", data)]).contrast is False
    dataset = dcmread(io.BytesIO(data))
    (shared,) = dataset.SharedFunctionalGroupsSequence
    shared.UnassignedSharedConvertedAttributesSequence = [group(ContrastBolusAgent="Iohexol")]
    data = rewritten(data, SharedFunctionalGroupsSequence=[shared])
    assert read_scan([("a", data)]).contrast is True


@pytest.mark.parametrize("vr", ["US", "OB", "SQ"])
def test_an_agent_of_another_kind_is_no_error(vr):
    dataset = dcmread(io.BytesIO(make_slice(0)))
    dataset.add_new("ContrastBolusAgent", vr, {"US": 7, "OB": b"\0\1", "SQ": [group(CodeMeaning="x")]}[vr])
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    assert read_scan([("a", buffer.getvalue())]).contrast is False
