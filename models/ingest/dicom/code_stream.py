"""What a compressed frame says of itself, and its decoded cells to stored values.

A code stream may hold more bits than Bits Stored: DCMTK and others compress the whole cell, with the overlay
or whatever else lies above the value (PS3.5 section 8.1.1 and annex A.4). Its own precision tells.
"""

from dataclasses import dataclass

import numpy as np
from pydicom import Dataset
from pydicom.pixels.utils import _get_jpg_parameters, get_j2k_parameters
from pydicom.uid import JPEG2000TransferSyntaxes, JPEGLSTransferSyntaxes

from models.ingest.dicom.hounsfield import bits_up_to

J2K_CODING_STYLE = b"\xff\x52"  # COD marker, which begins the coding style segment (ISO/IEC 15444-1, A.6.1)
J2K_TRANSFORM = 13  # bytes from that marker to the wavelet transform: 0 is the irreversible one
OVERSHOOT = 1 / 16  # of the range of values, by which lossy coding may leave it


@dataclass(frozen=True)
class CodeStream:
    """Bits a pixel, and whether they are coded with a sign and with loss; None where it does not say."""

    precision: int | None
    is_signed: bool | None
    is_lossy: bool


def code_stream_of(data: bytes, syntax: str) -> CodeStream:
    """Read the beginning of a code stream.

    Parameters
    ----------
    data
        A whole frame of JPEG, JPEG-LS or JPEG 2000.
    syntax
        UID of its transfer syntax.
    """
    if syntax in JPEG2000TransferSyntaxes:
        found = get_j2k_parameters(data)
        style = data.find(J2K_CODING_STYLE)
        transform = data[style + J2K_TRANSFORM : style + J2K_TRANSFORM + 1]
        return CodeStream(found.get("precision"), found.get("is_signed"), style >= 0 and transform == b"\0")
    found = _get_jpg_parameters(data)
    return CodeStream(found.get("precision"), None, bool(found.get("lossy_error")))


def stored_values(cells: np.ndarray, stream: CodeStream, dataset: Dataset, syntax: str) -> np.ndarray:
    """Decoded cells to the values that the same file has uncompressed.

    Parameters
    ----------
    cells : ndarray of shape (rows, cols), integer
        Signed where Pixel Representation is 1, but not extended by their sign yet.
    stream
        Of the frame that was decoded.
    dataset
        With Bits Stored, and High Bit, which counts only where the code stream holds whole cells.
    syntax
        UID of the transfer syntax.

    Returns
    -------
    ndarray of that shape and type
        Bits that are not part of the value are dropped; where coding was lossy, what left the range by a
        little is put to its end.
    """
    stored, size = int(dataset.BitsStored), cells.dtype.itemsize * 8
    precision = stream.precision or stored
    bits, high = min(stored, size), int(dataset.get("HighBit") or stored - 1)
    if precision <= stored or not stored - 1 <= high < min(size, precision):
        high = bits - 1
    if _is_sign_lost(stream, dataset, syntax) and precision < bits:
        bits, high = precision, precision - 1
    if stream.is_lossy and precision > bits and high == bits - 1:
        cells = _without_overshoot(cells, bits)
    return bits_up_to(cells, bits, high)


def _is_sign_lost(stream: CodeStream, dataset: Dataset, syntax: str) -> bool:
    """Whether the sign is the highest bit of the code stream's precision, which the coder did not know."""
    if syntax in JPEGLSTransferSyntaxes:
        return dataset.PixelRepresentation == 1
    return stream.is_signed is not None and stream.is_signed != (dataset.PixelRepresentation == 1)


def _without_overshoot(cells: np.ndarray, bits: int) -> np.ndarray:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if cells.dtype.kind == "i" else (0, 2**bits - 1)
    beyond = OVERSHOOT * 2**bits
    if cells.min() >= low - beyond and cells.max() <= high + beyond:
        return np.clip(cells, low, high)
    return cells
