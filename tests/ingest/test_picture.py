import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageDraw, ImageOps

from models.errors import UserError
from models.imaging.phantom import draw_phantom
from models.ingest.limits import Limits
from models.ingest.picture import read_picture
from models.ingest.read import read_scan
from tests.ingest.series_files import make_zip

ROOM = Limits()


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def in_mode(pixels, mode):
    """The same grey picture in another Pillow mode; where there is alpha, it is opaque."""
    image = Image.fromarray(np.asarray(pixels))
    if mode == "F":
        return Image.fromarray(np.asarray(pixels, np.float32))
    if mode == "I;16":
        return Image.fromarray(np.asarray(pixels, np.uint16))
    if mode == "P":
        image = image.copy()
        image.putpalette([level for level in range(256) for _ in range(3)])
        return image
    return image.convert(mode)


def at_most(pixels):
    return Limits(picture_pixels=pixels)


def refused(data, limits=ROOM):
    with pytest.raises(UserError) as caught:
        read_picture(data, limits)
    return caught.value


LOSSLESS = [
    ("png", "L", {}),
    ("png", "P", {}),
    ("png", "RGB", {}),
    ("png", "RGBA", {}),
    ("png", "LA", {}),
    ("png", "I;16", {}),
    ("bmp", "L", {}),
    ("bmp", "RGB", {}),
    ("webp", "RGB", {"lossless": True}),
    ("webp", "RGBA", {"lossless": True}),
    ("tiff", "L", {}),
    ("tiff", "L", {"compression": "tiff_lzw"}),
    ("tiff", "L", {"compression": "tiff_adobe_deflate"}),
    ("tiff", "RGB", {}),
    ("tiff", "I;16", {}),
    ("tiff", "F", {}),
]


@pytest.mark.parametrize(("kind", "mode", "options"), LOSSLESS)
def test_every_lossless_format_and_mode_gives_the_same_pixels(grey, kind, mode, options):
    (pixels,) = read_picture(saved(in_mode(grey, mode), kind, **options), ROOM)
    assert pixels.dtype == np.float32
    assert pixels.shape == (48, 64)
    np.testing.assert_array_equal(pixels, grey)


def test_16_bits_are_kept():
    deep = (np.arange(48 * 64, dtype=np.uint16) * 21).reshape(48, 64)
    for kind in ("png", "tiff"):
        (pixels,) = read_picture(saved(Image.fromarray(deep), kind), ROOM)
        np.testing.assert_array_equal(pixels, deep)


def test_a_float_tiff_keeps_hu():
    hu = np.linspace(-1024, 500, 48 * 64).reshape(48, 64).astype(np.float32)
    (pixels,) = read_picture(saved(Image.fromarray(hu), "tiff"), ROOM)
    np.testing.assert_array_equal(pixels, hu)


def test_a_32_bit_integer_tiff_is_read():
    values = np.arange(48 * 64, dtype=np.int32).reshape(48, 64) - 1024
    (pixels,) = read_picture(saved(Image.fromarray(values), "tiff"), ROOM)
    np.testing.assert_array_equal(pixels, values)


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [("jpeg", "L", {}), ("jpeg", "RGB", {}), ("jpeg", "CMYK", {}), ("webp", "RGB", {})],
)
def test_lossy_formats_are_nearly_the_same(grey, kind, mode, options):
    (pixels,) = read_picture(saved(in_mode(grey, mode), kind, quality=95, **options), ROOM)
    assert pixels.shape == (48, 64)
    assert np.abs(pixels - grey).mean() < 3


