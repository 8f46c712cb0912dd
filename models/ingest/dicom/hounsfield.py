"""Stored pixel values to Hounsfield units (DICOM PS3.3 C.7.6.3, C.7.5.1.1.2 and C.11.1)."""

import numpy as np
from pydicom import Dataset

from models.errors import UserError
from models.imaging.regions import touching_edge
from models.ingest.dicom.file_header import HEADER
from models.ingest.dicom.frames import count_frames, frame_value
from models.ingest.dicom.numbers import no_units, number_in, numbers, oddity, written
from models.ingest.limits import refusing_damage
from models.messages import Message

AIR_HU = -1024
PADDING_BELOW_HU = -1500  # scanners fill the corners outside the round field with -2000 or -3024
MOST_HU = 2**15 - 1  # beyond all extended scales; metal reaches 30,710
NO_AIR_HU, LEAST_HU = -500, -4096
TISSUE_HU = (-900, 3000)  # padding declared in this range may be a mistake and hit lung or tissue
TRANSFORMATION = "PixelValueTransformationSequence"
RESCALE = {"RescaleSlope": 1.0, "RescaleIntercept": 0.0}  # and what holds where nothing is written


@refusing_damage(HEADER)
def is_hounsfield(dataset: Dataset) -> bool:
    """Whether the header says that every frame is in Hounsfield units.

    It must give a rescale slope and intercept, and a rescale type (or modality LUT type) of HU; without
    a type, CT is in HU. Energy maps, perfusion maps and converted pictures are not.
    """
    luts = dataset.get("ModalityLUTSequence")
    if luts:
        return _is_hu(luts[0].get("ModalityLUTType"))
    return all(_says_hu(dataset, number) for number in range(count_frames(dataset)))


def odd_rescale(dataset: Dataset, number: int) -> tuple[Message, ...]:
    """Sentences on rescale values of a frame that are not written as they should be."""
    found = (oddity(keyword, _rescale_text(dataset, number, keyword), 1) for keyword in RESCALE)
    return tuple(filter(None, found))


def to_hounsfield(
    stored: np.ndarray, dataset: Dataset, number: int = 0, notes: set[str] | None = None
) -> np.ndarray:
    """One frame in HU, what lies outside the scanner's field as air.

    Parameters
    ----------
    stored : ndarray of shape (rows, cols), integer or float
        Pixel values as stored, unused bits already removed.
    dataset
        The header.
    number
        0-based number of the frame, whose rescale values may be its own.
    notes
        ``signed_values`` is added where values have a sign that the header denies.

    Returns
    -------
    ndarray of shape (rows, cols), int16 or float32
        int16 where all values are whole numbers that fit. Padding is -1024; where the values are not HU
        (see `is_hounsfield`), they are rescaled as the header says, and declared padding is the lowest
        of the others.

    Raises
    ------
    UserError
        ``corrupt_file``, where the header's rescale values or the pixels are not numbers.
    """
    if stored.ndim != 2:
        raise UserError("corrupt_file", "The DICOM file's pixel data are not a greyscale image.")
    signed = _with_lost_sign(stored, dataset, number)
    if signed is not None:
        stored = signed
        if notes is not None:
            notes.add("signed_values")
    values, is_hu = _rescaled(stored, dataset, number)
    padding = _declared_padding(stored, dataset, number, is_hu)
    if is_hu:
        low = values < PADDING_BELOW_HU
        padding = low if padding is None else padding | low
        values[padding] = AIR_HU
    elif padding is not None and not padding.all():
        values[padding] = values[~padding].min()
    return _compact(values)


def significant_bits(stored: np.ndarray, dataset: Dataset, aligned: bool = False) -> np.ndarray:
    """Values of Bits Stored bits up to High Bit, sign-extended; what lies in the other bits is dropped.

    Parameters
    ----------
    stored : ndarray of int
        Cells of Bits Allocated bits.
    aligned
        The lowest bit is bit 0 whatever High Bit says, as decompressed pixels are.
    """
    allocated = stored.dtype.itemsize * 8
    bits = int(dataset.BitsStored)
    high = bits - 1 if aligned else int(dataset.get("HighBit") or bits - 1)
    if not bits - 1 <= high < allocated:
        high = bits - 1
    return bits_up_to(stored, bits, high)


def bits_up_to(stored: np.ndarray, bits: int, high: int) -> np.ndarray:
    """Values of so many bits up to bit number `high`, extended by their sign where the type has one."""
    allocated = stored.dtype.itemsize * 8
    if bits == allocated:
        return stored
    if not 1 <= bits < allocated:
        raise UserError("corrupt_file", "The DICOM file's numbers of bits per pixel contradict each other.")
    return (stored << (allocated - 1 - high)) >> (allocated - bits)


def _says_hu(dataset: Dataset, number: int) -> bool:
    slope, intercept = (_rescale_text(dataset, number, name) for name in RESCALE)
    kind = frame_value(dataset, number, TRANSFORMATION, "RescaleType")
    return slope is not None and intercept is not None and _is_hu(kind or "HU")


def _rescale_text(dataset: Dataset, number: int, keyword: str) -> str | None:
    return frame_value(dataset, number, TRANSFORMATION, keyword, written)


