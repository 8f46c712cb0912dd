"""Whole uploads in every accepted flavour, made by the program and the same bytes in every run."""

import base64
import functools
import gzip
import io
import struct
import zipfile
import zlib

import imagecodecs
import nibabel
import numpy as np
import tifffile
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSLossless,
    RLELossless,
)

from models.imaging.phantom import draw_phantom
from tests.ingest.dicom.test_syntaxes import HIGH_THROUGHPUT, LOSSLESS
from tests.ingest.dicom_files import chest_slice, make_ct, transcoded, with_text, without_meta
from tests.ingest.series_files import make_enhanced, make_slice, marked
from tests.ingest.volumes.test_volumes import meta, nrrd_file

EDGE = 64  # of the pictures, in pixels: a crop, quick to decode
SEVERAL = "zip-several-series"  # whose answer is the list of them
LONG_AGO = (2020, 1, 1, 0, 0, 0)
ADAM7 = ((0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1))


@functools.cache
def seeds():
    """Uploads that are read without a fault, and one of several series.

    Returns
    -------
    dict of str to tuple of (str, bytes)
        By what is particular about them, the files of one request: name and contents.
    """
    found = {name: ((name, data),) for name, data in [*_pictures(), *_slices(), *_volumes()]}
    series = tuple((f"IM{7 * i % 5}.dcm", _fixed(make_slice(i), i)) for i in range(5))
    stack = tuple((f"slice-{i}.png", encode(draw_phantom("smooth", EDGE, seed=i))) for i in range(3))
    found |= {"parts-dicom": series, "parts-png": stack}
    for method, kind in ((zipfile.ZIP_STORED, "stored"), (zipfile.ZIP_DEFLATED, "deflated")):
        found[f"zip-pictures-{kind}"] = (("stack.zip", packed(stack, method)),)
        found[f"zip-series-{kind}"] = (("series.zip", packed(series, method)),)
    found[SEVERAL] = (("cd.zip", packed(_several(series), zipfile.ZIP_DEFLATED)),)
    return found


