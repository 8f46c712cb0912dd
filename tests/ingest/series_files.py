"""Series of small CT files for tests: every slice tells its number by its pixels."""

import io
import zipfile

import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedCTImageStorage, generate_uid

from tests.ingest.dicom_files import make_ct

SHAPE = (24, 32)
SUPINE = (1, 0, 0, 0, 1, 0)


def marked(number, shape=SHAPE):
    """HU of slice `number`, no two columns and rows of which are alike."""
    rows, cols = np.indices(shape)
    return (10 * rows + cols - 900 + 7 * number).astype(np.int16)


def make_slice(number, *, z=None, shape=SHAPE, hu=None, **tags):
    """Bytes of slice `number`, at z mm (2 mm a slice from -90 where not given)."""
    z = -90 + 2 * number if z is None else z
    tags = {
        "SeriesInstanceUID": "1.2.3.4",
        "SeriesNumber": 3,
        "InstanceNumber": number + 1,
        "SOPInstanceUID": generate_uid(),
        "ImagePositionPatient": [-180, -180, z],
    } | tags
    for keyword in ("SeriesInstanceUID", "SeriesNumber", "InstanceNumber"):  # which make_ct does not write
        if tags[keyword] is None:
            del tags[keyword]
    return make_ct(marked(number, shape) if hu is None else hu, **tags)


def make_series(n_slices=6, **tags):
    """(name, bytes) of a series whose names, and instance numbers, run against the order of the slices."""
    return [
        (f"IM{n_slices - i:04}.dcm", make_slice(i, **{"InstanceNumber": n_slices - i} | tags))
        for i in range(n_slices)
    ]


def make_enhanced(places, *, orientations=None, **tags):
    """An Enhanced CT file (PS3.3 A.38), whose frame i is slice i, at z = places[i] mm."""
    dataset = dcmread(io.BytesIO(make_slice(0, SOPClassUID=EnhancedCTImageStorage, **tags)))
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        delattr(dataset, keyword)
    dataset.NumberOfFrames = len(places)
    measures = group(PixelSpacing=[0.8, 0.6], SliceThickness=2)
    dataset.SharedFunctionalGroupsSequence = [group(PixelMeasuresSequence=[measures])]
    dataset.PerFrameFunctionalGroupsSequence = [
        group(
            PlanePositionSequence=[group(ImagePositionPatient=[-180, -180, z])],
            PlaneOrientationSequence=[group(ImageOrientationPatient=orientation)],
        )
        for z, orientation in zip(places, orientations or [SUPINE] * len(places), strict=True)
    ]
    stored = np.stack([marked(i) for i in range(len(places))]) + 1024
    dataset.PixelData = stored.astype("<u2").tobytes()
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def group(**tags):
    """A dataset of some elements."""
    dataset = Dataset()
    for keyword, value in tags.items():
        setattr(dataset, keyword, list(value) if isinstance(value, tuple) else value)
    return dataset


def make_zip(files, method=zipfile.ZIP_DEFLATED):
    """A ZIP of (name, bytes) as bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return buffer.getvalue()


def png(pixels):
    """A picture as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(buffer, "png")
    return buffer.getvalue()


def numbers(scan):
    """Which of the marked slices a scan holds, in its order."""
    found = [int(pixels[0, 0] + 900) // 7 for pixels in scan.slices]
    for pixels, number in zip(scan.slices, found, strict=True):
        np.testing.assert_array_equal(pixels, marked(number, pixels.shape))
    return found
