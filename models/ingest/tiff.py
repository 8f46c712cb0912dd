"""The pages of a TIFF at their full depth, by tifffile (TIFF 6.0, BigTIFF)."""

import io
from collections import Counter
from collections.abc import Iterator

import imagecodecs
import numpy as np
import tifffile
from tifffile import PHOTOMETRIC, TIFF, TiffPage

from models.errors import UserError
from models.ingest.colour import grey_of
from models.ingest.limits import Limits
from models.messages import Message

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the latter two of BigTIFF
MOST_CHANNELS = 4
REDUCED, MASK = 1, 4  # bits of NewSubfileType
SAME_SHAPE = 0.02  # relative difference of the proportions of a page and its reduced copy
READ = (
    PHOTOMETRIC.MINISWHITE,
    PHOTOMETRIC.MINISBLACK,
    PHOTOMETRIC.RGB,
    PHOTOMETRIC.PALETTE,
    PHOTOMETRIC.YCBCR,
)
TURNS = {  # value of Orientation: how the stored pixels are turned to be shown
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}

CODECS = (  # of TIFF, and what prepares pixels for them
    "bitorder ccittfax4 deflate delta floatpred jpeg jpeg2k jpeg8 lerc lzma lzw packbits packints png webp "
    "zlib zstd"
)
for codec in CODECS.split():  # loaded now, since the process that decodes may open no files
    getattr(imagecodecs, f"{codec}_decode")


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels (rows, cols) as the tag Orientation, of TIFF or of Exif, says that they are shown."""
    return TURNS.get(orientation, lambda same: same)(pixels)


class TiffPages:
    """The pages of a TIFF that are images of full size, to be iterated over: ndarrays of shape (rows, cols).

    Parameters
    ----------
    limits
        Checked by the headers of the pages, before anything is unpacked.
    before
        Pixels of the pictures that were read before it, which count as well.
    notes
        See `models.ingest.picture.read_picture`.

    Raises
    ------
    UserError
        ``too_large``, ``unsupported_file`` or ``not_ct_image``; tifffile raises others on damaged files.
    """

    def __init__(self, data: bytes, limits: Limits, before: int, notes: set[str]) -> None:
        self._data, self._limits, self._before, self._notes = data, limits, before, notes

    def __enter__(self) -> "TiffPages":
        self._file = tifffile.TiffFile(io.BytesIO(self._data))
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[np.ndarray]:
        for page in _full_size(self._within_bounds(), self._notes):
            _refuse_unread(page)
            yield from self._slices(page)

    def _within_bounds(self) -> list[TiffPage]:
        pages: list[TiffPage] = []
        pixels = self._before
        for page in self._file.pages:
            if not isinstance(page, TiffPage):  # tifffile's shorthand of a page, which is not asked for
                continue
            pages.append(page)
            pixels += page.imagelength * page.imagewidth * page.imagedepth
            self._limits.check_image(page.imagelength, page.imagewidth)
            self._limits.check_frames(len(pages) - 1 + page.imagedepth)
            self._limits.check_pictures(pixels)
        return pages

    def _slices(self, page: TiffPage) -> Iterator[np.ndarray]:
        pixels = page.asarray(maxworkers=1, squeeze=False)  # samples if apart, depth, rows, cols, samples
        if page.photometric == PHOTOMETRIC.PALETTE and page.colormap is not None:
            pixels = page.colormap.T[pixels[..., 0]]
        else:
            pixels = np.moveaxis(pixels, 0, -1)[..., 0, :] if pixels.shape[0] > 1 else pixels[0]
        orientation = page.tags.get("Orientation")
        for slice_ in pixels:
            yield turned(self._grey(page, slice_), orientation.value if orientation else 1)

    def _grey(self, page: TiffPage, pixels: np.ndarray) -> np.ndarray:
        if pixels.shape[2] > 1:
            kinds = [int(kind) for kind in page.extrasamples]
            n_colours = pixels.shape[2] - len(kinds)
            has_alpha = kinds[:1] == [2]  # 1 is multiplied in already, 0 is anything
            pixels = grey_of(pixels[..., : n_colours + has_alpha], has_alpha, self._notes)
        else:
            pixels = pixels[..., 0]
        return _inverted(pixels, page) if page.photometric == PHOTOMETRIC.MINISWHITE else pixels


def _inverted(pixels: np.ndarray, page: TiffPage) -> np.ndarray:
    """Where 0 is white: the values counted from black."""
    if pixels.dtype.kind == "u":
        return (1 << page.bitspersample) - 1 - pixels.astype(np.int64 if pixels.itemsize < 8 else np.float64)
    return -pixels.astype(np.float64)


def _refuse_unread(page: TiffPage) -> None:
    """Refuse what tifffile would give as something else than grey or red, green and blue."""
    is_read = page.photometric in READ and page.samplesperpixel <= MOST_CHANNELS
    if page.photometric == PHOTOMETRIC.YCBCR and page.compression not in (6, 7):  # of JPEG, it is converted
        is_read = False
    if not is_read or page.dtype is None or page.dtype.kind not in "biuf":
        message = Message(
            "The TIFF has a pixel type that is not supported; save it in greyscale, uncompressed or with "
            "LZW or Deflate."
        )
    elif page.compression not in TIFF.DECOMPRESSORS:
        message = Message(
            "The TIFF uses a compression that is not supported; save it in greyscale, uncompressed or "
            "with LZW or Deflate."
        )
    else:
        return
    raise UserError("unsupported_file", message)


def _full_size(pages: list[TiffPage], notes: set[str]) -> list[TiffPage]:
    """The pages without masks and reduced copies, whether these say so or only look so."""
    full = [page for page in pages if not page.subfiletype & (REDUCED | MASK)] or pages
    sizes = Counter((page.imagelength, page.imagewidth) for page in full)
    largest = max(sizes, key=lambda size: size[0] * size[1])
    copies = {size for size in sizes if _is_copy(size, largest) and sizes[size] <= sizes[largest]}
    if copies:
        notes.add("reduced_pages")
    return [page for page in full if (page.imagelength, page.imagewidth) not in copies]


def _is_copy(size: tuple[int, int], largest: tuple[int, int]) -> bool:
    """Whether pages have the proportions of larger ones, and are about half as large or smaller."""
    down, across = size[0] / largest[0], size[1] / largest[1]
    rounding = 1 / min(largest)
    return max(down, across) <= 0.5 + rounding and abs(down - across) <= SAME_SHAPE * across + rounding
