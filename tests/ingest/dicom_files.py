"""CT files for tests: a chest in Hounsfield units, and any slice as the bytes of a DICOM file."""

import io
import tempfile
from pathlib import Path

import gdcm
import numpy as np
from pydicom import dcmread, dcmwrite
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RLELossless, generate_uid

AIR, TISSUE, LUNG, NODULE = -1000, 40, -850, 60


def ellipse(shape, row, col, radius_row, radius_col):
    """A boolean ellipse; centre and radii are shares of the image's height and width."""
    rows, cols = np.indices(shape)
    down = (rows / (shape[0] - 1) - row) / radius_row
    across = (cols / (shape[1] - 1) - col) / radius_col
    return down**2 + across**2 <= 1


def chest_slice(shape=(512, 512)):
    """Two lungs and a nodule of NODULE HU at (50 %, 30 %) in an ellipse of tissue; int16 HU."""
    hu = np.full(shape, AIR, np.int16)
    hu[ellipse(shape, 0.5, 0.5, 0.36, 0.46)] = TISSUE
    hu[ellipse(shape, 0.5, 0.30, 0.24, 0.15)] = LUNG
    hu[ellipse(shape, 0.5, 0.70, 0.24, 0.15)] = LUNG
    hu[ellipse(shape, 0.5, 0.30, 0.02, 0.02)] = NODULE
    texture = np.random.default_rng(1).integers(-15, 16, shape, dtype=np.int16)
    return hu + texture


def head_slice(shape=(512, 512)):
    """Brain within skull within air: as wide as a chest, but without lung; int16 HU."""
    hu = np.full(shape, AIR, np.int16)
    hu[ellipse(shape, 0.5, 0.5, 0.42, 0.34)] = 900
    hu[ellipse(shape, 0.5, 0.5, 0.39, 0.31)] = 35
    return hu


def make_ct(hu, *, slope=1.0, intercept=-1024.0, signed=False, bits=16, rle=False, **tags):
    """A CT slice as the bytes of a DICOM file.

    Parameters
    ----------
    hu : ndarray of shape (rows, cols)
        Must be stored values * slope + intercept for whole stored values.
    slope, intercept : float
        Rescale Slope and Rescale Intercept.
    signed : bool
        Pixel Representation 1 instead of 0.
    bits : int
        Bits Stored, of 16 allocated.
    rle : bool
        Compress the pixels as RLE Lossless.
    **tags
        Values of further elements by keyword; None removes the element, and TransferSyntaxUID is
        written over the real one in the file's meta information, whatever the pixels are.
    """
    stored = np.round((np.asarray(hu, dtype=float) - intercept) / slope)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    if stored.min() < low or stored.max() > high:
        raise ValueError(f"HU do not fit. Received: {stored.min():g} to {stored.max():g}")
    dataset = _header(stored.shape, slope, intercept, signed, bits)
    dataset.PixelData = stored.astype("<i2" if signed else "<u2").tobytes()
    if rle:
        dataset.compress(RLELossless, generate_instance_uid=False)
    syntax = tags.pop("TransferSyntaxUID", None)
    for keyword, value in tags.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return _written(dataset, syntax)


def rewritten(data, **tags):
    """The same file with other values of elements, by keyword; None removes the element."""
    dataset = dcmread(io.BytesIO(data))
    for keyword, value in tags.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return _written(dataset, None)


def with_text(data, vr="DS", **texts):
    """The same file with elements whose values are written as these texts (or bytes), whatever they are."""
    dataset = dcmread(io.BytesIO(data))
    for keyword, text in texts.items():
        value = text.encode("latin-1") if isinstance(text, str) else text
        value += b" " * (len(value) % 2)
        tag = Tag(keyword)
        dataset[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)
    return _written(dataset, None)


def header_of(data):
    """The elements of a file, as pydicom reads them."""
    return dcmread(io.BytesIO(data))


def transcoded(data, syntax):
    """The same file in another transfer syntax; what compresses is GDCM."""
    dataset = dcmread(io.BytesIO(data))
    if syntax.is_encapsulated:
        dataset.PixelData = _compressed(data, syntax)
        dataset["PixelData"].is_undefined_length = True
    elif not syntax.is_little_endian:
        cells = np.frombuffer(dataset.PixelData, f"u{dataset.BitsAllocated // 8}")
        dataset.PixelData = cells.byteswap().tobytes()
        dataset["PixelData"].VR = "OB" if dataset.BitsAllocated == 8 else "OW"
    dataset.file_meta.TransferSyntaxUID = syntax
    return _written(dataset, None)


def _compressed(data, syntax):
    """Encapsulated pixel data of a file, coded by GDCM (which reads and writes named files only)."""
    with tempfile.TemporaryDirectory() as folder:
        plain, coded = str(Path(folder) / "plain"), str(Path(folder) / "coded")
        Path(plain).write_bytes(data)
        reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(plain)
        writer.SetFileName(coded)
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(syntax))))
        if not reader.Read():
            raise ValueError("GDCM does not read the file.")
        change.SetInput(reader.GetImage())
        if not change.Change():
            raise ValueError(f"GDCM does not code these pixels. Received: {syntax.name}")
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        if not writer.Write():
            raise ValueError("GDCM does not write the file.")
        return dcmread(coded).PixelData


def without_meta(data):
    """The same file without preamble and file meta information: its first element is of group 8."""
    return data[144 + int.from_bytes(data[140:144], "little") :]


def _header(shape, slope, intercept, signed, bits):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.Modality = "CT"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.ImagePositionPatient = [-180, -180, -90]
    dataset.PixelSpacing = [0.7, 0.7]
    dataset.SliceThickness = 1.25
    dataset.Rows, dataset.Columns = shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, bits, bits - 1
    dataset.PixelRepresentation = int(signed)
    dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept
    return dataset


def _written(dataset, syntax):
    buffer = io.BytesIO()
    if dataset.file_meta.TransferSyntaxUID.is_little_endian:
        dataset.save_as(buffer, enforce_file_format=True)
    else:  # pydicom changes the byte order of a data set that it has read only if it is forced to
        dataset.preamble = bytes(128)
        dcmwrite(buffer, dataset, implicit_vr=False, little_endian=False, force_encoding=True)
    data = buffer.getvalue()
    if syntax is None:
        return data
    real = dataset.file_meta.TransferSyntaxUID
    old, new = _padded(real), _padded(syntax)
    if data.count(_element(old)) != 1:
        raise ValueError("Transfer Syntax UID is not in the file exactly once.")
    data = data.replace(_element(old), _element(new))
    length = int.from_bytes(data[140:144], "little") + len(new) - len(old)
    return data[:140] + length.to_bytes(4, "little") + data[144:]


def _padded(uid):
    return uid.encode() + b"\0" * (len(uid) % 2)


def _element(value):
    return b"\x02\x00\x10\x00UI" + len(value).to_bytes(2, "little") + value
