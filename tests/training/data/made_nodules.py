"""Nodules without pictures, for the tests of what is measured on them."""

import json

import numpy as np

from models.networks.scales import DESCRIPTOR_SCALES, scale_descriptors
from training.data.dataset import Nodules
from training.data.splits import held_out


def make_nodules(patient, ratings, **columns):
    """Nodules of these patients and readers' ratings (a sequence a nodule); `columns` replaces attributes."""
    n = len(ratings)
    malignancy = np.full((n, 8), np.nan, np.float32)
    for row, given in zip(malignancy, ratings, strict=True):
        row[: len(given)] = given
    fields = {
        "patient": np.array(patient),
        "nodule": np.array([f"nodule-{i}" for i in range(n)]),
        "spacing_mm": np.full(n, 0.7),
        "malignancy": malignancy,
        "diameter_mm": np.full(n, 8.0),
        "descriptors": scale_descriptors(np.full((n, len(DESCRIPTOR_SCALES)), 3.0)),
        "slice_thickness_mm": np.full(n, 2.5),
        "contrast": np.zeros(n, bool),
    }
    return Nodules(**(fields | columns))


def recipe_of(nodules, fold):
    """What of ``run.json`` says that a run held the patients of a fold out."""
    return json.dumps({"fold": fold, "everyone": fold is None, "held_out": held_out(nodules, fold)})


def share_of_pairs(labels, scores):
    """AUC by counting: the share of pairs of a malignant and a benign case in order, ties counting half."""
    pairs = [(m > b) + (m == b) / 2 for m in scores[labels == 1] for b in scores[labels == 0]]
    return float(np.mean(pairs))
