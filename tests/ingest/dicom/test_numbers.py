"""Numbers that are not written as the standard has them: read or not, but never another value unsaid."""

import struct
from gettext import NullTranslations

import numpy as np
import pytest
from pydicom.uid import ImplicitVRLittleEndian

from models.errors import UserError
from models.ingest.dicom.numbers import numbers
from models.ingest.read import read_scan
from models.messages import Language
from tests.ingest.dicom_files import chest_slice, make_ct, rewritten, transcoded, with_text
from tests.ingest.series_files import group, make_enhanced, make_series, make_slice, marked
from tests.ingest.series_files import numbers as slices_of

CHEST = chest_slice()


def read(data):
    return read_scan([("a.dcm", data)])


def said(scan):
    return {notice.code: notice.message for notice in scan.notices}


@pytest.mark.parametrize(
    ("text", "length", "expected"),
    [
        ("0.7\\0.8", 2, (0.7, 0.8)),
        ("0.7", 2, (0.7, 0.7)),
        ("1,363282", 2, (1.363282, 1.363282)),
        ("1,363282\\1,5", 2, (1.363282, 1.5)),
        ("0.68,0.70", 2, (0.68, 0.70)),
        ("0.68;0.70", 2, (0.68, 0.70)),
        ("0.68 0.70", 2, (0.68, 0.70)),
        ("0,68 0,70", 2, (0.68, 0.70)),
        ("0.68 x 0.70 mm", 2, (0.68, 0.70)),
        ("[0.68, 0.70]", 2, (0.68, 0.70)),
        ("('0.68', '0.70')", 2, (0.68, 0.70)),
        ("0.68 mm\\0.70mm", 2, (0.68, 0.70)),
        ("6.8D-1\\7E-1", 2, (0.68, 0.70)),
        ("-1024,0", 1, (-1024.0,)),
        ("-1024\\-1024", 1, (-1024.0,)),
        ("-1024 HU", 1, (-1024.0,)),
        ("-10,-20,30", 3, (-10.0, -20.0, 30.0)),
        ("+.5", 1, (0.5,)),
        ("1,0,0,0,1,0", 6, (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)),
        ("0,68,0,70", 2, None),
        ("1.024,5", 1, None),
        ("1.024,5", 2, None),
        ("1_0", 1, None),
        ("-1024\\0", 1, None),
        ("nan", 1, None),
        ("inf", 1, None),
        ("1e400", 1, None),
        ("", 1, None),
        ("\\", 2, None),
        (None, 1, None),
        ("0.7\\0.7\\0.7", 2, None),
        ("seven", 1, None),
    ],
)
def test_what_can_mean_one_thing_only_is_read(text, length, expected):
    assert numbers(text, length) == expected


@pytest.mark.parametrize("vr", ["DS", "UT", "UN", "LO", "SH", "ST"])
@pytest.mark.parametrize(
    ("text", "expected", "sentence"),
    [
        ("0.61\\0.62", (0.61, 0.62), None),
        ("0,61\\0,62", (0.61, 0.62), 'Pixel Spacing is written as "0,61\\0,62"; it was read as 0.61, 0.62.'),
        (
            "1,363282",
            (1.363282,) * 2,
            'Pixel Spacing is written as "1,363282"; it was read as 1.363282, 1.363282.',
        ),
    ],
)
def test_a_pixel_s_size_is_read_whatever_its_type_and_quoted_where_it_is_odd(vr, text, expected, sentence):
    for data in (make_ct(CHEST), transcoded(make_ct(CHEST), ImplicitVRLittleEndian)):
        scan = read(with_text(data, vr, PixelSpacing=text))
        assert (scan.spacing_mm, scan.spacing_assumed) == (expected, False)
        assert said(scan).get("odd_numbers") == sentence


class WithCommas(NullTranslations):
    def gettext(self, message):
        return {", ": "; "}.get(message, message)


def test_numbers_that_were_read_are_told_apart_where_decimals_have_commas():
    (notice,) = read(with_text(make_ct(CHEST), PixelSpacing="0,61\\0,62")).notices
    said_so = Language("de", WithCommas(), has_comma=True).say(notice.text)
    assert said_so == 'Pixel Spacing is written as "0,61\\0,62"; it was read as 0,61; 0,62.'


def test_a_pixel_s_size_in_binary_numbers_is_read():
    scan = read(with_text(make_ct(CHEST), "FD", PixelSpacing=struct.pack("<2d", 0.625, 0.75)))
    assert scan.spacing_mm == (0.625, 0.75)
    scan = read(with_text(make_ct(CHEST), "FL", PixelSpacing=struct.pack("<2f", 0.625, 0.75)))
    assert (scan.spacing_mm, said(scan)) == ((0.625, 0.75), {})


