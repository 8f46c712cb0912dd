"""Who trains, who chooses, who reports: always by patient.

The five networks and recognition have three folds, so that each patient is held out once; the localiser and
the finder have an older split into train, validation and test patients.
"""

import hashlib
from collections.abc import Iterable
from typing import Protocol

import numpy as np

SEED = 2026
SHARES = {"train": 0.70, "validation": 0.15, "test": 0.15}
FOLDS = 3  # each patient is held out in one of them


class Labelled(Protocol):
    """`training.data.dataset.Nodules` or `training.data.outlines.Outlines`."""

    @property
    def patient(self) -> np.ndarray: ...

    @property
    def label(self) -> np.ndarray: ...


def split_patients(patients: Iterable[str], labels: Iterable[int], seed: int = SEED) -> dict[str, set[str]]:
    """Split patients, stratified by their most suspicious nodule.

    Parameters
    ----------
    patients : sequence of str, one a nodule
    labels : sequence of int, one a nodule
        1 malignant, 0 benign, -1 indeterminate.

    Returns
    -------
    dict of str to set of str
        The patients of ``train``, ``validation`` and ``test``; no patient is on two sides.
    """
    rng = np.random.default_rng(seed)
    sides: dict[str, set[str]] = {name: set() for name in SHARES}
    for members in strata(patients, labels):
        rng.shuffle(members)
        cuts = np.round(np.cumsum(list(SHARES.values())) * len(members)).astype(int)[:-1]
        for side, part in zip(sides.values(), np.split(np.array(members), cuts), strict=True):
            side.update(part.tolist())
    return sides


def strata(patients: Iterable[str], labels: Iterable[int]) -> list[list[str]]:
    """The patients in order, by their most suspicious nodule; see `split_patients`."""
    worst: dict[str, int] = {}
    for patient, label in zip(patients, labels, strict=True):
        worst[str(patient)] = max(int(label), worst.get(str(patient), -1))
    return [
        sorted(patient for patient, label in worst.items() if label == each)
        for each in sorted(set(worst.values()))
    ]


def side_of(nodules: Labelled, side: str, seed: int = SEED) -> np.ndarray:
    """Indices of the nodules whose patients are on `side`; see `split_patients`."""
    members = split_patients(nodules.patient, nodules.label, seed)[side]
    return np.flatnonzero([patient in members for patient in nodules.patient])


def fold_of_patients(nodules: Labelled) -> dict[str, int]:
    """The fold in which each patient is held out, stratified by the most suspicious nodule."""
    return {patient: place % FOLDS for patient, place in _places(nodules).items()}


def fold_of_nodules(nodules: Labelled) -> np.ndarray:
    """The fold in which each nodule's patient is held out, shape (n,)."""
    folds = fold_of_patients(nodules)
    return np.array([folds[str(patient)] for patient in nodules.patient])


def held_out(nodules: Labelled, fold: int | None) -> str:
    """A digest of the patients whom a fold holds out (None: nobody): other patients have other folds."""
    patients = sorted(patient for patient, own in fold_of_patients(nodules).items() if own == fold)
    return hashlib.sha256("\n".join(patients).encode()).hexdigest()[:16]


def sides_of_fold(nodules: Labelled, fold: int) -> dict[str, np.ndarray]:
    """Indices of the nodules whose patients train where a fold is held out, and of two halves of the others.

    Returns
    -------
    dict of str to ndarray of int
        ``train``; ``validation``, whose patients may choose something, and ``test``, whose patients report.
    """
    places = _places(nodules)
    place = np.array([places[str(patient)] for patient in nodules.patient])
    held_out, second = place % FOLDS == fold, place // FOLDS % 2 == 1
    return {
        "train": np.flatnonzero(~held_out),
        "validation": np.flatnonzero(held_out & ~second),
        "test": np.flatnonzero(held_out & second),
    }


def _places(nodules: Labelled) -> dict[str, int]:
    """The patients of each stratum in random order, numbered."""
    rng, places = np.random.default_rng(SEED), {}
    for members in strata(nodules.patient, nodules.label):
        for place, number in enumerate(rng.permutation(len(members))):
            places[members[number]] = place
    return places
