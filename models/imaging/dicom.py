"""One DICOM CT slice to Hounsfield units (DICOM PS3.3 C.7.6.2, C.8.2.1 and C.11.1)."""

import io
import logging

import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.pixels import apply_modality_lut, get_decoder
from pydicom.uid import UID

from models.errors import ScanError
from models.imaging.scan import SPACING_BOUNDS_MM, Notice

CT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2",  # CT Image Storage
    "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT Image Storage
    "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT Image Storage
}
AIR_HU = -1024.0
PADDING_BELOW_HU = -1500.0  # scanners fill the corners outside the round field with -2000 or -3024
THICK_MM = 5.0
AXIAL_COSINE = 0.85  # the slice normal may be tilted by some 30 degrees (gantry tilt)
LUNG_BELOW_HU, BODY_ABOVE_HU = -500.0, -300.0
LUNG_MM2 = 1500.0  # less air inside the body is no chest; the sinuses of a head have about 1,100 mm2
WHOLE_SLICE_MM = 200.0  # only a field this wide can be expected to show lung

logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # its warnings quote header values


def looks_like_dicom(data):
    """Whether the bytes start as a DICOM file does (PS3.10: 128 bytes of preamble, then DICM)."""
    return data[128:132] == b"DICM"


def read_dicom(data, max_pixels):
    """Decode one CT slice.

    Returns
    -------
    pixels : ndarray of shape (rows, cols), float32
        In HU; padding outside the reconstructed field is -1024.
    spacing_mm : (float, float) or None
    notices : list of Notice

    Raises
    ------
    ScanError
        ``corrupt_file``, ``not_ct``, ``not_axial``, ``not_chest``, ``no_pixels``, ``missing_decoder``,
        ``unsupported_file`` or ``too_large``.
    """
    try:
        dataset = pydicom.dcmread(io.BytesIO(data), force=False)
        if len(dataset) == 0:  # all that pydicom leaves of compressed pixel data without an end
            raise ScanError("corrupt_file", "The DICOM file is damaged or cut short.")
        _refuse_other_objects(dataset)
        _refuse_large(dataset, max_pixels)
    except ScanError:
        raise
    except InvalidDicomError as error:
        raise ScanError("corrupt_file", "The DICOM file is damaged: its header cannot be read.") from error
    except Exception as error:  # pydicom raises many kinds on damaged headers
        raise ScanError("corrupt_file", "The DICOM file is damaged or cut short.") from error
    pixels = _hounsfield(dataset)
    spacing = _spacing(dataset)
    _refuse_other_regions(dataset, pixels, spacing)
    return pixels, spacing, _notices(dataset)


def _refuse_other_objects(dataset):
    modality = str(dataset.get("Modality", "")).strip()
    if modality and modality != "CT":
        raise ScanError("not_ct", f"The DICOM file is no CT image: its modality is {modality[:16]}.")
    if dataset.get("SOPClassUID") not in CT_CLASSES:
        name = UID(str(dataset.get("SOPClassUID", ""))).name or "unknown"
        raise ScanError("not_ct", f"The DICOM file is no CT image: it is of the class {name[:64]}.")
    if not any(tag in dataset for tag in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise ScanError("no_pixels", "The DICOM file has no pixel data.")
    if dataset.get("SamplesPerPixel", 1) != 1:
        raise ScanError("not_ct", "The DICOM file is in colour; a CT image is grey.")
    if int(dataset.get("NumberOfFrames", 1) or 1) > 1:
        raise ScanError("unsupported_file", "Multi-frame DICOM files are not read yet; send one slice.")
    if "LOCALIZER" in str(dataset.get("ImageType", "")).upper():  # one value is a str, several a list
        raise ScanError("not_axial", "The image is a localizer (scout view), not an axial slice.")
    orientation = dataset.get("ImageOrientationPatient")
    if orientation is not None and len(orientation) == 6:
        across, down = np.array(orientation, dtype=float).reshape(2, 3)
        if abs(np.cross(across, down)[2]) < AXIAL_COSINE:
            raise ScanError(
                "not_axial", "The image is a coronal, sagittal or oblique plane; send an axial slice."
            )


def _refuse_large(dataset, max_pixels):
    rows, cols = int(dataset.Rows), int(dataset.Columns)
    if rows * cols > max_pixels:
        raise ScanError(
            "too_large",
            f"The image has {cols} x {rows} pixels; at most {max_pixels / 1e6:g} million are read.",
        )


def _hounsfield(dataset):
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    try:
        decoder = get_decoder(syntax) if syntax and syntax.is_compressed else None
        available = decoder is None or decoder.is_available
    except (NotImplementedError, ValueError):  # ValueError: the UID is no transfer syntax of the standard
        available = False
    if not available:
        raise ScanError(
            "missing_decoder",
            f"The pixels are compressed as {syntax.name} ({syntax}), which no decoder installed here reads. "
            "Export the image uncompressed (Explicit VR Little Endian) and send it again.",
        )
    try:
        stored = dataset.pixel_array
        pixels = np.asarray(apply_modality_lut(stored, dataset), dtype=np.float32)
        padding = (pixels < PADDING_BELOW_HU) | np.isin(stored, dataset.get("PixelPaddingValue", []))
    except Exception as error:  # decoders raise many kinds on damaged data
        raise ScanError("corrupt_file", "The DICOM file's pixel data are damaged or cut short.") from error
    if pixels.ndim != 2 or not np.isfinite(pixels).all():
        raise ScanError("corrupt_file", "The DICOM file's pixel data are not one grey image.")
    return np.where(padding, np.float32(AIR_HU), pixels)


def _spacing(dataset):
    values = dataset.get("PixelSpacing")
    try:
        spacing = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        return None
    low, high = SPACING_BOUNDS_MM
    return spacing if len(spacing) == 2 and all(low <= value <= high for value in spacing) else None


def _refuse_other_regions(dataset, pixels, spacing):
    region = str(dataset.get("BodyPartExamined", "")).upper()
    field = min(pixels.shape) * min(spacing or (0.7, 0.7))
    lung = _enclosed_air(pixels) * np.prod(spacing or (0.7, 0.7))
    if field >= WHOLE_SLICE_MM and lung < LUNG_MM2:
        raise ScanError("not_chest", "The slice shows no lung; send an axial slice of the chest.")
    if region in {"HEAD", "BRAIN", "SKULL"}:
        raise ScanError(
            "not_chest", "The file says that it shows the head; send an axial slice of the chest."
        )


def _enclosed_air(pixels):
    """Number of pixels as dark as lung that have body on all four sides."""
    body, enclosed = pixels > BODY_ABOVE_HU, pixels < LUNG_BELOW_HU
    for _ in range(4):
        body, enclosed = np.rot90(body), np.rot90(enclosed)
        enclosed = enclosed & np.maximum.accumulate(body)
    return int(enclosed.sum())


def _notices(dataset):
    try:
        thickness = float(dataset.get("SliceThickness") or 0)
    except (TypeError, ValueError):
        return []
    if thickness > THICK_MM:
        message = f"The slice is {thickness:.1f} mm thick; the models were trained on 0.6 to 5.0 mm."
        return [Notice("thick_slices", message)]
    return []
