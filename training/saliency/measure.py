"""How good a saliency map is: the pointing game, deletion and insertion.

Pointing (Zhang et al., arXiv:1608.00507, 2016): the share of nodules in whose outline the strongest point of
the map lies, without tolerance; an empty map misses. Deletion and insertion (Petsiuk et al.,
arXiv:1806.07421, 2018): the probability of the rating that the network finds most likely, averaged while
pixels of the close field are blurred, most salient first, or while they come back in the same order.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.ndimage import gaussian_filter

from models.imaging.patch import CLOSE_MM
from training.intervals import bootstrap_by_patient
from training.saliency.cases import Case

Answering = Callable[
    [np.ndarray], np.ndarray
]  # patches (n, rows, cols, fields) to distributions over ratings (n, 5)
STEPS = 16
BLUR_MM = 5.0  # standard deviation: a nodule of 6 mm is gone


def points_at(saliency_map: np.ndarray, inside: np.ndarray) -> bool:
    """Whether the strongest point of a map (the first of several) lies in a mask."""
    return bool(saliency_map.any() and inside.flat[np.argmax(saliency_map)])


def middle_points_at(inside: np.ndarray) -> float:
    """How often a map scores that always points at the middle: its share of the four middle pixels."""
    half = len(inside) // 2
    return float(inside[half - 1 : half + 1, half - 1 : half + 1].mean())


def pointing(hits: Sequence[bool], cases: list[Case]) -> dict[str, float]:
    """Share of hits with its 95 % interval over patients."""
    found, patients = np.asarray(hits, float), np.array([case.patient for case in cases])
    low, high = bootstrap_by_patient(np.mean, patients, found)
    return {
        "value": float(found.mean()),
        "low": low,
        "high": high,
        "n_nodules": len(cases),
        "n_patients": len(set(patients.tolist())),
        "centre": float(np.mean([middle_points_at(case.inside) for case in cases])),
    }


def curves(
    answer: Answering, patch: np.ndarray, saliency_map: np.ndarray, steps: int = STEPS
) -> tuple[np.ndarray, np.ndarray]:
    """Deletion and insertion of one patch.

    Parameters
    ----------
    answer : callable
        Patches (n, rows, cols, fields) to distributions over ratings (n, 5).
    patch : ndarray of shape (rows, cols, fields)
    saliency_map : ndarray of shape (rows, cols)
    steps : int
        How many equal parts of the pixels follow one another.

    Returns
    -------
    deletion, insertion : ndarray of shape (steps + 1,)
        From nothing to everything deleted or inserted. Means of them are the areas under the curves.
    """
    rank = np.empty(saliency_map.size, int)
    rank[np.argsort(-saliency_map, axis=None, kind="stable")] = np.arange(saliency_map.size)
    step = (rank * steps // rank.size).reshape(saliency_map.shape)
    sigma = BLUR_MM / CLOSE_MM * len(patch)
    blurred = patch.copy()
    blurred[..., 0] = gaussian_filter(patch[..., 0], sigma)
    done = (step < np.arange(steps + 1)[:, None, None])[..., None]
    probability = answer(np.concatenate([np.where(done, blurred, patch), np.where(done, patch, blurred)]))
    top = probability[:, np.argmax(probability[0])]
    return top[: steps + 1], top[steps + 1 :]


def mean_curves(answer: Answering, cases: list[Case], maps: list[np.ndarray]) -> dict[str, float]:
    """Mean areas under the curves over cases with their maps: deletion, insertion."""
    areas = [
        [curve.mean() for curve in curves(answer, case.patches[0], one)]
        for case, one in zip(cases, maps, strict=True)
    ]
    deletion, insertion = np.mean(areas, axis=0)
    return {"deletion": float(deletion), "insertion": float(insertion)}
