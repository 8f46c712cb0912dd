import base64
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from models.errors import UserError
from models.ingest.dicom import decode
from tests.ingest.dicom_files import make_ct, rewritten, transcoded
from tests.ingest.series_files import make_enhanced, marked

LOSSLESS = (
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,  # whose near-lossless parameter may be 0, as GDCM's is
    JPEG2000Lossless,
    JPEG2000,
)
MPEG2 = "1.2.840.10008.1.2.4.100"
# 130 * row + 77 * col - 1000 in 8 rows and 12 columns, coded by OpenJPH (unsigned: plus 1024)
HIGH_THROUGHPUT = {
    (False, "reversible"): (
        "|4;u>04YEK0000C00008000000000000062000620000000000009pH0sl|{2mk^A000aBQUDA90ssL30t5s=0smY83Lub}n3#}|nEz"
        "w|7XSfIaAj^vP)HzFWpW@eE-^GNFfRX)015yA0001600IA#zyKDI&;J(tXZ^+aRQ-Yd0SEy3wgA8Y3E%()P*}14fs1qiNFqV<01$w8"
        "Rsg^N6)*q=co+-@^V)F&bpQed1Ox;G{@@t)F@fy30RPz"
    ),
    (True, "reversible"): (
        "|4;u>04YEK0000C0000800000000000006200062000000000000EBy0sl|{2mk^A000aBQUDA90ssL30t5s=0smY83Lub}n3#}|nEz"
        "w|7XSfIaAj^vP)HzFWpW@eE-^GNFfRX)015yA0001100IA#zyKAX&$oP5F{$hTLjicU0KfnV-~a_sSh4<ri*x`;B0=&15P)}90Kfnh"
        "FaQO37z_sU+HnGP00IRB1Ox>B;28EXf$X>d|Je"
    ),
    (False, "irreversible"): (
        "|4;u>04YEK0000C00008000000000000062000620000000000009pH0sl|{2mk^A001ceQUDA90ssL30t5s=0RLP75h9GZjUkO8jg5"
        "r%g!Y7)|6~9c00B>MWo}APNFY{aav(4+F*GhPF8`1K3IG5A0040S0soW004*>%K&?Bsdp_k1>(to%0Vx3awgA8YDxd%rpdi?r#rgmU"
        "eU$(LECN^rSpEPZ1AevuzyMdk09ycvbBqC=W6S|2egLftcmPsFL>gg3*a(fV5gOqD2&NE$P2AOLI{^RL"
    ),
    (True, "irreversible"): (
        "|4;u>04YEK0000C0000800000000000006200062000000000000EBy0sl|{2mk^A001ceQUDA90ssL30t5s=0RLP75h9GZjUkO8jg5"
        "r%g!Y7)|6~9c00B>MWo}APNFY{aav(4+F*GhPF8`1K3IG5A003+N0soW004sn$h+TN6k_`9&L;-s?0Kfn$pa2!1AlRG5`Tz)hl>h=P"
        "0$2oC{s18ZezpL>09U{OTL6f2i~*iw%mF5T0Idsn08&Im8ev1&2#v528sPv4rVxQm+|_D30RPz"
    ),
}


def read(data):
    (pixels,) = decode(io.BytesIO(data))
    return pixels


def shipped(name):
    """A sample that is part of pydicom's package, as a stream."""
    return io.BytesIO(Path(get_testdata_file(name, download=False)).read_bytes())


def textured(shape=(48, 70)):
    """HU from -1024 to 1023 with slopes, edges and noise."""
    rows, cols = np.indices(shape)
    noise = np.random.default_rng(2).integers(-40, 41, shape)
    return np.clip(25 * rows + 12 * cols - 1000 + noise - 900 * (rows > cols), -1024, 1023)


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda uid: uid.keyword)
def test_lossless_syntaxes_keep_every_hu(syntax, signed, bits):
    hu = textured()
    data = transcoded(make_ct(hu, signed=signed, intercept=0 if signed else -1024, bits=bits), syntax)
    assert dcmread(io.BytesIO(data)).file_meta.TransferSyntaxUID == syntax
    np.testing.assert_array_equal(read(data), hu)


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda uid: uid.keyword)
def test_lossless_syntaxes_keep_8_bits(syntax):
    stored = textured() // 8 + 128
    tags = {"BitsAllocated": 8, "PixelData": stored.astype(np.uint8).tobytes()}
    data = make_ct(stored * 4 - 500, slope=4, intercept=-500, bits=8, **tags)
    np.testing.assert_array_equal(read(transcoded(data, syntax)), stored * 4 - 500)


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda uid: uid.keyword)
def test_monochrome1_is_not_turned_round(syntax):
    data = transcoded(make_ct(textured(), PhotometricInterpretation="MONOCHROME1"), syntax)
    np.testing.assert_array_equal(read(data), textured())


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless])
def test_compressed_frames_are_decoded_in_any_order(syntax):
    data = transcoded(make_enhanced([0, 2, 4, 6]), syntax)
    for numbers in (None, [0, 1, 2, 3], [2], [3, 0, 2]):
        frames = list(decode(io.BytesIO(data), numbers))
        assert len(frames) == len(range(4) if numbers is None else numbers)
        for number, pixels in zip(numbers or range(4), frames, strict=True):
            np.testing.assert_array_equal(pixels, marked(number))


