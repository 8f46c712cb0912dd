"""Stored pixel values, frame by frame: what is cut short is refused, what is compressed goes to the codec."""

import io
import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO

import numpy as np
from pydicom import Dataset
from pydicom.encaps import generate_frames, get_frame
from pydicom.pixels.utils import as_pixel_options
from pydicom.uid import UID, RLELossless

from models.errors import UserError
from models.ingest.dicom.code_stream import code_stream_of, stored_values
from models.ingest.dicom.codec import Options, decode_frame
from models.ingest.dicom.file_header import UNDEFINED, PixelElement
from models.ingest.dicom.frames import count_frames
from models.ingest.dicom.hounsfield import significant_bits
from models.ingest.dicom.syntaxes import decoder_for, syntax_of
from models.ingest.limits import DEFAULT
from models.messages import Message

PIXELS = Message("The DICOM file's pixel data are damaged or incomplete.")
ITEM, DELIMITER = 0xFFFEE000, 0xFFFEE0DD
END_OF_IMAGE = b"\xff\xd9"


def stored_frames(
    dataset: Dataset, stream: BinaryIO, element: PixelElement, numbers: Sequence[int] | None = None
) -> Iterator[np.ndarray]:
    """Decode pixel values, one frame after the other.

    Parameters
    ----------
    dataset, stream, element
        As `models.ingest.dicom.file_header.open_file` gives them.
    numbers
        0-based numbers of the frames to decode; all of them, in order, by default.

    Returns
    -------
    iterator of ndarrays of shape (rows, cols)
        Values as stored, without what lies in unused bits.

    Raises
    ------
    UserError
        ``missing_decoder``, ``corrupt_file`` or ``too_large``.
    """
    count, syntax = count_frames(dataset), syntax_of(dataset)
    decoder_for(syntax)  # or missing_decoder, before anything else
    DEFAULT.check_image(int(dataset.Rows), int(dataset.Columns))  # a header's claim must not cost memory
    if syntax.is_encapsulated:
        stream = _encapsulated(stream, element, count, syntax)
    else:
        _refuse_cut(dataset, stream, element, count)
        stream.seek(element.offset)
    options = as_pixel_options(dataset, number_of_frames=count, transfer_syntax_uid=syntax)
    options["pixel_keyword"] = element.keyword
    options.setdefault("photometric_interpretation", "MONOCHROME2")
    options.setdefault("samples_per_pixel", 1)
    order = None if numbers is None or list(numbers) == list(range(count)) else list(numbers)
    if syntax.is_encapsulated and syntax != RLELossless:
        return _compressed(dataset, stream, options, order)
    return _plain(dataset, stream, {**options, "pixel_vr": element.vr}, order)


def _plain(
    dataset: Dataset, stream: BinaryIO, options: Options, order: list[int] | None
) -> Iterator[np.ndarray]:
    """Uncompressed frames and RLE, which have unused bits; `order` None walks through the file once."""
    options.update(view_only=True, correct_unused_bits=False, allow_excess_frames=False)
    decoder = decoder_for(options["transfer_syntax_uid"])
    frames = decoder.iter_array(stream, indices=order, raw=True, **options)
    for pixels, _ in islice(frames, options["number_of_frames"] if order is None else len(order)):
        yield significant_bits(pixels, dataset) if pixels.dtype.kind in "iu" else pixels


def _compressed(
    dataset: Dataset, stream: BinaryIO, options: Options, order: list[int] | None
) -> Iterator[np.ndarray]:
    """Frames whose code streams go to the codec."""
    lookup = {
        "number_of_frames": options["number_of_frames"],
        "extended_offsets": options.pop("extended_offsets", None),
    }
    frames: Iterable[bytes] = islice(generate_frames(stream, **lookup), lookup["number_of_frames"])
    if order is not None:
        frames = (get_frame(stream, number, **lookup) for number in order)
    for data in frames:
        cells, syntax = decode_frame(data, options), options["transfer_syntax_uid"]
        yield stored_values(cells, code_stream_of(data, syntax), dataset, syntax)


def _refuse_cut(dataset: Dataset, stream: BinaryIO, element: PixelElement, count: int) -> None:
    """Refuse uncompressed pixel data that end early: decoders would fill in the rest."""
    size = stream.seek(0, os.SEEK_END)
    expected = int(dataset.Rows) * int(dataset.Columns) * count * int(dataset.BitsAllocated) // 8
    if element.length == UNDEFINED or expected > min(element.length, size - element.offset):
        raise UserError("corrupt_file", PIXELS)


def _encapsulated(stream: BinaryIO, element: PixelElement, count: int, syntax: UID) -> BinaryIO:
    """The stream, at the offset table of compressed frames that are all there (PS3.5 A.4).

    Where the sequence has no proper delimiter, which many writers forget, it is a copy that has one, unless
    a frame may have been cut short.
    """
    fragments, is_ended = _fragments(stream, element)
    if len(fragments) - 1 < count:  # the first item is the offset table
        raise UserError("corrupt_file", PIXELS)
    if not is_ended:
        stream = _with_delimiter(stream, fragments)
        if syntax != RLELossless and not all(map(_is_whole, _code_streams(stream, count))):
            raise UserError("corrupt_file", PIXELS)
        stream.seek(0)
    else:
        stream.seek(element.offset)
    return stream


def _fragments(stream: BinaryIO, element: PixelElement) -> tuple[list[tuple[int, int]], bool]:
    """Offset and length of the items, the last one perhaps cut, and whether a delimiter follows."""
    end, offset = stream.seek(0, os.SEEK_END), element.offset
    found: list[tuple[int, int]] = []
    if element.length != UNDEFINED:
        end = min(end, offset + element.length)
    while True:
        stream.seek(offset)
        head = stream.read(8)
        if offset + len(head) > end or len(head) < 8:
            return found, False
        group, number, length = struct.unpack("<HHL", head)
        if group << 16 | number == DELIMITER:
            return found, element.length == UNDEFINED
        offset += 8
        if group << 16 | number != ITEM:
            return found, False
        found.append((offset, min(length, end - offset)))
        offset += length


def _with_delimiter(stream: BinaryIO, fragments: list[tuple[int, int]]) -> BinaryIO:
    copy = io.BytesIO()
    for offset, length in fragments:
        stream.seek(offset)
        copy.write(struct.pack("<HHL", ITEM >> 16, ITEM & 0xFFFF, length) + stream.read(length))
    copy.write(struct.pack("<HHL", DELIMITER >> 16, DELIMITER & 0xFFFF, 0))
    copy.seek(0)
    return copy


def _code_streams(stream: BinaryIO, count: int) -> list[bytes]:
    frames = list(generate_frames(stream, number_of_frames=count))
    return frames if len(frames) >= count else [b""]


def _is_whole(data: bytes) -> bool:
    """Whether a code stream of the JPEG family ends as it should (EOI or EOC), padding aside."""
    return data.rstrip(b"\0").endswith(END_OF_IMAGE)
