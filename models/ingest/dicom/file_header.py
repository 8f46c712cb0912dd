"""A DICOM file's header, and where its pixel data lie (PS3.10 section 7, PS3.5 section 7)."""

import io
import os
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from pydicom import Dataset, config
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
)

from models.errors import UserError
from models.ingest.dicom.numbers import mend_counts
from models.ingest.limits import MOST_INFLATED, refusing_damage
from models.messages import Message

KEYWORDS = {0x7FE00010: "PixelData", 0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData"}
PIXEL_VRS = (b"OB", b"OW", b"OF", b"OD", b"UN")
HEADER = Message("The DICOM file is damaged or incomplete: its header cannot be read.")
NOTHING_SAID = Message(
    "The DICOM file is damaged or incomplete: it has no image, and does not say what else it contains."
)
UNDEFINED = 0xFFFFFFFF  # length of what is read up to its delimiter

config.settings.reading_validation_mode = config.IGNORE


@dataclass(frozen=True)
class PixelElement:
    """Where the pixel data lie in a stream: keyword, VR (None if implicit), length and offset in bytes."""

    keyword: str
    vr: str | None
    length: int
    offset: int


@refusing_damage(HEADER)
def open_file(stream: BinaryIO) -> tuple[Dataset, BinaryIO, PixelElement | None]:
    """The header of a DICOM file, and where its pixel data are.

    Parameters
    ----------
    stream
        With or without preamble and file meta information.

    Returns
    -------
    dataset : pydicom.Dataset
        All elements before the pixel data, with `file_meta` (empty where there is none).
    stream : seekable binary stream
        The one given, or an inflated one where the file is deflated.
    element : PixelElement or None

    Raises
    ------
    UserError
        ``corrupt_file``, or ``too_large`` for a deflated file beyond bounds.
    """
    stream.seek(0)
    meta = _file_meta(stream)
    syntax = meta.get("TransferSyntaxUID")
    if syntax == DeflatedExplicitVRLittleEndian:
        stream = _inflated(stream)
    little = syntax != ExplicitVRBigEndian if syntax else _starts_little(stream)
    implicit = syntax in (None, "", ImplicitVRLittleEndian)  # a guess: read_dataset looks for itself
    dataset = read_dataset(stream, implicit and little, little, stop_when=_at_pixels)
    dataset.file_meta = meta
    mend_counts(dataset)
    element = _pixel_element(stream, little)
    if element is None and _is_cut(dataset):
        raise UserError("corrupt_file", NOTHING_SAID if len(dataset) else HEADER)
    return dataset, stream, element


def _is_cut(dataset: Dataset) -> bool:
    """Whether a header without pixel data ends within an element, or before it says what the object is."""
    if "SOPClassUID" not in dataset:
        return dataset.file_meta.get("MediaStorageSOPClassUID") != MediaStorageDirectoryStorage
    last = dataset.get_item(max(dataset.keys()))
    if not isinstance(last, RawDataElement):
        return False
    return last.length != UNDEFINED and len(last.value or b"") < last.length


def _at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
    return int(tag) in KEYWORDS


def _file_meta(stream: BinaryIO) -> FileMetaDataset:
    """The elements of group 2, if any; leaves the stream behind them."""
    if stream.read(132)[128:] != b"DICM":
        stream.seek(0)
    return FileMetaDataset(
        read_dataset(stream, False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2)
    )


def _starts_little(stream: BinaryIO) -> bool:
    """Whether the first tag, of a low group, is little endian."""
    head = stream.read(2)
    stream.seek(-len(head), os.SEEK_CUR)
    return int.from_bytes(head, "little") <= int.from_bytes(head, "big")


def _inflated(stream: BinaryIO) -> BinaryIO:
    """What a deflated file holds behind its meta information, within bounds."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    data = inflater.decompress(stream.read(), MOST_INFLATED)
    if inflater.unconsumed_tail:
        raise UserError("too_large", "The DICOM file is far too large when decompressed.")
    if not inflater.eof:
        raise UserError("corrupt_file", HEADER)
    return io.BytesIO(data)


def _pixel_element(stream: BinaryIO, little: bool) -> PixelElement | None:
    """The pixel data at which the stream stands, which stays there; None where it stands elsewhere."""
    start, order = stream.tell(), "<" if little else ">"
    head = stream.read(12)
    stream.seek(start)
    if len(head) < 12:
        return None
    group, number, short = struct.unpack(f"{order}HHL", head[:8])
    keyword = KEYWORDS.get(group << 16 | number)
    if keyword is None:
        return None
    if head[4:6] in PIXEL_VRS:  # no implicit length looks so: they are even
        (length,) = struct.unpack(f"{order}L", head[8:])
        return PixelElement(keyword, head[4:6].decode(), length, start + 12)
    return PixelElement(keyword, None, short, start + 8)