def _several(series):
    """Two series, a localizer and the list of a CD."""
    tags = {"SeriesInstanceUID": "1.2.3.5", "SeriesNumber": 4, "SeriesDescription": "Lung"}
    other = [(f"B/IM{i}", _fixed(make_slice(i, **tags), 10 + i)) for i in range(3)]
    scout = make_slice(0, SeriesInstanceUID="1.2.3.6", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    return [
        ("DICOMDIR", b""),
        *((f"A/{name}", data) for name, data in series),
        *other,
        ("C/1", _fixed(scout, 20)),
    ]


def packed(files, method):
    """A ZIP of (name, bytes), the same bytes whenever it is made."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files:
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.compress_type = method
            archive.writestr(entry, data)
    return buffer.getvalue()


def _pictures():
    grey = draw_phantom("spiculated", EDGE)
    deep = grey.astype(np.uint16) * 257
    image = Image.fromarray(grey)
    alpha = np.dstack([grey, grey, grey, np.full_like(grey, 200)])
    return [
        ("grey.png", encode(grey)),
        ("deep.png", encode(deep)),
        ("palette.png", encode(image.convert("P"), "PNG")),
        ("alpha.png", encode(alpha)),
        ("interlaced.png", interlaced(grey)),
        ("whole.png", encode(draw_phantom("spiculated", 200))),
        ("baseline.jpg", encode(grey, "JPEG")),
        ("progressive.jpg", encode(grey, "JPEG", progressive=True)),
        ("colour.jpg", encode(image.convert("RGB"), "JPEG", subsampling=2)),
        ("plain.tif", encode(grey, "TIFF")),
        ("lzw.tif", encode(grey, "TIFF", compression="tiff_lzw")),
        ("deflate.tif", encode(grey, "TIFF", compression="tiff_adobe_deflate")),
        ("packbits.tif", encode(grey, "TIFF", compression="packbits")),
        ("jpeg.tif", encode(grey, "TIFF", compression="jpeg")),
        ("pages.tif", encode(grey, "TIFF", save_all=True, append_images=[image, image])),
        ("deep.tif", encode(deep, "TIFF")),
        ("float.tif", encode(grey.astype(np.float32), "TIFF")),
        ("big-endian.tif", tiff(deep, byteorder=">")),
        ("big.tif", tiff(deep, bigtiff=True)),
        ("double.tif", tiff(deep.astype(np.float64), compression="zlib", predictor=True)),
        ("white.tif", tiff(65535 - deep, photometric="miniswhite", compression="lzw")),
        ("deep-rgb.tif", tiff(np.dstack([deep] * 3), photometric="rgb", tile=(16, 16))),
        ("deep-rgb.png", imagecodecs.png_encode(np.dstack([deep] * 3))),
        ("marked.png", encode(marked_in_colour(grey))),
        ("grey.bmp", encode(grey, "BMP")),
        ("colour.bmp", encode(image.convert("RGB"), "BMP")),
        ("lossy.webp", encode(alpha[..., :3], "WEBP", quality=90)),
        ("lossless.webp", encode(alpha, "WEBP", lossless=True)),
    ]


def tiff(pixels, **options):
    """A TIFF file as tifffile writes it."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, metadata=None, **options)
    return buffer.getvalue()


def marked_in_colour(grey):
    """A picture with a box drawn in red."""
    pixels = np.dstack([grey] * 3)
    pixels[8:40, [8, 39]] = pixels[[8, 39], 8:40] = (255, 0, 0)
    return pixels


def _volumes():
    values = np.stack([marked(i) for i in range(3)]).T
    affine = np.diag([-0.7, -0.7, 2.0, 1.0])
    image = nibabel.Nifti1Image(values, affine)
    lps = np.diag([0.7, 0.7, 2.0, 1.0])
    return [
        ("volume.nii", image.to_bytes()),
        ("volume.nii.gz", gzip.compress(image.to_bytes(), mtime=0)),
        ("volume.nrrd", nrrd_file(values, lps, encoding="raw")),
        ("volume.mha", meta(values, lps)),
        ("packed.mha", meta(values, lps, packed=True)),
    ]


def _slices():
    plain = _fixed(make_ct(marked(0)))
    chest = _fixed(make_ct(chest_slice((72, 72)), PixelSpacing=[4.8, 4.8]))
    found = [("explicit.dcm", plain), ("chest.dcm", chest)]
    found += [(f"{syntax.keyword}.dcm", transcoded(plain, syntax)) for syntax in LOSSLESS]
    grey = draw_phantom("spiculated", EDGE).astype(int)
    tags = {"BitsAllocated": 8, "PixelData": grey.astype(np.uint8).tobytes()}
    flat = _fixed(make_ct(grey * 6 - 1350, slope=6, intercept=-1350, bits=8, **tags))
    twelve = _fixed(make_ct((grey * 6 - 1350).clip(-1000), bits=12))
    many = _fixed(make_enhanced([0, 2, 4, 6]))
    return [
        *found,
        ("JPEGBaseline8Bit.dcm", transcoded(flat, JPEGBaseline8Bit)),
        ("JPEGExtended12Bit.dcm", transcoded(twelve, JPEGExtended12Bit)),
        ("HTJ2K.dcm", _high_throughput()),
        ("enhanced.dcm", many),
        ("enhanced-rle.dcm", transcoded(many, RLELossless)),
        ("enhanced-j2k.dcm", transcoded(many, JPEG2000Lossless)),
        ("bare", without_meta(plain)),
        ("endless.dcm", transcoded(plain, JPEGLSLossless)[:-8]),
        ("odd-numbers.dcm", with_text(plain, "UT", PixelSpacing="0,7\\0,7", RescaleIntercept="-1024,0")),
    ]


def _fixed(data, number=0):
    """The same file with a UID that is not drawn anew in each run."""
    dataset = dcmread(io.BytesIO(data))
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.4.{number + 5}"
    return _saved(dataset)


def _high_throughput():
    rows, cols = np.indices((8, 12))
    dataset = dcmread(io.BytesIO(_fixed(make_ct(130 * rows + 77 * cols - 1000))))
    dataset.PixelData = encapsulate([base64.b85decode(HIGH_THROUGHPUT[False, "reversible"])])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = HTJ2KLossless
    return _saved(dataset)


def _saved(dataset):
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def encode(pixels, kind="PNG", **options):
    """A picture, an array or Pillow's, as the bytes of a file."""
    buffer = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def interlaced(grey):
    """A grey picture as a PNG file in the seven passes of Adam7, which Pillow reads but does not write."""
    lines = b"".join(
        b"\0" + row.tobytes() for top, down, left, right in ADAM7 for row in grey[top::down, left::right]
    )
    header = struct.pack(">IIBBBBB", grey.shape[1], grey.shape[0], 8, 0, 0, 0, 1)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
