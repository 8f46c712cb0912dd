"""A reading as a note beside its scan, so that another model's answer needs no forward pass."""

from base64 import b64decode, b64encode
from dataclasses import asdict, replace

import numpy as np

from models.imaging.patch import PATCH
from models.imaging.scan import Notice, Roi
from models.inference.classifier import Prediction
from models.inference.detection.recognition import Recognition
from models.inference.measurement.sizes import Measurement
from models.inference.reading import Reading
from models.inference.saliency.saliency import Saliency
from models.inference.similar_cases import SimilarCases
from models.inference.views import patch_at

LEVELS = 255  # of a saliency map, which is shown with as many


def note_of(reading):
    """A reading as JSON values; its scan and what can be cut from it anew are left out."""
    return {
        "weights": reading.weights,
        "roi": asdict(reading.roi),
        "given": reading.given and asdict(reading.given),
        "slices": reading.slices,
        "field_mm": reading.field_mm,
        "predictions": {
            key: {"score": p.score, "probability": p.probability, "descriptors": p.descriptors}
            for key, p in reading.predictions.items()
        },
        "notices": [asdict(notice) for notice in reading.notices],
        "outline": reading.outline,
        "measurement": reading.measurement and asdict(reading.measurement),
        "similar_cases": reading.similar_cases and asdict(reading.similar_cases),
        "saliency": {key: asdict(one) | {"map": _text(one.map)} for key, one in reading.saliency.items()},
        "recognition": reading.recognition and asdict(reading.recognition),
    }


def reading_of(note, scan):
    """The reading in a note of `note_of`, of the same scan.

    Saliency maps come back in steps of 1 / `LEVELS`, and predictions without their features.
    """
    first, last = note["slices"] or (0, len(scan.slices) - 1)
    slices = scan.slices[first : last + 1]
    roi, spec = Roi(**note["roi"]), replace(PATCH, field_mm=note["field_mm"])
    return Reading(
        scan=scan,
        roi=roi,
        given=note["given"] and Roi(**note["given"]),
        slices=note["slices"] and tuple(note["slices"]),
        field_mm=note["field_mm"],
        predictions={key: Prediction(**values) for key, values in note["predictions"].items()},
        patch=patch_at(slices, scan.spacing_mm, roi.row, roi.col, roi.slice - first, spec),
        notices=tuple(Notice(**notice) for notice in note["notices"]),
        weights=note["weights"],
        outline=_pairs(note["outline"]),
        measurement=note["measurement"] and Measurement(**note["measurement"]),
        similar_cases=note["similar_cases"] and SimilarCases(**_tuples(note["similar_cases"])),
        saliency={
            key: Saliency(**(values | {"map": _map(values["map"])}))
            for key, values in note["saliency"].items()
        },
        recognition=note["recognition"] and Recognition(**note["recognition"]),
    )


def _text(saliency_map):
    return b64encode(np.round(saliency_map * LEVELS).astype(np.uint8).tobytes()).decode()


def _map(text):
    levels = np.frombuffer(b64decode(text), np.uint8).reshape(PATCH.pixels, PATCH.pixels)
    return levels.astype(np.float32) / LEVELS


def _pairs(outline):
    return None if outline is None else tuple(map(tuple, outline))


def _tuples(values):
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
