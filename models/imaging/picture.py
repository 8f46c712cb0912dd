"""Pictures (PNG, JPEG, TIFF, BMP, WebP) to grey slices."""

import io

import numpy as np
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from models.errors import ScanError

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")  # more than 8 bits a pixel
COLOURFUL = 24  # mean spread between the colour channels (of 255) above which a picture is no CT
COLOUR_SAMPLE = (256, 256)  # pixels in which colour is looked for
FEW_LEVELS = 8  # a picture with fewer grey levels is a drawing or a mask


def read_picture(data, max_pixels):
    """Decode one picture file; a TIFF with several pages is a stack.

    Parameters
    ----------
    data : bytes
    max_pixels : int
        Bound on pixels of all pages together, checked before anything is unpacked.

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
            pages = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
            _refuse_large(image, pages, max_pixels)
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
        message = f"The picture is far too large; at most {max_pixels / 1e6:g} million pixels are read."
        raise ScanError("too_large", message) from error
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files
        raise ScanError("corrupt_file", "The picture is damaged or cut short and cannot be read.") from error


def _refuse_large(image, pages, max_pixels):
    """Add up the pages, whose sizes may differ, from their headers alone."""
    pixels = 0
    for page in range(pages):
        image.seek(page)
        pixels += image.width * image.height
        if pixels > max_pixels:
            raise ScanError(
                "too_large",
                f"The picture has {image.width} x {image.height} x {pages} pixels; "
                f"at most {max_pixels / 1e6:g} million are read.",
            )
    image.seek(0)


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
    if len(np.unique(pixels)) < FEW_LEVELS:
        raise ScanError(
            "not_ct_image",
            f"The picture has fewer than {FEW_LEVELS} grey levels: a drawing or a mask, but no CT image.",
        )
    return pixels
