"""What the app knows of a nodule for comparison: each network's pooled features of the chosen slice."""

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.random import Generator

from models.inference.runtime.folded_graph import FoldedGraph, compiled
from models.inference.views import eight_views, patch_at
from training.cases.space import Features
from training.data.dataset import Nodules
from training.evaluation.perturb import PERTURBATIONS, Perturbation, Upload
from training.evaluation.predict import trained_model
from training.evaluation.robustness import rng_of, upload_of

Key = TypeVar("Key", bound=Hashable)
BATCH = 16  # patches, each in eight views
TIGHT_EDGE = 64  # pixels of a small crop


def features_of(
    networks: Mapping[str, Path], sets: Mapping[Key, np.ndarray], kept: Path
) -> dict[Key, Features]:
    """Features of sets of patches by each network, averaged over mirror images and turns as the app does.

    Parameters
    ----------
    networks : dict of str to Path
        Weights by key.
    sets : dict of str to ndarray of shape (n, pixels, pixels, 3), float32
    kept : Path
        Folder in which features are kept, named by a checksum over weights and patches.

    Returns
    -------
    dict of str to dict of str to ndarray of shape (n, channels), float32
        By set and network.
    """
    kept.mkdir(parents=True, exist_ok=True)
    features: dict[Key, Features] = {name: {} for name in sets}
    for key, weights in networks.items():
        content, pooled = weights.read_bytes(), None
        for name, patches in sets.items():
            checksum = hashlib.sha256(content + np.ascontiguousarray(patches).tobytes()).hexdigest()
            path = kept / f"{key}-{checksum[:16]}.npy"
            if not path.exists():
                pooled = pooled or compiled(FoldedGraph(trained_model(key, weights)), ["pool"])
                np.save(path, _forward(pooled, patches))
            features[name][key] = np.load(path)
    return features


def _forward(pooled: Callable, patches: np.ndarray) -> np.ndarray:
    parts = []
    for start in range(0, len(patches), BATCH):
        eight = eight_views(patches[start : start + BATCH])
        parts.append(pooled(eight)["pool"].numpy().reshape(8, len(eight) // 8, -1).mean(axis=0))
    return np.concatenate(parts)


def tight(upload: Upload, rng: Generator) -> Upload:
    """The slices cut to a small square around the middle."""
    top, left = (max(0, (n - TIGHT_EDGE) // 2) for n in upload.stack.shape[1:])
    stack = upload.stack[:, top : top + TIGHT_EDGE, left : left + TIGHT_EDGE]
    return Upload(stack, upload.spacing_mm, upload.row - top, upload.col - left)


def alone(upload: Upload, rng: Generator) -> Upload:
    """The middle slice without the adjacent ones."""
    return replace(upload, stack=upload.stack[len(upload.stack) // 2, None])


AS_IT_IS = Perturbation("all slices", True, lambda upload, rng: upload)
NAMES = ("ROI 4 px off", "JPEG of quality 70", "lung window", "mediastinal window")
WAYS = (  # in which people send a nodule, besides that
    Perturbation("middle slice alone", True, alone),
    Perturbation("64 x 64 pixels", True, tight),
    *(row for row in PERTURBATIONS if row.name in NAMES),
)


def patches_of(nodules: Nodules, chosen: Iterable[int], way: Perturbation = AS_IT_IS) -> np.ndarray:
    """The patch that the app cuts of each chosen nodule's middle slice when it is sent in some way.

    Returns
    -------
    ndarray of shape (n, pixels, pixels, 3), float32
    """
    patches = []
    for i in chosen:
        upload = way.apply(_three_slices(upload_of(nodules, i, middle_only=False)), rng_of(nodules, i))
        index = len(upload.stack) // 2
        patches.append(patch_at(upload.stack, upload.spacing_mm, upload.row, upload.col, index))
    return np.stack(patches)


def _three_slices(upload: Upload) -> Upload:
    """The middle slice with the adjacent ones that the patch shows; an end stands in for what is missing."""
    middle = len(upload.stack) // 2
    if len(upload.stack) < 3:
        return upload
    return replace(upload, stack=upload.stack[middle - 1 : middle + 2])