def _is_hu(kind: object) -> bool:
    return str(kind or "").strip().upper() == "HU"


def _rescaled(stored: np.ndarray, dataset: Dataset, number: int) -> tuple[np.ndarray, bool]:
    luts = dataset.get("ModalityLUTSequence")
    if luts:
        return _looked_up(stored, luts[0], dataset), _is_hu(luts[0].get("ModalityLUTType"))
    slope, intercept = _rescale(dataset, number)
    is_hu = _says_hu(dataset, number)
    if stored.dtype.kind in "iu" and slope == 1 and intercept.is_integer():
        wide = np.dtype(np.int32 if stored.dtype.itemsize <= 2 and abs(intercept) < 2**24 else np.float64)
        return stored.astype(wide) + wide.type(intercept), is_hu
    return stored.astype(np.float64) * slope + intercept, is_hu


def _rescale(dataset: Dataset, number: int) -> tuple[float, float]:
    """Slope and intercept of a frame; 1 and 0 where absent or empty."""
    found = []
    for keyword, default in RESCALE.items():
        text = _rescale_text(dataset, number, keyword)
        values = None if text is None else numbers(text)
        if text is None:
            found.append(default)
        elif values is None or keyword == "RescaleSlope" and values[0] == 0:
            raise UserError("corrupt_file", no_units(keyword, text))
        else:
            found.append(values[0])
    return found[0], found[1]


def _with_lost_sign(stored: np.ndarray, dataset: Dataset, number: int) -> np.ndarray | None:
    """Values that are signed though Pixel Representation says that they are not; None where they are not.

    Seen by what no CT has as unsigned: HU beyond 16 bits, or no HU that could be air where signed values
    have it.
    """
    if stored.dtype.kind != "u" or "ModalityLUTSequence" in dataset or not _says_hu(dataset, number):
        return None
    bits = int(dataset.BitsStored)
    negative = stored >= 2 ** (bits - 1)
    slope, intercept = _rescale(dataset, number)
    if slope < 0 or not negative.any():
        return None
    wide = stored.astype(np.int64) - (negative.astype(np.int64) << bits)
    lowest = wide.min() * slope + intercept
    has_no_air = intercept > NO_AIR_HU and LEAST_HU <= lowest <= NO_AIR_HU
    if stored.max() * slope + intercept <= MOST_HU and not has_no_air:
        return None
    return wide.astype(f"i{stored.dtype.itemsize}")


def _looked_up(stored: np.ndarray, lut: Dataset, dataset: Dataset) -> np.ndarray:
    """Values by the modality LUT, whose ends stand for all that lies beyond (C.11.1.1)."""
    entries, first, _ = (int(value) for value in lut.LUTDescriptor)
    data = lut.LUTData
    if isinstance(data, bytes):
        order = "<" if dataset.original_encoding[1] is not False else ">"
        data = np.frombuffer(data, "u1" if len(data) == entries else f"{order}u2")
    table = np.atleast_1d(np.asarray(data, np.int32))[: (entries & 0xFFFF) or 65536]
    index = stored.astype(np.int32) - _stored_value(first, dataset, stored)
    return table[np.clip(index, 0, len(table) - 1)]


def _declared_padding(stored: np.ndarray, dataset: Dataset, number: int, is_hu: bool) -> np.ndarray | None:
    """Where Pixel Padding Value, or its range, says that nothing was reconstructed; None for nowhere."""
    kind = "Float" if stored.dtype == np.float32 else "DoubleFloat" if stored.dtype == np.float64 else ""
    value = number_in(dataset, f"{kind}PixelPaddingValue")
    if value is None:
        return None
    limit = number_in(dataset, f"{kind}PixelPaddingRangeLimit")
    ends = [value, value if limit is None else limit]
    if not kind:
        ends = [_stored_value(int(end), dataset, stored) for end in ends]
    low, high = sorted(ends)
    padding = (stored >= low) & (stored <= high)
    if is_hu and "ModalityLUTSequence" not in dataset:
        slope, intercept = _rescale(dataset, number)
        low, high = sorted((low * slope + intercept, high * slope + intercept))
        if high < TISSUE_HU[0] or low > TISSUE_HU[1]:
            return padding
    return touching_edge(padding)


def _stored_value(value: int, dataset: Dataset, stored: np.ndarray) -> int:
    """A header's value as the pixels `stored` hold it; some files write it with the other sign."""
    cell = int(dataset.BitsAllocated)
    pixels = np.array([value % 2**cell], f"u{cell // 8}")
    if stored.dtype.kind == "i":
        pixels = pixels.view(f"i{cell // 8}")
    return int(significant_bits(pixels, dataset, aligned=True)[0])


def _compact(values: np.ndarray) -> np.ndarray:
    """int16 where that loses nothing, else float32."""
    if values.dtype.kind != "i":
        values = values.astype(np.float32)
        if not np.isfinite(values).all():
            raise UserError("corrupt_file", "The DICOM file's pixel values are not numbers.")
        if not np.array_equal(values, np.rint(values)):
            return values
    low, high = np.iinfo(np.int16).min, np.iinfo(np.int16).max
    fits = values.min() >= low and values.max() <= high
    return values.astype(np.int16 if fits else np.float32)
