"""Frames compressed with all bits of their cells: HU are those of the same file uncompressed."""

import numpy as np
import pytest
from pydicom.uid import (
    JPEG2000,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from models.ingest.dicom.code_stream import CodeStream, code_stream_of, stored_values
from tests.ingest.dicom.test_syntaxes import read, textured
from tests.ingest.dicom_files import header_of, make_ct, rewritten, transcoded

SYNTAXES = (
    ExplicitVRLittleEndian,
    RLELossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEG2000Lossless,
    JPEG2000,
)
ABOVE = {  # what may lie above 12 bits of a value
    "nothing": lambda cells: cells & 0x0FFF,
    "overlay": lambda cells: (cells & 0x0FFF) | np.where(np.indices(cells.shape)[1] > 30, 0x1000, 0),
    "rubbish": lambda cells: (cells & 0x0FFF) | (np.indices(cells.shape)[0] % 16 << 12),
    "sign": lambda cells: cells,
}


def whole_cells(hu, syntax, above, signed, coded_signed, shift=0):
    """A file of 12 bits a pixel whose code stream holds all 16 bits of the cells, as DCMTK writes it."""
    cells = ABOVE[above](hu - (0 if signed else -1024)) << shift
    data = make_ct(np.zeros(hu.shape), PixelData=cells.astype(np.uint16).tobytes(), signed=coded_signed)
    tags = {"BitsStored": 12, "HighBit": 11 + shift, "PixelRepresentation": int(signed)}
    return rewritten(transcoded(data, syntax), **tags, RescaleIntercept=0 if signed else -1024)


@pytest.mark.parametrize("above", ABOVE)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("coded_signed", [False, True])
@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.keyword)
def test_what_lies_above_bits_stored_is_dropped_and_signs_are_kept(syntax, coded_signed, signed, above):
    hu = textured()
    np.testing.assert_array_equal(read(whole_cells(hu, syntax, above, signed, coded_signed)), hu)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.keyword)
def test_values_in_the_upper_bits_of_whole_cells_are_found_by_high_bit(syntax, signed):
    hu = textured()
    np.testing.assert_array_equal(read(whole_cells(hu, syntax, "nothing", signed, False, shift=4)), hu)


def test_lossy_coding_that_leaves_the_range_stays_at_its_end():
    cells = np.array([[-3, 0, 4095, 4101]], np.int16).view(np.uint16)
    dataset = header_of(make_ct(np.zeros((1, 4)), bits=12))
    lossy, exact = CodeStream(16, False, True), CodeStream(16, False, False)
    over = np.array([[0, 7, 4095, 4101]], np.uint16)
    assert stored_values(over, lossy, dataset, JPEG2000).tolist() == [[0, 7, 4095, 4095]]
    assert stored_values(over, exact, dataset, JPEG2000).tolist() == [[0, 7, 4095, 5]]
    assert stored_values(cells, lossy, dataset, JPEG2000).tolist() == [[4093, 0, 4095, 5]]  # far off: bits


def test_a_code_stream_tells_its_precision_sign_and_loss():
    def stream(syntax, signed=False):
        data = transcoded(make_ct(textured(), signed=signed, intercept=0 if signed else -1024), syntax)
        pixels = header_of(data).PixelData
        start = 16 if pixels[8:10] in (b"\xff\xd8", b"\xff\x4f") else 8 + pixels[4] + 8
        return code_stream_of(pixels[start:], syntax)

    assert stream(JPEGLSLossless) == CodeStream(16, None, False)
    assert stream(JPEGLosslessSV1) == CodeStream(16, None, False)
    assert stream(JPEG2000Lossless, signed=True) == CodeStream(16, True, False)
    assert code_stream_of(b"", JPEG2000Lossless) == CodeStream(None, None, False)