@pytest.mark.parametrize("given", [None, 0.6])
@pytest.mark.parametrize("text", ["0,68,0,70", "0\\0", "-0.7\\0.7", "70\\70", "0.7\\1.024,5"])
def test_a_pixel_s_size_that_cannot_be_is_quoted_and_not_used(text, given):
    scan = read_scan([("a.dcm", with_text(make_ct(CHEST), PixelSpacing=text))], spacing_mm=given)
    assert scan.spacing_mm == (given or 0.623,) * 2  # as estimated from the drawn lungs
    assert said(scan)["odd_numbers"] == f'Pixel Spacing is written as "{text}"; it was not used.'
    assumed = "The file does not give the pixel size in a form that can be read; 0.62 mm was estimated "
    assert given or said(scan)["spacing_assumed"].startswith(assumed)
    assert not given or "spacing_assumed" not in said(scan)


def test_what_may_be_a_name_is_not_quoted():
    scan = read(with_text(make_ct(CHEST), PixelSpacing="Doe^Jane", SliceThickness="x" * 100))
    assert said(scan)["odd_numbers"] == (
        "Slice Thickness is not a number; it was not used. Pixel Spacing is not a number; it was not used."
    )


@pytest.mark.parametrize("vr", ["DS", "UT", "UN"])
@pytest.mark.parametrize("text", ["-1024,0", "-1024,000000", "-1024 HU", "-1024\\-1024", "-1.024E3", "-1024"])
def test_rescale_values_that_are_odd_give_the_right_hu(vr, text):
    scan = read(with_text(make_ct(CHEST), vr, RescaleIntercept=text, RescaleSlope="1,0"))
    np.testing.assert_array_equal(scan.slices[0], CHEST)
    assert scan.is_hu
    odd = 'Rescale Slope is written as "1,0"; it was read as 1.'
    if text not in ("-1.024E3", "-1024"):
        odd += f' Rescale Intercept is written as "{text}"; it was read as -1024.'
    assert said(scan) == {"odd_numbers": odd}


@pytest.mark.parametrize(
    ("tags", "quoted"),
    [
        ({"RescaleIntercept": "-1.024,0"}, 'Rescale Intercept is written as "-1.024,0"'),
        ({"RescaleIntercept": "-1024\\0"}, 'Rescale Intercept is written as "-1024\\0"'),
        ({"RescaleSlope": "0"}, 'Rescale Slope is written as "0"'),
        ({"RescaleSlope": "Doe"}, "Rescale Slope is not a number"),
    ],
    ids=str,
)
def test_rescale_values_that_cannot_be_are_the_reason_of_a_refusal(tags, quoted):
    with pytest.raises(UserError) as caught:
        read(with_text(make_ct(CHEST), **tags))
    assert caught.value.code == "corrupt_file"
    assert caught.value.message == (
        f"The DICOM file's {quoted}, which makes no sense; there are no Hounsfield units without it."
    )


def test_odd_positions_and_numbers_of_a_series_are_read():
    files = [
        (
            name,
            with_text(data, ImagePositionPatient=f"-180,0\\-180,0\\{-90 + 2 * i},5", SliceThickness="1,25"),
        )
        for i, (name, data) in enumerate(make_series(7))
    ]
    scan = read_scan(files)
    assert scan.positions_mm == tuple(-90.5 + 2 * i if i < 45 else 0 for i in range(7))
    assert scan.thickness_mm == 1.25
    assert said(scan)["odd_numbers"].count("is written as") == 5
    assert said(scan)["odd_numbers"].endswith("The same holds for 3 more numbers.")


def test_instance_numbers_of_another_type_order_a_series():
    files = make_series(5, ImagePositionPatient=None)
    files = [
        (name, with_text(data, "LO", InstanceNumber=f"{5 - i},0")) for i, (name, data) in enumerate(files)
    ]
    assert slices_of(read_scan(files)) == [4, 3, 2, 1, 0]


def test_numbers_in_functional_groups_are_read():
    dataset_tags = {"PixelSpacing": "0,61\\0,62", "SliceThickness": "2,5"}
    measures = group()
    for keyword, text in dataset_tags.items():
        measures.add_new(keyword, "UT", text)
    shared = [group(PixelMeasuresSequence=[measures])]
    scan = read(rewritten(make_enhanced([0, 2]), SharedFunctionalGroupsSequence=shared))
    assert (scan.spacing_mm, scan.thickness_mm) == ((0.61, 0.62), 2.5)


@pytest.mark.parametrize("vr", ["IS", "UT", "UN", "SS"])
def test_counts_of_another_type_are_read(vr):
    binary = vr in ("UN", "SS")
    counts = {"Rows": 24, "Columns": 32, "BitsStored": 16, "PixelRepresentation": 0}
    texts = {name: struct.pack("<h", value) if binary else str(value) for name, value in counts.items()}
    scan = read(with_text(make_slice(3), vr, **texts))
    np.testing.assert_array_equal(scan.slices[0], marked(3))


def test_a_padding_value_that_is_no_number_is_passed_over():
    scan = read(with_text(make_ct(CHEST), "UT", PixelPaddingValue="none"))
    np.testing.assert_array_equal(scan.slices[0], CHEST)
