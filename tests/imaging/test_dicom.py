import io

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.pixels import get_decoder
from pydicom.uid import MRImageStorage

from models.errors import ScanError
from models.imaging.dicom import looks_like_dicom, read_dicom
from tests.imaging.dicom_files import head_slice, make_ct

ROOM = 1_000_000
MPEG2 = "1.2.840.10008.1.2.4.100"


def refused(data, max_pixels=ROOM):
    with pytest.raises(ScanError) as caught:
        read_dicom(data, max_pixels)
    return caught.value


def small(low=-1000, high=1000):
    """HU of a small field, in which no lung need be seen."""
    return np.linspace(low, high, 40 * 50).round().reshape(40, 50)


@pytest.mark.parametrize("rle", [False, True], ids=["explicit", "rle"])
@pytest.mark.parametrize(
    ("signed", "slope", "intercept", "bits"),
    [
        (False, 1, -1024, 16),
        (False, 1, -1024, 12),
        (True, 1, 0, 16),
        (True, 1, 0, 12),
        (True, 1, -1024, 16),
        (False, 2, -1024, 16),
        (True, 2, 0, 12),
        (False, 0.5, -1024, 12),
        (False, 0.25, -1000.5, 16),
    ],
)
def test_hu_are_exact(signed, slope, intercept, bits, rle):
    stored = np.arange(2000).reshape(40, 50) - (1000 if signed else 0)
    hu = stored * slope + intercept
    keep = hu >= -1500  # below that lies padding, which another test looks at
    hu = np.where(keep, hu, -1024)
    data = make_ct(hu, slope=slope, intercept=intercept, signed=signed, bits=bits, rle=rle)
    pixels, spacing, notices = read_dicom(data, ROOM)
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels, hu.astype(np.float32))
    assert spacing == (0.7, 0.7)
    assert notices == []


def test_12_bits_reach_their_ends():
    hu = np.array([[-1024, 3071], [0, 1]])
    np.testing.assert_array_equal(read_dicom(make_ct(hu, bits=12), ROOM)[0], hu)


def test_a_fractional_slope_with_many_digits_is_heeded():
    stored = np.arange(2000).reshape(40, 50)
    data = make_ct(stored * 0.12345 - 100, slope=0.12345, intercept=-100)
    np.testing.assert_allclose(read_dicom(data, ROOM)[0], stored * 0.12345 - 100, atol=1e-4)


def test_without_rescale_elements_the_stored_values_are_hu():
    hu = small()
    data = make_ct(hu, signed=True, intercept=0, RescaleSlope=None, RescaleIntercept=None)
    np.testing.assert_array_equal(read_dicom(data, ROOM)[0], hu)


@pytest.mark.parametrize("padding", [-2000, -3024, -1501])
def test_values_no_tissue_has_are_air(padding):
    hu = small()
    hu[:5] = padding
    expected = np.where(hu == padding, -1024, hu)
    pixels = read_dicom(make_ct(hu, signed=True, intercept=0), ROOM)[0]
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize(
    ("signed", "intercept", "value"), [(True, 0, 500), (False, -1024, 1524), (True, -1024, 1524)]
)
def test_the_pixel_padding_value_is_air_and_is_a_stored_value(signed, intercept, value):
    hu = small()
    hu[:5] = value + intercept
    data = make_ct(hu, signed=signed, intercept=intercept, PixelPaddingValue=value)
    expected = np.where(hu == value + intercept, -1024, hu)
    np.testing.assert_array_equal(read_dicom(data, ROOM)[0], expected)


def test_an_empty_pixel_padding_value_pads_nothing():
    data = make_ct(small(), PixelPaddingValue="")
    np.testing.assert_array_equal(read_dicom(data, ROOM)[0], small())


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"PixelSpacing": [0.8, 0.6]}, (0.8, 0.6)),
        ({"PixelSpacing": [0.1, 5.0]}, (0.1, 5.0)),
        ({"PixelSpacing": None}, None),
        ({"PixelSpacing": ""}, None),
        ({"PixelSpacing": [0.7]}, None),
        ({"PixelSpacing": [0.0, 0.0]}, None),
        ({"PixelSpacing": [-0.7, 0.7]}, None),
        ({"PixelSpacing": [0.7, 70.0]}, None),
    ],
)
def test_the_spacing_is_row_then_column_where_it_is_sane(tags, expected):
    assert read_dicom(make_ct(small(), **tags), ROOM)[1] == expected