def test_the_pages_of_a_tiff_are_a_stack_in_their_order(grey):
    pages = [Image.fromarray(np.asarray(grey) // divisor) for divisor in (1, 2, 3)]
    slices = read_picture(saved(pages[0], "tiff", save_all=True, append_images=pages[1:]), ROOM)
    assert len(slices) == 3
    for pixels, divisor in zip(slices, (1, 2, 3), strict=True):
        np.testing.assert_array_equal(pixels, grey // divisor)


def test_what_is_transparent_is_black(grey):
    rgba = np.dstack([grey, grey, grey, np.where(grey == 250, 255, 0)]).astype(np.uint8)
    rgba[:10, :10, 3] = 51  # a fifth opaque: a fifth as bright
    (pixels,) = read_picture(saved(Image.fromarray(rgba), "png"), ROOM)
    assert (pixels[grey == 250] == 250).all()
    assert not pixels[20:, :30].any()
    np.testing.assert_allclose(pixels[:10, :10], grey[:10, :10].astype(float) / 5, atol=1)


def test_a_picture_is_turned_as_its_exif_orientation_says(grey):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    (pixels,) = read_picture(saved(Image.fromarray(grey), "png", exif=exif), ROOM)
    np.testing.assert_array_equal(pixels, np.rot90(grey, -1))


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_that_claims(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"")


def damaged(data, share):
    """The data with 40 bytes overwritten from a share of its length on."""
    start = int(len(data) * share)
    return data[:start] + b"\xa5" * 40 + data[start + 40 :]


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff", "bmp", "webp"])
def test_a_picture_cut_short_is_corrupt(kind):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    data = saved(Image.fromarray(noise), kind)
    assert refused(data[: len(data) // 2]).code == "corrupt_file"


def test_a_png_with_damaged_pixel_data_is_corrupt():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    assert refused(damaged(saved(Image.fromarray(noise), "png"), 0.3)).code == "corrupt_file"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_tiff_with_values_that_are_no_numbers_is_corrupt(grey, value):
    pixels = grey.astype(np.float32)
    pixels[3, 4] = value
    assert refused(saved(Image.fromarray(pixels), "tiff")).code == "corrupt_file"


@pytest.mark.parametrize(
    "data",
    [b"", b"Dear colleague, please find attached", b"%PDF-1.7\n", b"PK\x03\x04" + b"\0" * 60],
    ids=["empty", "text", "pdf", "zip"],
)
def test_what_is_no_picture_is_unsupported(data):
    error = refused(data)
    assert error.code == "unsupported_file"
    assert "DICOM" in error.message


def test_a_format_that_is_not_offered_is_unsupported(grey):
    assert refused(saved(Image.fromarray(grey), "gif")).code == "unsupported_file"


def test_a_colour_photograph_is_no_ct_image():
    hue = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    for kind in ("png", "jpeg"):
        assert refused(saved(Image.fromarray(hue), kind)).code == "not_ct_image"


def test_a_grey_picture_with_a_coloured_mark_is_read(grey):
    colour = np.dstack([grey] * 3)
    colour[:4, :4] = (255, 0, 0)
    notes = set()
    (pixels,) = read_picture(saved(Image.fromarray(colour), "png"), ROOM, notes=notes)
    np.testing.assert_array_equal(pixels[4:], grey[4:])
    np.testing.assert_array_equal(pixels[:4, 4:], grey[:4, 4:])
    assert np.isin(pixels[:4, :4], [*grey[4, :5], *grey[:5, 4]]).all()  # what is beside it
    assert notes == {"coloured_marks"}


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_an_arrow_or_a_box_in_colour_is_painted_over_and_said(kind):
    grey = draw_phantom("smooth", size=256)
    drawing = Image.fromarray(grey).convert("RGB")
    pen = ImageDraw.Draw(drawing)
    pen.rectangle((90, 90, 170, 170), outline=(255, 255, 0), width=2)
    pen.line((30, 30, 88, 88), fill=(255, 0, 0), width=3)
    scan = read_scan([("a", saved(drawing, kind))], spacing_mm=0.7)
    assert [notice.code for notice in scan.notices] == ["coloured_marks"]
    (without,) = read_scan([("a", saved(Image.fromarray(grey), kind))], spacing_mm=0.7).slices
    marked = np.asarray(drawing.convert("L")).astype(float)
    assert (abs(marked - without) > 60).sum() > 500
    assert (abs(scan.slices[0] - without) > 60).sum() < 100


DEEP = (np.arange(48 * 64, dtype=np.uint16) * 21).reshape(48, 64)


def tiff(*pages, **options):
    buffer = io.BytesIO()
    file = {name: options.pop(name) for name in ("bigtiff", "byteorder") if name in options}
    with tifffile.TiffWriter(buffer, **file) as writer:
        for page in pages:
            more = page[1] if isinstance(page, tuple) else {}
            writer.write(page[0] if isinstance(page, tuple) else page, metadata=None, **options | more)
    return buffer.getvalue()


def deep_png(*channels):
    return imagecodecs.png_encode(np.dstack(channels))


OPAQUE = np.full_like(DEEP, 65535)


@pytest.mark.parametrize(
    "data",
    [
        deep_png(DEEP, DEEP, DEEP),
        deep_png(DEEP, OPAQUE),
        deep_png(DEEP, DEEP, DEEP, OPAQUE),
        tiff(np.dstack([DEEP] * 3), photometric="rgb"),
        tiff(np.dstack([DEEP] * 3), photometric="rgb", compression="zlib", predictor=True),
        tiff(np.stack([DEEP] * 3), photometric="rgb", planarconfig="separate"),
        tiff(np.dstack([DEEP, OPAQUE]), photometric="minisblack", extrasamples=["unassalpha"]),
        tiff(np.dstack([DEEP] * 3 + [OPAQUE]), photometric="rgb", extrasamples=["unassalpha"]),
        tiff(np.dstack([DEEP] * 3 + [OPAQUE // 3]), photometric="rgb", extrasamples=["unspecified"]),
    ],
    ids=["png rgb", "png la", "png rgba", "rgb", "deflate", "planar", "la", "rgba", "extra"],
)
def test_deep_pictures_of_several_channels_keep_all_bits(data):
    (pixels,) = read_picture(data, ROOM)
    np.testing.assert_array_equal(pixels, DEEP)


def test_transparency_and_colour_count_in_deep_pictures_too():
    clear = np.where(np.indices(DEEP.shape)[1] < 9, 0, 65535).astype(np.uint16)
    (pixels,) = read_picture(deep_png(DEEP, DEEP, DEEP, clear), ROOM)
    np.testing.assert_array_equal(pixels, np.where(clear, DEEP, 0))
    noise = np.random.default_rng(0).integers(0, 65536, (48, 64, 3)).astype(np.uint16)
    assert refused(imagecodecs.png_encode(noise)).code == "not_ct_image"
    assert refused(tiff(noise, photometric="rgb")).code == "not_ct_image"
    colour, notes = np.dstack([DEEP] * 3), set()
    colour[20:30, 20:30] = (65535, 0, 0)
    (pixels,) = read_picture(imagecodecs.png_encode(colour), ROOM, notes=notes)
    assert notes == {"coloured_marks"}
    np.testing.assert_array_equal(pixels[:20], DEEP[:20])


@pytest.mark.parametrize("data", [deep_png(DEEP, DEEP, DEEP), tiff(np.dstack([DEEP] * 3), photometric="rgb")])
def test_deep_pictures_are_bounded_and_may_be_damaged(data):
    assert refused(data, at_most(48 * 64 - 1)).code == "too_large"
    for share in (0.3, 0.6, 0.9):
        assert refused(data[: int(len(data) * share)]).code == "corrupt_file"


@pytest.mark.parametrize(("dtype", "white"), [("u1", 255), ("u2", 65535), ("u4", 2**32 - 1)])
def test_pictures_in_which_0_is_white_are_turned_round_at_any_depth(dtype, white):
    values = (DEEP % 251).astype(dtype)
    (pixels,) = read_picture(tiff(white - values, photometric="miniswhite"), ROOM)
    np.testing.assert_allclose(pixels, values, atol=0 if white < 2**24 else 256)


def test_12_bits_in_which_0_is_white_are_turned_round():
    values = (DEEP % 4096).astype(np.uint16)
    data = tiff(4095 - values, photometric="miniswhite", bitspersample=12)
    np.testing.assert_array_equal(read_picture(data, ROOM)[0], values)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u4", "u8"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_numbers_of_every_size_are_read(grey, dtype, order, bigtiff):
    values = (grey // 3).astype(dtype) - np.array(60 if dtype[0] != "u" else 0, dtype)
    data = tiff(values, byteorder=order, bigtiff=bigtiff)
    (pixels,) = read_picture(data, ROOM)
    np.testing.assert_array_equal(pixels, values)
    scan = read_scan([("a.zip", make_zip([("1.tif", data), ("2.tif", data), ("notes.txt", b"-")]))])
    np.testing.assert_array_equal(scan.slices, [values, values])


@pytest.mark.parametrize("dtype", ["c8", "c16"])
def test_numbers_that_are_no_grey_are_refused_with_the_reason(dtype):
    error = refused(tiff(DEEP.astype(dtype)))
    assert (error.code, "a pixel type that is not supported" in error.message) == ("unsupported_file", True)


@pytest.mark.parametrize(
    "compression", ["lzw", "zlib", "packbits", "zstd", "lzma", "jpeg2000", "png", "webp", "jpeg"]
)
def test_compressed_tiff_is_read(grey, compression):
    values = grey if compression in ("webp", "jpeg") else DEEP
    values = np.dstack([values] * 3) if compression == "webp" else values
    more = {"compressionargs": {"lossless": True}} if compression == "webp" else {}
    (pixels,) = read_picture(tiff(values, compression=compression, **more), ROOM)
    wanted = values if values.ndim == 2 else values[..., 0]
    assert np.abs(pixels - wanted).mean() < (3 if compression == "jpeg" else 1e-6)


@pytest.mark.parametrize("flagged", [True, False])
@pytest.mark.parametrize("n_pages", [1, 3])
def test_thumbnails_pyramids_and_masks_are_no_slices(flagged, n_pages):
    reduced = {"subfiletype": 1} if flagged else {}
    pages = [DEEP + i for i in range(n_pages)]
    others = [(DEEP[::2, ::2], reduced), (DEEP[::4, ::4], reduced)]
    if flagged:
        others.append((DEEP > 9, {"subfiletype": 4, "photometric": "mask"}))
    for order in ([*pages, *others], [*others, *pages]):
        notes = set()
        slices = read_picture(tiff(*order), ROOM, notes=notes)
        np.testing.assert_array_equal(slices, pages)
        assert notes == (set() if flagged else {"reduced_pages"})


def test_pages_that_differ_otherwise_are_no_stack(grey):
    for other in (DEEP[:, :40], DEEP[:30]):
        assert len(read_picture(tiff(DEEP, other), ROOM)) == 2
        with pytest.raises(UserError) as caught:
            read_scan([("a.tif", tiff(DEEP, other))])
        assert caught.value.code == "mixed_series"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_is_turned_as_its_orientation_says(grey, orientation):
    data = tiff(grey, extratags=[(274, 3, 1, orientation, True)])
    exif = Image.Exif()
    exif[0x0112] = orientation
    wanted = ImageOps.exif_transpose(Image.open(io.BytesIO(saved(Image.fromarray(grey), "png", exif=exif))))
    np.testing.assert_array_equal(read_picture(data, ROOM)[0], np.asarray(wanted))


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "I;16"])
def test_a_mask_is_no_ct_image(mode):
    mask = np.zeros((48, 64), np.uint8)
    mask[10:30, 10:30] = 255
    assert refused(saved(in_mode(mask, mode), "png")).code == "not_ct_image"


@pytest.mark.parametrize(("levels", "accepted"), [(1, False), (7, False), (8, True)])
def test_eight_grey_levels_are_the_least(levels, accepted):
    pixels = (np.arange(48 * 64) % levels * 20).reshape(48, 64).astype(np.uint8)
    data = saved(Image.fromarray(pixels), "png")
    if accepted:
        np.testing.assert_array_equal(read_picture(data, ROOM)[0], pixels)
    else:
        assert refused(data).code == "not_ct_image"


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("width", "height"), [(5000, 5000), (12_000, 12_000), (100_000, 100_000)])
def test_a_header_that_claims_too_many_pixels_is_too_large_before_unpacking(width, height):
    assert refused(png_that_claims(width, height)).code == "too_large"


@pytest.mark.parametrize(("max_pixels", "accepted"), [(48 * 64, True), (48 * 64 - 1, False)])
def test_the_bound_on_pixels_is_exact(grey, max_pixels, accepted):
    data = saved(Image.fromarray(grey), "png")
    if accepted:
        assert len(read_picture(data, at_most(max_pixels))) == 1
    else:
        assert refused(data, at_most(max_pixels)).code == "too_large"


def test_all_pages_of_a_tiff_count(grey):
    page = Image.fromarray(grey)
    data = saved(page, "tiff", save_all=True, append_images=[page, page])
    assert len(read_picture(data, at_most(3 * grey.size))) == 3
    assert refused(data, at_most(3 * grey.size - 1)).code == "too_large"


def test_a_large_page_behind_a_small_one_counts(grey):
    large = Image.fromarray(np.tile(grey, (10, 10)))
    data = saved(Image.fromarray(grey), "tiff", save_all=True, append_images=[large])
    assert refused(data, at_most(50 * grey.size)).code == "too_large"
