"""A finding as an example; made up, as is what it would be of."""

from models import __version__
from models.inference.classifier import CONSENSUS
from models.inference.finding import DISCLAIMER
from models.networks.registry import ARCHITECTURES

PROBABILITIES = (0.87, 0.9, 0.82, 0.91, 0.85)
FINDING = {
    "verdict": "malignant",
    "model": CONSENSUS,
    "probability": 0.88,
    "nodule_probability": 0.98,
    "threshold": 0.21,
    "models": [
        {"key": key, "verdict": "malignant", "probability": probability, "threshold": 0.22}
        for key, probability in zip(ARCHITECTURES, PROBABILITIES, strict=True)
    ],
    "nodule": {
        "row": 281.0,
        "col": 299.0,
        "slice": 21,
        "source": "given",
        "largest_slice": 22,
        "first_slice": 19,
        "last_slice": 25,
        "long_axis_mm": 14.2,
        "short_axis_mm": 11.0,
        "mean_diameter_mm": 12.6,
        "equivalent_diameter_mm": 12.4,
        "mean_hu": -21.3,
        "texture": "solid",
        "outline": [[272.1, 299.0], [281.0, 307.9], [290.2, 299.0], [281.0, 290.4]],
    },
    "characteristics": {
        "spiculation": 2.1,
        "lobulation": 1.8,
        "texture": 4.9,
        "margin": 4.2,
        "sphericity": 3.9,
        "calcification": 5.8,
        "subtlety": 4.6,
    },
    "image": {
        "rows": 512,
        "cols": 512,
        "slices": 133,
        "spacing_mm": 0.78,
        "is_hu": True,
        "spacing_assumed": False,
        "thickness_mm": 2.5,
        "slice_spacing_mm": 2.5,
    },
    "warnings": [{"code": "contrast", "message": "A sentence for people."}],
    "disclaimer": DISCLAIMER,
    "version": {"app": __version__, "weights": "0123456789ab"},
    "similar": {
        "ratings": [0, 1, 2, 4, 3],
        "diameters_mm": [13.1, 15.8, 11.2],
        "distance": 0.94,
        "farther_than": 0.41,
        "is_unlike": False,
    },
    "reliability": {
        "adds": True,
        "nodules": 62,
        "malignant": 35,
        "recognised": 29,
        "size_mm": [10, 15],
        "same_verdict": {"nodules": 38, "malignant": 29, "share_low": 0.6, "share_high": 0.89},
    },
}
