"""A finding on any scan, without networks: an ellipse for an outline, five given probabilities."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from models.imaging.scan import Notice, Roi
from models.inference.finding import Finding, ModelAnswer
from models.inference.measurement.sizes import Measurement, measure
from models.inference.reading import Reading
from models.inference.saliency.saliency import Saliency
from models.networks.registry import ARCHITECTURES
from models.networks.scales import DESCRIPTOR_SCALES
from tests.reports.changed import changed

PROBABILITIES = dict(zip(ARCHITECTURES, (0.91234567, 0.8, 0.7, 0.6, 0.55), strict=True))
THRESHOLD = 0.4375


def make_finding(scan, row=None, col=None, *, index=0, radii=(4.0, 3.0), **values):
    """A finding at (row, col), the middle by default; `radii` in pixels, None for no outline."""
    row = (scan.rows - 1) / 2 if row is None else row
    col = (scan.cols - 1) / 2 if col is None else col
    outline = ellipse(row, col, radii) if radii else None
    answers = (
        ModelAnswer(key, ARCHITECTURES[key].title, "malignant", probability, THRESHOLD)
        for key, probability in PROBABILITIES.items()
    )
    notices = (*scan.notices, Notice("gantry_tilt", "The slices are tilted by 5°."))
    reading = Reading(
        roi=Roi(row, col, index, "given"),
        predictions={},
        notices=notices,
        weights="0123abcd",
        outline=outline and tuple(map(tuple, outline)),
        measurement=outline and measure(np.array(outline), scan, index),
    )
    made = Finding(
        scan=scan,
        reading=reading,
        verdict="malignant",
        model="consensus",
        title="Consensus of the five",
        probability=0.75,
        threshold=0.5,
        models=tuple(answers),
        characteristics=dict.fromkeys(DESCRIPTOR_SCALES),
        notices=notices,
    )
    return changed(made, **values)


def make_nothing(scan, *, anyway=False, **values):
    """A finding of a place without a nodule; its scores are there where they were asked for `anyway`."""
    made = make_finding(scan, verdict="no_nodule", nodule_probability=0.03125, **values)
    models = [replace(answer, verdict="no_nodule") for answer in made.models]
    if anyway:
        return replace(made, models=tuple(models))
    silent = tuple(replace(answer, probability=None) for answer in models)
    return replace(
        made, models=silent, probability=None, saliency=None, reading=made.reading.without_nodule()
    )


def make_mass(scan, **values):
    """A finding of a nodule of 50 x 40 mm that the models take for benign."""
    measurement = Measurement(50.0, 40.0, 45.0, 44.7)
    fields = {"verdict": "indeterminate", "probability": 0.25, "measurement": measurement}
    return make_finding(scan, **fields | values)


def ellipse(row, col, radii, n=48):
    """Vertices (row, col) of an ellipse."""
    angles = 2 * np.pi * np.arange(n) / n
    down, across = radii
    return np.stack([row + down * np.sin(angles), col + across * np.cos(angles)], axis=1).tolist()


def saliency_of(values):
    """A saliency map."""
    return Saliency(np.asarray(values, np.float32), method="Grad-CAM", layer=None)


def errors_of(path):
    """What dciodvfy (David Clunie's dicom3tools) calls an error in a DICOM file."""
    if not shutil.which("dciodvfy"):
        pytest.skip("dciodvfy of dicom3tools is not installed")
    result = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    lines = (result.stdout + result.stderr).splitlines()
    assert any(
        name in lines for name in ("ComprehensiveSR", "SCImage", "Segmentation")
    )  # it knew what to check
    return [line for line in lines if line.startswith("Error")]