@pytest.mark.parametrize(
    ("thickness", "codes"),
    [(1.25, []), (5.0, []), (5.1, ["thick_slices"]), (10, ["thick_slices"]), (None, []), ("", [])],
)
def test_a_thick_slice_is_said(thickness, codes):
    notices = read_dicom(make_ct(small(), SliceThickness=thickness), ROOM)[2]
    assert [notice.code for notice in notices] == codes
    assert all(f"{thickness:.1f} mm" in notice.message for notice in notices)


def test_a_whole_chest_slice_is_read(chest):
    np.testing.assert_array_equal(read_dicom(make_ct(chest), ROOM)[0], chest)


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")  # lower case, as some files have it
@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"Modality": "MR"}, "not_ct"),
        ({"Modality": "PT"}, "not_ct"),
        ({"SOPClassUID": MRImageStorage}, "not_ct"),
        ({"SOPClassUID": None}, "not_ct"),
        ({"PixelData": None}, "no_pixels"),
        ({"NumberOfFrames": 2}, "unsupported_file"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "not_axial"),
        ({"ImageType": ["DERIVED", "SECONDARY", "localizer", "X"]}, "not_axial"),
        ({"ImageType": "LOCALIZER"}, "not_axial"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}, "not_axial"),  # coronal
        ({"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}, "not_axial"),  # sagittal
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0.7071, -0.7071]}, "not_axial"),  # oblique
        ({"BodyPartExamined": "HEAD"}, "not_chest"),
        ({"BodyPartExamined": "brain"}, "not_chest"),
        ({"Rows": None}, "corrupt_file"),
    ],
)
def test_another_object_than_an_axial_chest_ct_is_refused(chest, tags, code):
    assert refused(make_ct(chest, **tags)).code == code


@pytest.mark.parametrize(
    "tags",
    [
        {"Modality": None},
        {"ImageType": None},
        {"ImageType": ""},
        {"ImageOrientationPatient": None},
        {"ImageOrientationPatient": [-1, 0, 0, 0, -1, 0]},  # prone
        {"ImageOrientationPatient": [1, 0, 0, 0, 0.9063, -0.4226]},  # gantry tilted by 25 degrees
        {"BodyPartExamined": "CHEST"},
        {"BodyPartExamined": ""},
        {"NumberOfFrames": 1},
    ],
    ids=str,
)
def test_what_an_anonymised_or_unusual_chest_ct_lacks_is_forgiven(chest, tags):
    np.testing.assert_array_equal(read_dicom(make_ct(chest, **tags), ROOM)[0], chest)


def test_a_colour_image_is_refused(chest):
    tags = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    assert refused(make_ct(chest, **tags)).code == "not_ct"


def test_a_full_size_slice_without_lung_is_no_chest():
    assert refused(make_ct(head_slice())).code == "not_chest"


def test_a_small_field_need_not_show_lung():
    hu = head_slice((128, 128))
    np.testing.assert_array_equal(read_dicom(make_ct(hu), ROOM)[0], hu)


def test_a_refusal_does_not_repeat_patient_data(chest):
    error = refused(make_ct(chest, PatientName="Doe^Jane", PatientID="4711", Modality="MR"))
    assert "MR" in error.message
    assert "Doe" not in error.message
    assert "4711" not in error.message


@pytest.mark.filterwarnings("ignore:End of file reached")
@pytest.mark.parametrize("keep", [0.99, 0.5, 0.01])
@pytest.mark.parametrize("rle", [False, True], ids=["explicit", "rle"])
def test_pixel_data_cut_short_are_corrupt(chest, rle, keep):
    data = make_ct(chest, rle=rle)
    assert refused(data[: int(len(data) * keep)]).code == "corrupt_file"


