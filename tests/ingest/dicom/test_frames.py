import io

import pytest
from pydicom import dcmread
from pydicom.uid import LegacyConvertedEnhancedCTImageStorage

from models.errors import UserError
from models.ingest.dicom import read_header
from models.ingest.dicom.frames import Frame, frames_of
from models.ingest.limits import MOST_FRAMES
from tests.ingest.dicom_files import make_ct, with_text
from tests.ingest.series_files import group, make_enhanced, marked


def frames(data):
    return frames_of(read_header(io.BytesIO(data)))


def only(**tags):
    (frame,) = frames(make_ct(marked(0), **tags))
    return frame


def test_a_classic_slice_is_one_frame():
    place = {"ImagePositionPatient": [-180.5, -170, -90.25], "ImageOrientationPatient": [-1, 0, 0, 0, -1, 0]}
    frame = only(PixelSpacing=[0.8, 0.6], SliceThickness=1.25, **place)
    assert frame == Frame(0, (-180.5, -170, -90.25), (-1, 0, 0, 0, -1, 0), (0.8, 0.6), 1.25)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([0.8, 0.6], (0.8, 0.6)),
        ([0.1, 5.0], (0.1, 5.0)),
        (None, None),
        ("", None),
        ([0.7], (0.7, 0.7)),
        ([0.7, 0.7, 0.7], None),
        ([0.0, 0.0], None),
        ([-0.7, 0.7], None),
        ([0.7, 70.0], None),
    ],
)
def test_the_spacing_is_row_then_column_where_it_is_sane(value, expected):
    assert only(PixelSpacing=value).spacing_mm == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(1.25, 1.25), (10, 10.0), (0, None), (-1, None), ("", None), (None, None)]
)
def test_the_thickness_is_given_where_it_is_sane(value, expected):
    assert only(SliceThickness=value).thickness_mm == expected


@pytest.mark.parametrize("value", [None, "", [0, 0], [0, 0, "1E400"]])
def test_a_position_that_is_no_place_is_none(value):
    assert only(ImagePositionPatient=value).position is None


@pytest.mark.parametrize("value", [None, "", [1, 0, 0], [0, 0, 0, 0, 0, 0], [1, 0, 0, 1, 0, 0]])
def test_an_orientation_that_is_no_grid_is_none(value):
    assert only(ImageOrientationPatient=value).orientation is None


def test_enhanced_frames_have_places_of_their_own_and_share_the_rest():
    tilted = (1, 0, 0, 0, 0.9, -0.4359)
    found = frames(make_enhanced([8, 2], orientations=[(1, 0, 0, 0, 1, 0), tilted]))
    assert found == (
        Frame(0, (-180, -180, 8), (1, 0, 0, 0, 1, 0), (0.8, 0.6), 2),
        Frame(1, (-180, -180, 2), tilted, (0.8, 0.6), 2),
    )


def test_a_frame_s_own_values_go_before_the_shared_ones():
    dataset = dcmread(io.BytesIO(make_enhanced([0, 2])))
    dataset.PerFrameFunctionalGroupsSequence[1].PixelMeasuresSequence = [
        group(PixelSpacing=[0.5, 0.4], SliceThickness=1)
    ]
    assert [(frame.spacing_mm, frame.thickness_mm) for frame in frames_of(dataset)] == [
        ((0.8, 0.6), 2),
        ((0.5, 0.4), 1),
    ]


def test_a_legacy_converted_file_keeps_values_in_its_unassigned_attributes():
    dataset = dcmread(io.BytesIO(make_enhanced([0, 2])))
    dataset.SOPClassUID = LegacyConvertedEnhancedCTImageStorage
    shared, *own = dataset.SharedFunctionalGroupsSequence, *dataset.PerFrameFunctionalGroupsSequence
    del shared[0].PixelMeasuresSequence
    shared[0].UnassignedSharedConvertedAttributesSequence = [group(PixelSpacing=[0.9, 0.9])]
    for frame, thickness in zip(own, (3, 4), strict=True):
        frame.UnassignedPerFrameConvertedAttributesSequence = [group(SliceThickness=thickness)]
    assert [(frame.spacing_mm, frame.thickness_mm) for frame in frames_of(dataset)] == [
        ((0.9, 0.9), 3),
        ((0.9, 0.9), 4),
    ]


def test_frames_beyond_the_functional_groups_have_no_place():
    dataset = dcmread(io.BytesIO(make_enhanced([0, 2])))
    dataset.NumberOfFrames = 3
    assert [frame.position for frame in frames_of(dataset)] == [(-180, -180, 0), (-180, -180, 2), None]


def test_a_classic_file_with_several_frames_does_not_say_where_they_are():
    found = frames(make_ct(marked(0), NumberOfFrames=3))
    assert [frame.number for frame in found] == [0, 1, 2]
    assert [frame.position for frame in found] == [None] * 3
    assert [frame.spacing_mm for frame in found] == [(0.7, 0.7)] * 3


@pytest.mark.parametrize("count", ["1,0", "1.0", " 1 "])
def test_an_oddly_written_number_of_frames_is_read(count):
    assert len(frames(with_text(make_ct(marked(0)), "IS", NumberOfFrames=count))) == 1


def test_a_number_of_frames_that_is_none_is_quoted():
    with pytest.raises(UserError, match='Number of Frames is written as "1x", which makes no sense'):
        frames(with_text(make_ct(marked(0)), "IS", NumberOfFrames="1x"))


@pytest.mark.parametrize(("count", "code"), [(-1, "corrupt_file"), (MOST_FRAMES + 1, "too_large")])
def test_a_number_of_frames_that_makes_no_sense_is_refused(count, code):
    with pytest.raises(UserError) as caught:
        frames(make_ct(marked(0), NumberOfFrames=count))
    assert caught.value.code == code
