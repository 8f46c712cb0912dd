"""Pictures (PNG, JPEG, TIFF, BMP, WebP) to grey slices."""

import io

import imagecodecs
import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from models.errors import UserError
from models.imaging.regions import touching_edge
from models.ingest.colour import grey_of
from models.ingest.dicom.hounsfield import AIR_HU, PADDING_BELOW_HU
from models.ingest.limits import DEFAULT, Limits, refusing_damage
from models.ingest.tiff import TIFF_STARTS, TiffPages, turned
from models.messages import Message

FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")  # more than 8 bits a pixel
PNG_START, PNG_BITS, PNG_COLOUR = b"\x89PNG\r\n\x1a\n", 24, 25  # offsets in a PNG's header (ISO/IEC 15948)
SAMPLED_ROWS = 16  # of so many, one is enough to find the grey levels of most pictures
FEW_LEVELS = 8  # a picture with fewer grey levels is a drawing or a mask

# Of padding: what a scanner writes outside its field, far below all that it measured.
DEEP = 255  # between the least and the greatest value; pictures of 8 bits have no room for padding
BINS = 256
EMPTY = 1e-4  # of the pixels: a step of the histogram with fewer counts as empty
GAP, NARROW = 0.1, 0.1  # of the range: at least so wide is the gap above padding, at most so wide is padding
LEAST = 0.05  # of the range: what is not padding takes at least as much
SHARES = (0.003, 0.8)  # of the pixels that padding may have
TISSUE_HU, TISSUE = (-200, 200), 0.05  # with such a share of tissue, grey values are read as HU
MOST_HU, BELOW_MOST = 4000, 0.98


def read_picture(
    data: bytes, limits: Limits = DEFAULT, before: int = 0, notes: set[str] | None = None
) -> list[np.ndarray]:
    """Decode one picture file; a TIFF with several pages is a stack.

    Parameters
    ----------
    limits
        Bounds on its pixels and pages, checked before anything is unpacked.
    before
        Pixels of the pictures that were read before it, which count as well.
    notes
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
    with refusing_damage(Message("The picture is damaged or incomplete and cannot be read.")):
        try:
            if data.startswith(TIFF_STARTS):
                with TiffPages(data, limits, before, notes) as pages:
                    return [_checked(page) for page in pages]
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                limits.check_image(image.height, image.width)
                limits.check_pictures(before + image.width * image.height)
                grey = _deep_png(data, image, notes) if _is_deep_png(data) else _grey(image, notes)
                return [_checked(grey)]
        except UnidentifiedImageError as error:
            raise UserError(
                "unsupported_file",
                "The file is not DICOM, not a supported picture (PNG, JPEG, TIFF, BMP, WebP) and not a "
                "volume (NIfTI, NRRD, MetaImage).",
            ) from error
        except Image.DecompressionBombError as error:  # Pillow's own bound, met before ours
            raise UserError("too_large", "The picture is far too large to be read.") from error


def _is_deep_png(data: bytes) -> bool:
    """Whether a PNG has 16 bits a channel and several channels, of which Pillow would keep 8."""
    return data.startswith(PNG_START) and data[PNG_BITS] == 16 and data[PNG_COLOUR] != 0


def _deep_png(data: bytes, image: Image.Image, notes: set[str]) -> np.ndarray:
    pixels = imagecodecs.png_decode(data)
    has_alpha = pixels.shape[2] in (2, 4)
    return turned(grey_of(pixels, has_alpha, notes), image.getexif().get(ExifTags.Base.Orientation, 1))


def _grey(image: Image.Image, notes: set[str]) -> np.ndarray:
    image = ImageOps.exif_transpose(image)
    if image.mode in DEEP_MODES:
        return np.asarray(image)
    has_alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    if image.mode in ("1", "L") and not has_alpha:
        return np.asarray(image.convert("L"))
    return grey_of(np.asarray(image.convert("RGBA" if has_alpha else "RGB")), has_alpha, notes)


def _checked(pixels: np.ndarray) -> np.ndarray:
    """The pixels as float32, if they can be a CT's."""
    with np.errstate(over="ignore"):
        pixels = np.asarray(pixels).astype(np.float32)
    if not np.isfinite(pixels).all():
        raise UserError("corrupt_file", "The picture contains values that are not numbers.")
    few = pixels[::SAMPLED_ROWS]
    if len(np.unique(few)) < FEW_LEVELS and len(np.unique(pixels)) < FEW_LEVELS:
        message = Message(
            "The picture has fewer than {few} grey levels: it is a drawing or a mask, not a CT image.",
            few=FEW_LEVELS,
        )
        raise UserError("not_ct_image", message)
    return pixels


def without_padding(pixels: np.ndarray) -> np.ndarray:
    """A picture whose padding is lifted to air; the picture itself where it has none.

    Values below -1500 are padding where the others look like HU. In other scales padding is a narrow spike of
    lowest values, with a wide gap above it; it becomes the least of the other values.

    Parameters
    ----------
    pixels : ndarray of shape (rows, cols), float32
        Grey values of any scale.
    """
    if pixels.max() - pixels.min() <= DEEP:
        return pixels
    low = pixels < PADDING_BELOW_HU
    if low.any() and not low.all() and _is_like_hu(pixels[~low]):
        return np.where(low, np.float32(max(AIR_HU, pixels[~low].min())), pixels)
    limit = _end_of_spike(pixels)
    if limit is None or not _is_outside(pixels < limit):
        return pixels
    return np.where(pixels < limit, pixels[pixels >= limit].min(), pixels)


def _is_like_hu(values: np.ndarray) -> bool:
    tissue = (values > TISSUE_HU[0]) & (values < TISSUE_HU[1])
    return tissue.mean() >= TISSUE and (values < MOST_HU).mean() >= BELOW_MOST


def _is_outside(low: np.ndarray) -> bool:
    """Whether all of it reaches the border: lung and air that a window made black do not."""
    return bool((low & ~touching_edge(low)).mean() < EMPTY)


def _end_of_spike(pixels: np.ndarray) -> float | None:
    """A value in the gap above the padding; None where there is no such spike."""
    low, high = float(pixels.min()), float(np.percentile(pixels, 99.9))
    counts, ends = np.histogram(pixels, BINS, (low, max(high, low + 1)))
    filled = np.flatnonzero(counts > EMPTY * pixels.size)
    if len(filled) < 2:
        return None
    widest = int(np.argmax(np.diff(filled)))
    last, first = filled[widest], filled[widest + 1]  # below the gap, and above
    share, gap = counts[: last + 1].sum() / pixels.size, first - last - 1
    is_spike = last < NARROW * BINS and SHARES[0] <= share <= SHARES[1]
    spread = BINS - first  # of what is not padding
    is_constant = last == 0 and (pixels < ends[1]).sum() == (pixels == low).sum()
    if gap < GAP * BINS or not is_spike or (spread < gap and not is_constant) or spread < LEAST * BINS:
        return None
    return ends[last + 1]
