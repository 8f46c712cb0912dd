"""The Secondary Capture, read back by pydicom and highdicom, judged by dciodvfy, and looked at."""

import io
from dataclasses import replace

import highdicom as hd
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from models.errors import UserError
from models.imaging.phantom import draw_phantom
from models.ingest.read import read_scan
from models.reports.dicom import secondary_capture
from models.reports.viewport import slice_picture, to_shown
from tests.conftest import encode
from tests.ingest.dicom_files import chest_slice, make_ct
from tests.reports.dicom.conftest import NAMED, SERIES, STUDY, WHO
from tests.reports.dicom.made_finding import errors_of, make_finding, saliency_of

CAPTION = "Research use only. Looks malignant."
UPRIGHT, TURNED = [1, 0, 0, 0, 1, 0], [0, -1, 0, -1, 0, 0]
RING = 16 / 0.35  # radius in pixels: that of the field the networks see
PLACE = 256.0, 150.0


@pytest.fixture(scope="module", params=[UPRIGHT, TURNED], ids=["upright", "turned"])
def chest(request):
    """One slice of 512 x 512, which is shown on 1024 x 1024: 0.35 mm a pixel."""
    data = make_ct(chest_slice(), **NAMED, ImageOrientationPatient=request.param)
    return read_scan([("a", data)])


def read_back(finding, caption=CAPTION):
    return dcmread(io.BytesIO(secondary_capture(finding, caption)))


def picture_of(finding, caption=CAPTION):
    """Its pixels above the caption, of a scan of 512 x 512, as whole numbers that may be subtracted."""
    return read_back(finding, caption).pixel_array[:1024].astype(int)


def slice_as_shown(scan):
    picture = Image.open(io.BytesIO(slice_picture(scan, 0)))
    return np.asarray(picture.resize((1024, 1024), Image.Resampling.BICUBIC).convert("RGB")).astype(int)


def drawn(one, other):
    """Places (y, x) where two pictures differ, but for the corner of the scale bar."""
    differs = (one != other).any(axis=-1)
    differs[900:, :400] = False
    return np.argwhere(differs)


def test_no_validator_objects(any_scan, tmp_path):
    for saliency in (None, saliency_of(np.eye(64))):
        data = secondary_capture(make_finding(any_scan, saliency=saliency), CAPTION)
        (tmp_path / "sc.dcm").write_bytes(data)
        assert errors_of(tmp_path / "sc.dcm") == []


def test_it_is_a_colour_picture_made_on_a_workstation_without_a_name_in_it(any_scan):
    image = read_back(make_finding(any_scan))
    assert (image.Modality, image.ConversionType, image.BurnedInAnnotation) == ("OT", "WSD", "NO")
    assert image.ImageType[:2] == ["DERIVED", "SECONDARY"]
    assert image.PhotometricInterpretation == "RGB"
    assert image.pixel_array.shape == (image.Rows, image.Columns, 3)


def test_highdicom_reads_it_too(series):
    data = secondary_capture(make_finding(series), CAPTION)
    pixels = hd.imread(io.BytesIO(data)).get_frame(1)
    np.testing.assert_array_equal(pixels, dcmread(io.BytesIO(data)).pixel_array)


@pytest.mark.parametrize("index", [0, 2])
def test_it_refers_to_the_image_of_the_nodules_slice(series, index):
    image = read_back(make_finding(series, index=index))
    (source,) = image.SourceImageSequence
    assert source.ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
    assert source.ReferencedSOPInstanceUID == series.references[index].sop_instance_uid
    assert "ReferencedFrameNumber" not in source
    assert (image.StudyInstanceUID, image.SeriesInstanceUID == SERIES) == (STUDY, False)


def test_of_many_frames_it_refers_to_the_one(enhanced):
    (source,) = read_back(make_finding(enhanced, index=2)).SourceImageSequence
    assert (source.ReferencedSOPInstanceUID, source.ReferencedFrameNumber) == ("1.2.9", 1)


def test_sides_and_spacing_are_those_of_the_picture(chest):
    image = read_back(make_finding(chest))
    assert image.PatientOrientation == ["L", "P"]
    assert image.PixelSpacing == pytest.approx([0.35, 0.35])


def test_sides_and_spacing_that_are_not_known_are_not_given(chest):
    image = read_back(make_finding(replace(chest, positions_mm=None, spacing_assumed=True)))
    assert not image.PatientOrientation
    assert "PixelSpacing" not in image


def test_away_from_the_marks_it_is_the_slice_as_it_is_shown(chest):
    finding = make_finding(chest, *PLACE, radii=None)
    places = drawn(picture_of(finding), slice_as_shown(chest))
    distances = np.hypot(*(places - centre_of(chest)).T)
    assert RING - 3 < distances.min() < RING < distances.max() < RING + 3


def centre_of(scan):
    x, y = to_shown(scan, *PLACE)
    return 2 * np.array([y, x]) - 0.5