def test_fewer_pixels_than_rows_and_columns_say_are_corrupt(chest):
    assert refused(make_ct(chest, Rows=600)).code == "corrupt_file"


@pytest.mark.filterwarnings("ignore:End of file reached")
@pytest.mark.parametrize(
    ("tail", "code"),
    [
        (b"", "corrupt_file"),
        (b"\xff" * 400, "corrupt_file"),
        (b"\x00" * 8, "not_ct"),  # parses as an element, of an object of no class
        (b"no elements at all" * 20, "not_ct"),
    ],
    ids=["nothing", "ones", "zeros", "text"],
)
def test_a_damaged_header_is_refused(tail, code):
    data = b"\0" * 128 + b"DICM" + tail
    assert looks_like_dicom(data)
    assert refused(data).code == code


def test_dicom_is_known_by_its_preamble(chest):
    assert looks_like_dicom(make_ct(chest))
    assert not looks_like_dicom(make_ct(chest)[132:])
    assert not looks_like_dicom(b"DICM")
    assert not looks_like_dicom(b"")


@pytest.mark.parametrize("uid", [MPEG2, "1.2.840.10008.1.2.4.94", "1.2.3.4", "1.2.840.113619.5.2"])
def test_a_compression_no_decoder_reads_is_named(chest, uid):
    error = refused(make_ct(chest, TransferSyntaxUID=uid))
    assert error.code == "missing_decoder"
    assert uid in error.message


def test_the_missing_decoder_is_named_in_words(chest):
    error = refused(make_ct(chest, TransferSyntaxUID=MPEG2))
    assert "MPEG2 Main Profile / Main Level" in error.message


@pytest.mark.parametrize(("max_pixels", "accepted"), [(2000, True), (1999, False)])
def test_the_bound_on_pixels_is_exact(max_pixels, accepted):
    data = make_ct(small())
    if accepted:
        assert read_dicom(data, max_pixels)[0].size == 2000
    else:
        assert refused(data, max_pixels).code == "too_large"


def test_a_header_that_claims_too_many_pixels_is_too_large_before_decoding():
    assert refused(make_ct(small(), Rows=60_000, Columns=60_000)).code == "too_large"


CODECS = ("rle", "jpeg2000_lossless", "jpeg_lossless", "jpeg_ls")


@pytest.mark.parametrize("codec", CODECS)
def test_a_real_slice_is_the_same_in_every_lossless_compression(shared, codec):
    folder = shared / "dicom" / "codecs"
    plain, spacing, _ = read_dicom((folder / "ct1_explicit_le.dcm").read_bytes(), ROOM)
    assert spacing == (0.661468, 0.661468)
    data = (folder / f"ct1_{codec}.dcm").read_bytes()
    if codec == "rle" or get_decoder(dcmread(io.BytesIO(data)).file_meta.TransferSyntaxUID).is_available:
        np.testing.assert_array_equal(read_dicom(data, ROOM)[0], plain)
    else:
        error = refused(data)
        assert error.code == "missing_decoder"
        assert "1.2.840.10008.1.2.4." in error.message


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ct_head", "not_chest"),
        ("mr", "not_ct"),
        ("mr_truncated", "not_ct"),
        ("rtstruct", "not_ct"),
        ("structured_report", "not_ct"),
    ],
)
def test_a_real_file_of_another_kind_is_refused(shared, name, code):
    data = (shared / "dicom" / "refuse" / f"{name}.dcm").read_bytes()
    assert refused(data).code == code


@pytest.mark.parametrize("number", [58, 63, 69])
def test_a_real_chest_slice_is_read_without_its_padding(shared, number):
    data = (shared / "dicom" / "lidc-0002" / f"{number:03}.dcm").read_bytes()
    pixels, spacing, notices = read_dicom(data, ROOM)
    assert pixels.shape == (512, 512)
    assert spacing == (0.681641, 0.681641)
    assert notices == []
    assert pixels.min() == -1024  # stored as -2000
    assert pixels[0, 0] == -1024
