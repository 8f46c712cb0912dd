"""A finding on any scan, without networks: an ellipse for an outline, five given probabilities."""

import shutil
import subprocess
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from models.imaging.patch import PATCH
from models.imaging.scan import Notice, Roi
from models.inference.finding import Finding, ModelAnswer
from models.inference.measurement.sizes import Measurement, measure
from models.networks.registry import ARCHITECTURES

PROBABILITIES = dict(zip(ARCHITECTURES, (0.91234567, 0.8, 0.7, 0.6, 0.55), strict=True))
THRESHOLD = 0.4375


def make_finding(scan, row=None, col=None, *, index=0, radii=(4.0, 3.0), **changed):
    """A finding at (row, col), the middle by default; `radii` in pixels, None for no outline."""
    row = (scan.rows - 1) / 2 if row is None else row
    col = (scan.cols - 1) / 2 if col is None else col
    outline = ellipse(row, col, radii) if radii else None
    answers = (
        ModelAnswer(key, ARCHITECTURES[key].title, "malignant", probability, THRESHOLD)
        for key, probability in PROBABILITIES.items()
    )
    fields = {
        "verdict": "malignant",
        "model": "consensus",
        "title": "Consensus of the five",
        "probability": 0.75,
        "threshold": 0.5,
        "models": tuple(answers),
        "roi": Roi(row, col, index, "given"),
        "scan": scan,
        "characteristics": {},
        "patch": np.zeros(PATCH.shape, np.float32),
        "notices": (*scan.notices, Notice("gantry_tilt", "The slices are tilted by 5°.")),
        "weights": "0123abcd",
        "outline": outline and tuple(map(tuple, outline)),
        "measurement": outline and measure(np.array(outline), scan, index),
    }
    return Finding(**fields | changed)


def make_nothing(scan, *, anyway=False, **changed):
    """A finding of a place without a nodule; its scores are there where they were asked for `anyway`."""
    made = make_finding(scan, verdict="no_nodule", nodule_probability=0.03125, recognised=False, **changed)
    models = [replace(answer, verdict="no_nodule") for answer in made.models]
    if anyway:
        return replace(made, models=tuple(models))
    silent = dict.fromkeys(("probability", "outline", "measurement", "similar_cases", "saliency"))
    return replace(made, models=tuple(replace(answer, probability=None) for answer in models), **silent)


def make_mass(scan, **changed):
    """A finding of a nodule of 50 x 40 mm that the models take for benign."""
    measurement = Measurement(50.0, 40.0, 45.0, 44.7)
    fields = {"verdict": "indeterminate", "probability": 0.25, "measurement": measurement}
    return make_finding(scan, **fields | changed)


def ellipse(row, col, radii, n=48):
    """Vertices (row, col) of an ellipse."""
    angles = 2 * np.pi * np.arange(n) / n
    down, across = radii
    return np.stack([row + down * np.sin(angles), col + across * np.cos(angles)], axis=1).tolist()


def saliency_of(values):
    """What a finding holds of a map: `models.inference.saliency.saliency` has Keras behind it."""
    values = np.asarray(values, np.float32)
    return SimpleNamespace(map=values, is_empty=not values.any(), method="Grad-CAM", layer=None)


def errors_of(path):
    """What dciodvfy (David Clunie's dicom3tools) calls an error in a DICOM file."""
    if not shutil.which("dciodvfy"):
        pytest.skip("dciodvfy of dicom3tools is not installed")
    result = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    lines = (result.stdout + result.stderr).splitlines()
    assert any(name in lines for name in ("ComprehensiveSR", "SCImage"))  # it knew what to check
    return [line for line in lines if line.startswith("Error")]