def test_the_outline_is_drawn_where_it_lies(chest):
    plain, outlined = (make_finding(chest, *PLACE, radii=radii) for radii in (None, (20.0, 10.0)))
    places = drawn(picture_of(plain), picture_of(outlined)) - centre_of(chest)
    reach = np.array([20, 40] if chest.orientation.transpose else [40, 20])
    np.testing.assert_allclose(places.min(axis=0), -reach, atol=2)
    np.testing.assert_allclose(places.max(axis=0), reach, atol=2)


def test_a_scale_bar_says_how_long_it_is(chest):
    picture = picture_of(make_finding(chest))
    differs = (picture != slice_as_shown(chest)).any(axis=-1)[900:, :400]
    _, xs = np.nonzero(differs)
    assert np.ptp(xs) == pytest.approx(50 / 0.35, abs=4)
    unknown = picture_of(make_finding(replace(chest, spacing_assumed=True)))
    np.testing.assert_array_equal(unknown[900:, :400], slice_as_shown(chest)[900:, :400])


def test_the_saliency_map_lies_on_the_place_that_it_is_about(chest):
    values = np.zeros((64, 64))
    values[8:13, 52:57] = 1  # in the file's pixels: 11 mm up, 11 mm to the right
    picture = picture_of(make_finding(chest, *PLACE, radii=None, saliency=saliency_of(values)))
    coloured = np.argwhere(np.ptp(picture, axis=-1) > 0)
    step = 0.5  # mm a cell
    row, col = (PLACE[i] + (cell + 0.5 - 32) * step / 0.7 for i, cell in enumerate((10, 54)))
    x, y = to_shown(chest, row, col)
    np.testing.assert_allclose(coloured.mean(axis=0), (2 * y, 2 * x), atol=1.5)
    np.testing.assert_allclose(np.ptp(coloured, axis=0), 5 * step / 0.35, atol=3)


def test_under_the_colours_the_slice_can_still_be_seen(chest):
    finding = make_finding(chest, *PLACE, radii=None, saliency=saliency_of(np.ones((64, 64))))
    y, x = centre_of(chest).round().astype(int)
    field = picture_of(finding)[y - 30 : y + 30, x - 30 : x + 30]
    assert (np.ptp(field, axis=-1) > 0).all()
    nodule, lung = field[25:35, 30:40].mean(), field[:5, :5].mean()
    assert nodule > lung + 30


def test_at_the_edge_the_colours_end_with_the_image(chest):
    finding = make_finding(chest, 0, 511, radii=None, saliency=saliency_of(np.ones((64, 64))))
    image = read_back(finding).pixel_array.astype(int)
    ys, xs = np.nonzero(np.ptp(image, axis=-1))
    assert np.ptp(ys) == pytest.approx(RING, abs=2)
    assert np.ptp(xs) == pytest.approx(RING, abs=2)


@pytest.mark.parametrize("saliency", [None, saliency_of(np.zeros((64, 64)))], ids=["none", "empty"])
def test_without_a_map_nothing_is_coloured(chest, saliency):
    image = read_back(make_finding(chest, saliency=saliency))
    assert np.ptp(image.pixel_array, axis=-1).max() == 0
    assert "saliency" not in image.DerivationDescription


def test_how_it_was_made_is_said(chest):
    image = read_back(make_finding(chest, saliency=saliency_of(np.eye(64))))
    assert "saliency map of Consensus of the five (Grad-CAM)" in image.DerivationDescription


@pytest.mark.parametrize("caption", ["Other words.", "Many words. " * 40, "Two\nlines", "Ärzte: 5 °", ""])
def test_the_caption_is_below_and_covers_nothing(chest, caption):
    one, other = (read_back(make_finding(chest), text).pixel_array for text in (CAPTION, caption))
    np.testing.assert_array_equal(one[:1024], other[:1024])
    assert other.shape[1] == 1024
    assert other[1024:].any() == bool(caption)
    assert not other[1024:, -20:].any()  # wrapped before the edge
    assert not other[-10:].any()


def test_a_longer_caption_has_more_lines(chest):
    heights = [read_back(make_finding(chest), text).Rows for text in ("", "a", "a\nb", "word " * 60)]
    assert heights == sorted(set(heights))


def test_a_narrow_picture_has_room_for_its_caption():
    data = make_ct(chest_slice((512, 512))[:, 128:192], **NAMED)
    image = read_back(make_finding(read_scan([("a", data)])))
    assert image.Columns == 512
    assert not image.pixel_array[:1024, 128:].any()


def test_nothing_about_the_patient_is_in_it(series):
    data = secondary_capture(make_finding(series), CAPTION)
    assert not [value for value in WHO.values() if value.encode() in data]
    dataset = dcmread(io.BytesIO(data))
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"):
        assert not dataset[keyword].value


def test_every_capture_is_a_new_object_in_a_new_series(series):
    one, two = (read_back(make_finding(series)) for _ in range(2))
    assert one.SOPInstanceUID != two.SOPInstanceUID
    assert one.SeriesInstanceUID != two.SeriesInstanceUID


def test_a_picture_has_no_image_to_refer_to():
    scan = read_scan([("a.png", encode(draw_phantom("smooth")))])
    with pytest.raises(UserError) as caught:
        secondary_capture(make_finding(scan), CAPTION)
    assert caught.value.code == "not_dicom"
