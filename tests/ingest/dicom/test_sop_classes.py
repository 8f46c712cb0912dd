import io

import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    MRImageStorage,
    SecondaryCaptureImageStorage,
)

from models.errors import UserError
from models.ingest.dicom import read_header
from models.ingest.dicom.sop_classes import objection_to
from models.ingest.read import read_scan
from tests.ingest.dicom_files import head_slice, header_of, make_ct
from tests.ingest.series_files import SUPINE, make_enhanced, make_slice, marked, numbers

CORONAL, SAGITTAL, OBLIQUE = (1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1), (1, 0, 0, 0, 0.7071, -0.7071)
LABELS = "Such labels are often wrong: check that it is the chest."
PLANE = "coronal, sagittal or oblique plane"


def header(**tags):
    return read_header(io.BytesIO(make_ct(marked(0), **tags)))


def refusal(dataset):
    """The refusal of an object, whether it is another one or damaged."""
    try:
        return objection_to(dataset).refusal
    except UserError as error:
        return error


def noun_of(dataset):
    """What an object is called that is none of a CT; None for one of a CT."""
    objection = objection_to(dataset)
    return objection and str(objection.noun)


def listed(**tags):
    """A sequence of one item with these elements."""
    item = Dataset()
    for keyword, value in tags.items():
        setattr(item, keyword, value)
    return [item]


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")  # lower case, as some files have it
@pytest.mark.parametrize(
    ("tags", "code", "noun"),
    [
        ({"Modality": "MR"}, "not_ct", "magnetic resonance (MR) image"),
        ({"Modality": "PT"}, "not_ct", "positron emission (PET) image"),
        ({"Modality": "SEG"}, "not_ct", "segmentation"),
        ({"Modality": "SR"}, "not_ct", "structured report"),
        ({"Modality": "RTSTRUCT"}, "not_ct", "radiotherapy structure set"),
        ({"Modality": "PR"}, "not_ct", "presentation state"),
        ({"Modality": "OT"}, "not_ct", "converted picture"),
        ({"Modality": "XX"}, "not_ct", "object of another modality"),
        ({"SOPClassUID": MRImageStorage}, "not_ct", "MR Image"),
        ({"SOPClassUID": SecondaryCaptureImageStorage}, "not_ct", "Secondary Capture Image"),
        ({"SOPClassUID": "1.2.3"}, "not_ct", "object of an unknown class"),
        ({"SegmentSequence": listed(SegmentNumber=1)}, "not_ct", "segmentation"),
        ({"StructureSetROISequence": listed(ROINumber=1)}, "not_ct", "radiotherapy structure set"),
        ({"GraphicAnnotationSequence": listed(GraphicLayer="A")}, "not_ct", "presentation state"),
        ({"ContentSequence": listed(ValueType="TEXT"), "PixelData": None}, "not_ct", "structured report"),
        ({"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}, "not_ct", "segmentation"),
        ({"PixelData": None}, "no_pixels", "header without pixel data"),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "not_ct", "colour picture"),
        ({"PhotometricInterpretation": "RGB"}, "not_ct", "colour picture"),
        ({"PhotometricInterpretation": "YBR_FULL_422"}, "not_ct", "colour picture"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "not_ct", "colour picture"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "not_axial", "localizer"),
        ({"ImageType": ["DERIVED", "SECONDARY", "localizer", "X"]}, "not_axial", "localizer"),
        ({"ImageType": "LOCALIZER"}, "not_axial", "localizer"),
        ({"ImageOrientationPatient": CORONAL}, "not_axial", PLANE),
        ({"ImageOrientationPatient": SAGITTAL}, "not_axial", PLANE),
        ({"ImageOrientationPatient": OBLIQUE}, "not_axial", PLANE),
    ],
    ids=lambda value: str(value)[:50],
)
def test_another_object_than_an_axial_ct_is_refused_and_named(tags, code, noun):
    tags = {keyword: list(value) if isinstance(value, tuple) else value for keyword, value in tags.items()}
    dataset = header(**tags)
    error = refusal(dataset)
    assert error.code == code
    assert error.message.endswith(".")
    assert noun_of(dataset) == noun


@pytest.mark.parametrize(
    "words",
    [
        ["DERIVED", "SECONDARY", "SCREEN SAVE"],
        ["DERIVED", "SECONDARY", "SCREEN_SAVE"],
        ["ORIGINAL", "PRIMARY", "DOSE_INFO"],
        ["DERIVED", "SECONDARY", "DOSE INFO"],
        ["DERIVED", "SECONDARY", "OTHER", "CT_SOM5 PROT"],
        ["DERIVED", "SECONDARY", "REPORT"],
        ["DERIVED", "SECONDARY", "AXIAL", "VRT"],
    ],
    ids=str,
)
def test_pages_of_text_and_renderings_are_refused(words):
    error = refusal(header(ImageType=words))
    assert error.code == "not_ct"
    assert "dose report" in error.message


def test_a_secondary_image_with_nothing_of_a_slice_is_refused():
    bare = {"ImageOrientationPatient": None, "PixelSpacing": None, "RescaleSlope": None}
    assert refusal(header(ImageType=["DERIVED", "SECONDARY", "OTHER"], **bare)).code == "not_ct"
    assert objection_to(header(ImageType=["ORIGINAL", "PRIMARY", "AXIAL"], **bare)) is None


@pytest.mark.parametrize(
    "tags",
    [
        {"Modality": None},
        {"Modality": "ct"},
        {"ImageType": None},
        {"ImageType": ""},
        {"ImageType": ["DERIVED", "SECONDARY", "AXIAL"]},
        {"ImageType": ["DERIVED", "SECONDARY", "OTHER", "CSA MPR"]},
        {"ImageType": ["DERIVED", "SECONDARY", "MPR"]},
        {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "LOW DOSE"]},
        {"ImageOrientationPatient": None},
        {"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]},
        {"ImageOrientationPatient": [-1, 0, 0, 0, -1, 0]},  # prone
        {"ImageOrientationPatient": [1, 0, 0, 0, 0.9063, -0.4226]},  # gantry tilted by 25 degrees
        {"BodyPartExamined": "CHEST"},
        {"BodyPartExamined": "THORAX"},
        {"BodyPartExamined": "LUNG"},
        {"BodyPartExamined": "ABDOMEN"},
        {"BodyPartExamined": "CHESTABDPELVIS"},
        {"BodyPartExamined": "HEADNECKCHEST"},
        {"BodyPartExamined": "SHOULDER"},
        {"BodyPartExamined": ""},
        {"ImageType": ["DERIVED", "SECONDARY", "AXIAL", "MIP"]},
        {"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "AVERAGE"]},
        {"ImageType": ["DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"]},
        {"ImageType": ["ORIGINAL", "PRIMARY", "PERFUSION", "NONE"]},  # of which maps are made
        {"NumberOfFrames": 1},
        {"NumberOfFrames": ""},
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"SOPClassUID": EnhancedCTImageStorage},
        {"SOPClassUID": LegacyConvertedEnhancedCTImageStorage},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")
def test_what_an_anonymised_or_unusual_chest_ct_has_or_lacks_is_forgiven(tags):
    dataset = header(**tags)
    assert objection_to(dataset) is None


@pytest.mark.parametrize(
    "words",
    [
        "PERFUSION\\RCBF",
        "PERFUSION\\RCBV",
        "AXIAL\\MTT",
        "AXIAL\\TTP",
        "OTHER\\TMAX",
        "CBF",
        "CBV",
        "PERFUSION",
    ]
    + ["CT_PERFUSION\\BLOOD FLOW", "AXIAL\\MEAN TRANSIT TIME", "AXIAL\\IODINE MAP", "PERMEABILITY"],
)
def test_a_map_computed_from_ct_is_no_ct_image(words):
    dataset = header(ImageType=["DERIVED", "PRIMARY", *words.split("\\")])
    assert refusal(dataset).code == "not_ct"
    assert "a map computed from several images" in refusal(dataset).message
    assert noun_of(dataset) == "derived map"


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")
@pytest.mark.parametrize(
    ("label", "region"),
    [
        ("HEAD", "the head"),
        ("brain", "the head"),
        ("TEMPORAL BONE", "the head"),
        ("KNEE", "an arm or a leg"),
        ("LOWER_EXTREMITY", "an arm or a leg"),
        ("FACE", "the head"),
        ("PARANASAL SINUS", "the head"),
        ("NECK", "the neck"),
        ("LSPINE", "the spine"),
        ("L-SPINE", "the spine"),
        ("KIDNEY", "a part of the abdomen"),
        ("PELVIS", "the pelvis"),
        ("TSPINE", None),
        ("ABDOMEN", None),
        ("CHEST", None),
        (None, None),
    ],
)
def test_a_label_of_another_region_is_a_warning_and_what_is_seen_decides(chest_hu, label, region):
    label = {"BodyPartExamined": label} if label else {}
    scan = read_scan([("a.dcm", make_ct(chest_hu, **label))])
    said = {notice.code: notice.message for notice in scan.notices}
    assert said == ({"region_label": f"The file says that it shows {region}. {LABELS}"} if region else {})
    with pytest.raises(UserError) as caught:
        read_scan([("a.dcm", make_ct(head_slice(), **label))])
    assert caught.value.code == "not_chest"


def test_slices_of_a_series_that_are_labelled_otherwise_stay_in_it():
    files = [("", make_slice(i, BodyPartExamined="HEAD" if i in (3, 4, 7) else "CHEST")) for i in range(12)]
    scan = read_scan(files)
    assert numbers(scan) == list(range(12))
    assert [notice.message for notice in scan.notices] == [
        f"3 of 12 files say that they show the head. {LABELS}"
    ]


MEDIA, CLASS = "MediaStorageSOPClassUID", "SOPClassUID"


@pytest.mark.parametrize(
    ("classes", "is_read"),
    [
        ({MEDIA: CTImageStorage, CLASS: None}, True),
        ({MEDIA: CTImageStorage, CLASS: ""}, True),
        ({MEDIA: CTImageStorage, CLASS: "1.2.840.10008.5.1.4.1.1.999"}, True),
        ({MEDIA: CTImageStorage, CLASS: SecondaryCaptureImageStorage}, True),
        ({MEDIA: EnhancedCTImageStorage, CLASS: None}, True),
        ({MEDIA: SecondaryCaptureImageStorage, CLASS: CTImageStorage}, True),
        ({MEDIA: None, CLASS: None}, True),  # but for the modality
        ({MEDIA: None, CLASS: None, "Modality": None}, False),
        ({MEDIA: SecondaryCaptureImageStorage, CLASS: None}, False),
        ({MEDIA: SecondaryCaptureImageStorage, CLASS: SecondaryCaptureImageStorage}, False),
        ({MEDIA: CTImageStorage, CLASS: None, "Modality": "MR"}, False),
    ],
    ids=str,
)
def test_the_class_of_the_data_set_or_of_the_file_meta_information_is_enough(classes, is_read):
    dataset = header_of(make_ct(marked(0)))
    for keyword, value in classes.items():
        part = dataset.file_meta if keyword == MEDIA else dataset
        if value is None:
            del part[keyword]
        else:
            setattr(part, keyword, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=False)
    if is_read:
        assert numbers(read_scan([("a.dcm", buffer.getvalue())])) == [0]
        return
    with pytest.raises(UserError) as caught:
        read_scan([("a.dcm", buffer.getvalue())])
    assert caught.value.code == "not_ct"


@pytest.mark.parametrize(
    "tags",
    [
        {"Rows": None},
        {"Rows": 0},
        {"Columns": 0},
        {"BitsAllocated": 0},
        {"BitsAllocated": 12},
        {"NumberOfFrames": -3},
        {"Rows": None, "PixelData": None},
    ],
    ids=str,
)
def test_an_impossible_header_is_damaged(tags):
    dataset = header(**tags)
    assert refusal(dataset).code == "corrupt_file"
    with pytest.raises(UserError) as caught:
        objection_to(dataset)
    assert caught.value.code == "corrupt_file"


def test_a_number_of_frames_beyond_reason_is_refused_at_once():
    assert refusal(header(NumberOfFrames=2**31 - 1)).code == "too_large"


@pytest.mark.parametrize(("planes", "refused"), [((CORONAL, SUPINE), False), ((CORONAL, SAGITTAL), True)])
def test_an_enhanced_file_is_refused_where_no_frame_is_axial(planes, refused):
    dataset = read_header(io.BytesIO(make_enhanced([0, 2], orientations=planes)))
    assert (noun_of(dataset) == PLANE) is refused


@pytest.mark.parametrize(
    ("name", "noun"),
    [
        ("MR_small.dcm", "magnetic resonance (MR) image"),
        ("rtdose.dcm", "radiotherapy dose"),
        ("reportsi.dcm", "structured report"),
        ("liver_1frame.dcm", "segmentation"),
        ("SC_rgb_jpeg.dcm", "converted picture"),
        ("examples_palette.dcm", "ultrasound image"),
        ("dicomdirtests/DICOMDIR", "DICOMDIR"),
        ("CT_small.dcm", None),
        ("693_J2KI.dcm", None),
    ],
)
def test_shipped_files_are_told_apart(name, noun):
    with open(get_testdata_file(name, download=False), "rb") as file:
        assert noun_of(read_header(file)) == noun


def test_a_refusal_does_not_repeat_what_stands_in_the_header():
    dataset = header(PatientName="Doe^Jane", PatientID="4711", Modality="JANE DOE")
    assert "Doe" not in refusal(dataset).message
    assert "DOE" not in refusal(dataset).message
    assert "DOE" not in noun_of(dataset)
    dataset = header(SOPClassUID="1.2.4711")
    assert "4711" not in refusal(dataset).message + noun_of(dataset)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ct_head", None),  # whose header does not say head: what it shows decides
        ("mr", "not_ct"),
        ("mr_truncated", "not_ct"),
        ("rtstruct", "not_ct"),
        ("structured_report", "not_ct"),
    ],
)
def test_a_real_file_of_another_kind_is_refused(shared, name, code):
    with open(shared / "dicom" / "refuse" / f"{name}.dcm", "rb") as file:
        dataset = read_header(file)
    if code is None:
        assert objection_to(dataset) is None
    else:
        assert refusal(dataset).code == code


@pytest.mark.parametrize(
    ("tags", "is_likely"),
    [
        ({}, False),
        ({"BurnedInAnnotation": "YES"}, True),
        ({"BurnedInAnnotation": "NO"}, False),
        ({"BurnedInAnnotation": ""}, False),
        ({"ConversionType": "WSD"}, True),
        ({"ConversionType": "WSD", "BurnedInAnnotation": "NO"}, False),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN CAPTURE"]}, True),
        ({"ImageType": ["DERIVED", "SECONDARY", "AXIAL"]}, False),
    ],
    ids=str,
)
def test_whoever_sends_an_image_with_text_in_it_is_warned(chest_hu, tags, is_likely):
    scan = read_scan([("a.dcm", make_ct(chest_hu, **tags))])
    assert ("burned_in_text" in {notice.code for notice in scan.notices}) is is_likely
