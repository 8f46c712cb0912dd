"""A made CT series, and a stand-in for the networks that find and outline nodules, which are bright spots."""

import io
import zipfile

import numpy as np

from models.imaging.scan import Scan
from models.inference.detection.candidates import best_of
from models.inference.detection.localiser import Localiser
from tests.ingest.dicom_files import LUNG, NODULE, chest_slice, ellipse, make_ct

ROWS = COLS = 256
NODULE_AT = (127.5, 76.5)  # row and column
NODULE_SLICE = 3


def healthy_slice():
    """A chest slice without a nodule; int16 HU."""
    hu = chest_slice((ROWS, COLS))
    hu[ellipse(hu.shape, 0.5, 0.3, 0.03, 0.03)] = LUNG
    return hu


def sick_slice():
    """The same with one nodule, 10 pixels across."""
    hu = healthy_slice()
    hu[ellipse(hu.shape, 0.5, 0.3, 0.02, 0.02)] = NODULE
    return hu


def chest_volume(n_slices=5):
    """Slices (n, rows, cols) in HU; the nodule is in `NODULE_SLICE`."""
    return np.stack([sick_slice() if i == NODULE_SLICE else healthy_slice() for i in range(n_slices)])


def series_files(volume=None, spacing_mm=(1.4, 1.4), step_mm=5.0, **tags):
    """A series as (name, bytes), head first and named out of order."""
    volume = chest_volume() if volume is None else volume
    files = []
    for i, hu in enumerate(volume):
        place = {"ImagePositionPatient": [-180, -180, -90 + step_mm * i], "PixelSpacing": list(spacing_mm)}
        series = {"SeriesInstanceUID": "1.2.3.4", "InstanceNumber": len(volume) - i}
        files.append((f"{(7 * i) % len(volume)}.dcm", make_ct(hu, **place, **series, **tags)))
    return files[::-1]


def as_zip(files):
    """Files as the bytes of a ZIP, in a folder."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files:
            archive.writestr(f"study/{name}", data)
    return stream.getvalue()


def chest_scan(n_slices=5, **fields):
    """A scan as it is read from `series_files`."""
    positions = tuple(-90.0 + 5.0 * i for i in range(n_slices))
    usual = {"slices": chest_volume(n_slices), "spacing_mm": (1.4, 1.4), "spacing_assumed": False}
    return Scan(**(usual | {"is_hu": True, "positions_mm": positions} | fields))


class BrightSpots(Localiser):
    """The localiser with, in place of the network, a rule: what is brighter than lung is a nodule."""

    def __init__(self):
        self.report, self.thresholds = {}, {"series": 0.5, "picture": 0.5}

    def maps(self, fields):
        return (np.asarray(fields)[..., 1] > 0.5).astype(np.float32)

    def map_of(self, field):
        """As the finder's first network: at half the size."""
        return self.maps(field[None])[0, ::2, ::2]

    def judged(self, scan, chains, scale=1.0):
        """As the second network, which here believes the first, unless it is the wall of the chest."""
        return np.array([float(best_of(chain).diameter_mm < 20) for chain in chains])


class WithLocaliser:
    """A registry with another localiser and finder, or none, which never doubts; all else is the real one."""

    def __init__(self, registry, localiser, finder=None):
        self._registry, self.localiser, self.finder = registry, localiser, finder or localiser

    def recognise(self, scan, roi, shown=None):
        """Cannot be told: what follows from it has tests of its own, `tests.app.test_verdicts`."""

    def __getattr__(self, name):
        return getattr(self._registry, name)
