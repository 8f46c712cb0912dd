"""What the shipped networks say on drawn chests: of a nodule, a mass, and locations without a nodule."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from models.imaging.scan import Roi
from models.inference.classifier import CONSENSUS
from models.inference.pipeline import analyse
from tests.inference.comparison.drawn import NODULE_AT, drawn_scan

STEP_MM = 2.5
VESSEL_HU = 20
WITHOUT = {  # x, y, z in mm
    "air outside": (20, 20, 70),
    "mediastinum": (180, 180, 70),
    "chest wall in front": (180, 60, 70),
    "chest wall at the side": (40, 180, 70),
    "back": (180, 290, 70),
    "lung": (250, 180, 70),
}
drawn = cache(lambda radius_mm: drawn_scan(spacing_mm=1.0, radius_mm=radius_mm))


def asked(app, scan, x, y, z):
    return analyse(scan, Roi(float(y), float(x), round(z / STEP_MM), "given"), CONSENSUS, app.registry)


@pytest.mark.parametrize("where", WITHOUT)
def test_where_no_nodule_is_drawn_none_is_recognised(app, where):
    assert asked(app, drawn(8.0), *WITHOUT[where]).verdict == "no_nodule"


def test_a_vessel_is_no_nodule(app):
    """A tube of 5 mm through the lung, in the slice."""
    scan = drawn(0)
    slices = np.array(scan.slices)
    slices[27:30, 178:183, 215:290] = VESSEL_HU
    assert asked(app, replace(scan, slices=slices), 250, 180, 70).verdict == "no_nodule"


@pytest.mark.parametrize("off", [(0, 0, 0), (5, 3, 0), (-6, 0, STEP_MM)])
def test_a_nodule_is_the_same_wherever_it_is_clicked(app, off):
    finding = asked(app, drawn(8.0), *(NODULE_AT + off))
    assert finding.verdict == "malignant"
    assert finding.reading.roi.row == pytest.approx(NODULE_AT[1], abs=2)
    assert finding.reading.roi.col == pytest.approx(NODULE_AT[0], abs=2)


def test_a_mass_of_50_mm_is_suspicious(app):
    assert asked(app, drawn(25.0), *NODULE_AT).verdict == "malignant"
