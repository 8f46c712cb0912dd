"""Pictures (PNG, JPEG, TIFF, BMP, WebP) to grey slices."""

import io
from contextlib import suppress

import numpy as np
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from models.errors import ScanError
from models.imaging.limits import Limits, out_of_memory

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")  # more than 8 bits a pixel
COLOURFUL = 24  # mean spread between the colour channels (of 255) above which a picture is no CT
COLOUR_SAMPLE = (256, 256)  # pixels in which colour is looked for
DEFAULT = Limits()
SAMPLED_ROWS = 16  # of so many, one is enough to find the grey levels of most pictures
FEW_LEVELS = 8  # a picture with fewer grey levels is a drawing or a mask


def read_picture(data, limits=DEFAULT, before=0):
    """Decode one picture file; a TIFF with several pages is a stack.

    Parameters
    ----------
    data : bytes
    limits : Limits
        Bounds on its pixels and pages, checked before anything is unpacked.
    before : int
        Pixels of the pictures that were read before it, which count as well.

    Returns
    -------
    list of ndarray of shape (rows, cols), float32

    Raises
    ------
    ScanError
        ``unsupported_file``, ``corrupt_file``, ``too_large`` or ``not_ct_image``.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            pages = _count_pages(image, limits, before)
            frames = [page.copy() for page in ImageSequence.Iterator(image)] if pages > 1 else [image]
            return [_grey(frame) for frame in frames]
    except UnidentifiedImageError as error:
        raise ScanError(
            "unsupported_file",
            "The file is neither DICOM nor a picture that is read here (PNG, JPEG, TIFF, BMP, WebP).",
        ) from error
    except ScanError:
        raise
    except Image.DecompressionBombError as error:  # Pillow's own bound, met before ours
        raise ScanError("too_large", "The picture is far too large to be read.") from error
    except MemoryError:
        raise out_of_memory() from None
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files
        raise ScanError("corrupt_file", "The picture is damaged or cut short and cannot be read.") from error


def _count_pages(image, limits, pixels):
    """How many pages there are; all are refused by their headers alone where they are too large."""
    pages = 0
    with suppress(EOFError):
        while pages == 0 or image.format == "TIFF":  # of an animation, the first picture is read
            image.seek(pages)
            pages += 1
            pixels += image.width * image.height
            limits.check_image(image.height, image.width)
            limits.check_frames(pages)
            limits.check_pictures(pixels)
    image.seek(0)
    return pages


def _grey(image):
    image = ImageOps.exif_transpose(image)
    if image.mode in DEEP_MODES:
        pixels = np.asarray(image).astype(np.float32)
        if not np.isfinite(pixels).all():
            raise ScanError("corrupt_file", "The picture holds values that are no numbers.")
        return _checked(pixels)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = _on_black(image)
    if image.mode not in ("1", "L"):
        colour = np.asarray(image.convert("RGB").resize(COLOUR_SAMPLE)).astype(np.float32)
        if (colour.max(axis=2) - colour.min(axis=2)).mean() > COLOURFUL:
            raise ScanError("not_ct_image", "The picture is in colour; a CT image is grey.")
    return _checked(np.asarray(image.convert("L")).astype(np.float32))


def _on_black(image):
    image = image.convert("RGBA")
    ground = Image.new("RGBA", image.size, (0, 0, 0, 255))
    return Image.alpha_composite(ground, image)


def _checked(pixels):
    few = pixels[::SAMPLED_ROWS]
    if len(np.unique(few)) < FEW_LEVELS and len(np.unique(pixels)) < FEW_LEVELS:
        raise ScanError(
            "not_ct_image",
            f"The picture has fewer than {FEW_LEVELS} grey levels: a drawing or a mask, but no CT image.",
        )
    return pixels
