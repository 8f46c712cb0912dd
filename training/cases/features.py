"""What the app knows of a nodule for comparison: each network's pooled features."""

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.random import Generator

from models.imaging.patch import cut_patch
from models.inference.runtime.folded_graph import FoldedGraph, compiled
from models.inference.views import eight_views
from training.cases.space import Features
from training.data.dataset import Nodules
from training.data.outlines import Outlines
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
    sets : dict of str to ndarray of shape (n, pixels, pixels, fields), float32
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
    """The slice cut to a small square around the nodule."""
    top, left = (
        min(max(0, round(at) - TIGHT_EDGE // 2), max(0, n - TIGHT_EDGE))
        for at, n in zip((upload.row, upload.col), upload.pixels.shape, strict=True)
    )
    pixels = upload.pixels[top : top + TIGHT_EDGE, left : left + TIGHT_EDGE]
    return Upload(pixels, upload.spacing_mm, upload.row - top, upload.col - left)


AS_IT_IS = Perturbation("as it is", True, lambda upload, rng: upload)
NAMES = ("ROI 4 px off", "JPEG of quality 70", "lung window", "mediastinal window")
WAYS = (  # in which people send a nodule, besides that
    Perturbation("64 x 64 pixels", True, tight),
    *(row for row in PERTURBATIONS if row.name in NAMES),
)


def patches_of(
    nodules: Nodules, outlines: Outlines, chosen: Iterable[int], way: Perturbation = AS_IT_IS
) -> np.ndarray:
    """The patch that the app cuts of each chosen nodule when it is sent in some way.

    Returns
    -------
    ndarray of shape (n, pixels, pixels, fields), float32
    """
    uploads = (way.apply(upload_of(outlines, i), rng_of(nodules, i)) for i in chosen)
    return np.stack([cut_patch(one.pixels, one.spacing_mm, one.row, one.col) for one in uploads])
