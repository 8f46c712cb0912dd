"""Scans from made DICOM files."""

import pytest

from models.ingest.read import read_scan
from tests.ingest.series_files import make_enhanced, make_series

STUDY, SERIES = "1.2.826.0.1.1", "1.2.826.0.1.2"
WHO = {"PatientName": "Doe^Jane", "PatientID": "MRN-4711", "AccessionNumber": "ACC-12", "StudyID": "ST-9"}
NAMED = {"StudyInstanceUID": STUDY, "SeriesInstanceUID": SERIES, **WHO}
KINDS = {
    "series": lambda: make_series(3, **NAMED),
    "turned": lambda: make_series(3, **NAMED, ImageOrientationPatient=[0, -1, 0, -1, 0, 0]),
    "tilted": lambda: make_series(3, **NAMED, ImageOrientationPatient=[1, 0, 0, 0, 0.96, -0.28]),
    "one RLE file": lambda: make_series(1, **NAMED, rle=True),
    "enhanced": lambda: [("a", make_enhanced([8, 2, 6], **NAMED, SOPInstanceUID="1.2.9"))],
    "without places": lambda: make_series(
        1, **NAMED, ImagePositionPatient=None, ImageOrientationPatient=None, PixelSpacing=None
    ),
}


@pytest.fixture(params=KINDS)
def any_scan(request):
    """Scans of every kind of DICOM file."""
    return read_scan(KINDS[request.param]())


@pytest.fixture
def series():
    """Three slices, 0.7 mm a pixel."""
    return read_scan(KINDS["series"]())


@pytest.fixture
def enhanced():
    """Three frames of one file, in the order 2, 3, 1."""
    return read_scan(KINDS["enhanced"]())


@pytest.fixture
def turned():
    """A series whose rows run to the front and whose columns run to the patient's right."""
    return read_scan(KINDS["turned"]())
