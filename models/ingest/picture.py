"""Pictures (PNG, JPEG, TIFF, BMP, WebP) to grey slices."""

import io

import imagecodecs
import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from models.errors import UserError
from models.ingest.colour import grey_of
from models.ingest.limits import Limits, out_of_memory
from models.ingest.tiff import TIFF_STARTS, TiffPages, turned

FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")  # more than 8 bits a pixel
PNG_START, PNG_BITS, PNG_COLOUR = b"\x89PNG\r\n\x1a\n", 24, 25  # places in a PNG's header (ISO/IEC 15948)
DEFAULT = Limits()
SAMPLED_ROWS = 16  # of so many, one is enough to find the grey levels of most pictures
FEW_LEVELS = 8  # a picture with fewer grey levels is a drawing or a mask


def read_picture(
    data: bytes, limits: Limits = DEFAULT, before: int = 0, notes: set | None = None
) -> list[np.ndarray]:
    """Decode one picture file; a TIFF with several pages is a stack.

    Parameters
    ----------
    data : bytes
    limits : Limits
        Bounds on its pixels and pages, checked before anything is unpacked.
    before : int
        Pixels of the pictures that were read before it, which count as well.
    notes : set, optional
        ``coloured_marks`` is added where marks were painted over, ``reduced_pages`` where smaller copies of
        a TIFF's pages were left out that do not say that they are.

    Returns
    -------
    list of ndarray of shape (rows, cols), float32

    Raises
    ------
    UserError
        ``unsupported_file``, ``corrupt_file``, ``too_large`` or ``not_ct_image``.
    """
    notes = set() if notes is None else notes
    try:
        if data.startswith(TIFF_STARTS):
            with TiffPages(data, limits, before, notes) as pages:
                return [_checked(page) for page in pages]
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            limits.check_image(image.height, image.width)
            limits.check_pictures(before + image.width * image.height)
            return [_checked(_deep_png(data, image, notes) if _is_deep_png(data) else _grey(image, notes))]
    except UnidentifiedImageError as error:
        raise UserError(
            "unsupported_file",
            "The file is neither DICOM nor a picture that is read here (PNG, JPEG, TIFF, BMP, WebP), nor a "
            "volume (NIfTI, NRRD, MetaImage).",
        ) from error
    except UserError:
        raise
    except Image.DecompressionBombError as error:  # Pillow's own bound, met before ours
        raise UserError("too_large", "The picture is far too large to be read.") from error
    except MemoryError:
        raise out_of_memory() from None
    except Exception as error:  # decoders raise almost anything on damaged files
        raise UserError("corrupt_file", "The picture is damaged or cut short and cannot be read.") from error


def _is_deep_png(data):
    """Whether a PNG has 16 bits a channel and several channels, of which Pillow would keep 8."""
    return data.startswith(PNG_START) and data[PNG_BITS] == 16 and data[PNG_COLOUR] != 0


def _deep_png(data, image, notes):
    pixels = imagecodecs.png_decode(data)
    has_alpha = pixels.shape[2] in (2, 4)
    return turned(grey_of(pixels, has_alpha, notes), image.getexif().get(ExifTags.Base.Orientation, 1))


def _grey(image, notes):
    image = ImageOps.exif_transpose(image)
    if image.mode in DEEP_MODES:
        return np.asarray(image)
    has_alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    if image.mode in ("1", "L") and not has_alpha:
        return np.asarray(image.convert("L"))
    return grey_of(np.asarray(image.convert("RGBA" if has_alpha else "RGB")), has_alpha, notes)


def _checked(pixels):
    """The pixels as float32, if they can be a CT's."""
    with np.errstate(over="ignore"):
        pixels = np.asarray(pixels).astype(np.float32)
    if not np.isfinite(pixels).all():
        raise UserError("corrupt_file", "The picture holds values that are no numbers.")
    few = pixels[::SAMPLED_ROWS]
    if len(np.unique(few)) < FEW_LEVELS and len(np.unique(pixels)) < FEW_LEVELS:
        raise UserError(
            "not_ct_image",
            f"The picture has fewer than {FEW_LEVELS} grey levels: a drawing or a mask, but no CT image.",
        )
    return pixels