def test_lossy_jpeg_of_12_bits_is_close():
    rows, cols = np.indices((64, 64))
    hu = 20 * rows + 9 * cols - 1000
    data = transcoded(make_ct(hu, bits=12), JPEGExtended12Bit)
    assert np.abs(read(data).astype(int) - hu).max() <= 2


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGExtended12Bit], ids=lambda uid: uid.keyword)
def test_lossy_jpeg_of_8_bits_is_close(syntax):
    rows, cols = np.indices((64, 64))
    stored = 2 * rows + cols
    tags = {"BitsAllocated": 8, "PixelData": stored.astype(np.uint8).tobytes()}
    data = make_ct(stored * 8 - 1000, slope=8, intercept=-1000, bits=8, **tags)
    assert np.abs(read(transcoded(data, syntax)).astype(int) - (stored * 8 - 1000)).max() <= 16


@pytest.mark.parametrize("name", ["JPGExtended.dcm", "JPEG-lossy.dcm"])
def test_shipped_jpeg_of_12_bits_is_decoded(name):
    (pixels,) = decode(shipped(name))
    assert pixels.shape == (1024, 256)
    assert pixels.max() == 264
    assert pixels.mean(dtype=float) == pytest.approx(14.369991302490234)  # as libjpeg-turbo 3 decodes it


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    ("syntax", "kind", "error"),
    [(HTJ2KLossless, "reversible", 0), (HTJ2KLosslessRPCL, "reversible", 0), (HTJ2K, "irreversible", 2)],
)
def test_high_throughput_jpeg_2000_is_decoded(syntax, kind, error, signed):
    rows, cols = np.indices((8, 12))
    hu = 130 * rows + 77 * cols - 1000
    dataset = dcmread(io.BytesIO(make_ct(hu, signed=signed, intercept=0 if signed else -1024)))
    dataset.PixelData = encapsulate([base64.b85decode(HIGH_THROUGHPUT[signed, kind])])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = syntax
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    assert np.abs(read(buffer.getvalue()).astype(int) - hu).max() <= error


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("MR_small_RLE.dcm", "MR_small.dcm"),
        ("MR_small_jp2klossless.dcm", "MR_small.dcm"),
        ("MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm"),
        ("MR_small_implicit.dcm", "MR_small.dcm"),
        ("MR_small_bigendian.dcm", "MR_small.dcm"),
        ("MR_small_expb.dcm", "MR_small.dcm"),
        ("MR_small_padded.dcm", "MR_small.dcm"),
    ],
)
def test_shipped_compressed_files_have_the_pixels_of_the_plain_one(name, plain):
    (pixels,), (expected,) = decode(shipped(name)), decode(shipped(plain))
    np.testing.assert_array_equal(pixels, expected)
    assert expected.max() == 2145


def test_a_sign_that_code_stream_and_header_tell_differently_is_mended():
    """pydicom's sample: JPEG 2000, 13 bits, unsigned in the code stream and signed in the header."""
    (pixels,) = decode(shipped("J2K_pixelrep_mismatch.dcm"))
    assert pixels[0, 0] == -1024  # padding, stored as -2000
    assert pixels.min() == -1047
    assert pixels.max() == 1896


@pytest.mark.parametrize("codec", ["rle", "jpeg2000_lossless", "jpeg_lossless", "jpeg_ls"])
def test_a_real_slice_is_the_same_in_every_lossless_compression(shared, codec):
    folder = shared / "dicom" / "codecs"
    plain = read((folder / "ct1_explicit_le.dcm").read_bytes())
    assert plain.shape == (512, 512)
    np.testing.assert_array_equal(read((folder / f"ct1_{codec}.dcm").read_bytes()), plain)


@pytest.mark.parametrize("uid", [MPEG2, "1.2.840.10008.1.2.4.94", "1.2.3.4", "1.2.840.113619.5.2"])
def test_a_compression_no_decoder_reads_is_named(uid):
    with pytest.raises(UserError) as caught:
        read(make_ct(textured(), TransferSyntaxUID=uid))
    assert caught.value.code == "missing_decoder"
    assert uid in caught.value.message
    assert "Explicit VR Little Endian" in caught.value.message


def test_the_missing_decoder_is_named_in_words():
    with pytest.raises(UserError, match="MPEG2 Main Profile / Main Level"):
        read(make_ct(textured(), TransferSyntaxUID=MPEG2))


@pytest.mark.parametrize(
    ("syntax", "package"),
    [(JPEGLosslessSV1, "python-gdcm"), (JPEGExtended12Bit, "python-gdcm"), (HTJ2K, "pylibjpeg-openjpeg")],
)
def test_a_package_that_is_not_installed_is_named(syntax, package):
    code = "import sys; sys.modules.update(gdcm=None, pylibjpeg=None, PIL=None)\n"
    code += "from pydicom.uid import UID\nfrom models.ingest.dicom.syntaxes import decoder_for\n"
    code += "try: decoder_for(UID(sys.argv[1]))\nexcept Exception as error: print(error.code, error)"
    result = subprocess.run(
        [sys.executable, "-c", code, str(syntax)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.startswith("missing_decoder The pixels are compressed as ")
    assert f"({str.__str__(syntax)}), which needs the package {package}, not installed here" in result.stdout


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEG2000Lossless, RLELossless])
def test_pixels_that_are_not_compressed_as_the_file_says_are_refused(syntax):
    with pytest.raises(UserError) as caught:
        read(make_ct(textured(), TransferSyntaxUID=syntax))
    assert caught.value.code == "corrupt_file"


@pytest.mark.parametrize("size", [{"Rows": 47}, {"Rows": 49}, {"Columns": 69}], ids=str)
@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless])
def test_a_code_stream_of_another_size_than_the_header_says_is_refused(syntax, size):
    data = rewritten(transcoded(make_ct(textured()), syntax), **size)
    with pytest.raises(UserError) as caught:
        read(data)
    assert caught.value.code == "corrupt_file"
