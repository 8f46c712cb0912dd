"""One DICOM file to Hounsfield units: is it one, what is in it, and its slices one by one."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
from pydicom import Dataset
from pydicom.values import converters

from models.errors import UserError
from models.ingest.dicom.file_header import open_file
from models.ingest.dicom.frames import count_frames
from models.ingest.dicom.hounsfield import to_hounsfield
from models.ingest.dicom.numbers import keep_as_text
from models.ingest.dicom.pixel_data import PIXELS, stored_frames
from models.ingest.limits import refusing_damage

FIRST_GROUPS = (0x0002, 0x0008)  # of file meta information, and of the data where there is none
FIRST_LENGTH = 1024  # bytes; the first element holds a length, a UID or a character set


def looks_like_dicom(head: bytes) -> bool:
    """Whether a file may be DICOM.

    Parameters
    ----------
    head
        The first 132 bytes or more.

    Returns
    -------
    bool
        True where DICM follows 128 bytes of preamble (PS3.10 section 7.1), or where the file begins with
        an element that a DICOM file without preamble may begin with, in any byte order.
    """
    if head[128:132] == b"DICM":
        return True
    if len(head) < 8:
        return False
    for order in ("little", "big"):
        if int.from_bytes(head[:2], order) in FIRST_GROUPS:
            if head[4:6].decode("latin-1") in converters:
                return True
            length = int.from_bytes(head[4:8], order)
            return order == "little" and length <= FIRST_LENGTH and length % 2 == 0
    return False


def read_header(stream: BinaryIO, name: str = "") -> Dataset:
    """Read all that a DICOM file says before its pixel data.

    Parameters
    ----------
    name
        Of the file; kept as the header's `filename`, and repeated to nobody.

    Returns
    -------
    pydicom.Dataset
        The pixel data element is there where the file has one, but empty; elements whose values cannot
        be read are left out, but for numbers, which stay as they are written (see `numbers.written`).

    Raises
    ------
    UserError
        ``corrupt_file``.
    """
    dataset, _, element = open_file(stream)
    dataset.filename = name
    for tag in set(dataset.keys()):
        try:
            _ = dataset[tag]
        except Exception:  # pydicom raises many kinds on a value that is not what its VR says
            if not keep_as_text(dataset, tag):
                del dataset[tag]
    if element:
        dataset.add_new(element.keyword, "OW", b"")
    return dataset


def decode(
    stream: BinaryIO, numbers: Sequence[int] | None = None, notes: set[str] | None = None
) -> Iterator[np.ndarray]:
    """Decode the slices of one CT file.

    Parameters
    ----------
    numbers
        0-based numbers of the frames wanted, in any order; all of them by default.
    notes
        See `models.ingest.dicom.hounsfield.to_hounsfield`.

    Yields
    ------
    ndarray of shape (rows, cols), int16 or float32
        In HU where `is_hounsfield` says so; see `models.ingest.dicom.hounsfield.to_hounsfield`. Only one
        frame is in memory at a time.

    Raises
    ------
    UserError
        ``corrupt_file``, ``no_pixels``, ``missing_decoder`` or ``too_large``.
    """
    dataset, stream, element = open_file(stream)
    if element is None:
        raise UserError("no_pixels", "The DICOM file has no pixel data.")
    with refusing_damage(PIXELS):
        numbers = range(count_frames(dataset)) if numbers is None else list(numbers)
        for number, stored in zip(numbers, stored_frames(dataset, stream, element, numbers), strict=True):
            yield to_hounsfield(stored, dataset, number, notes)
