"""Who trains, who chooses, who reports: a split by patient, the same for all models."""

import numpy as np

SEED = 2026
SHARES = {"train": 0.70, "validation": 0.15, "test": 0.15}


def split_patients(patients, labels, seed=SEED):
    """Split patients, stratified by their most suspicious nodule.

    Parameters
    ----------
    patients : sequence of str, one a nodule
    labels : sequence of int, one a nodule
        1 malignant, 0 benign, -1 indeterminate.
    seed : int

    Returns
    -------
    dict of str to set of str
        The patients of ``train``, ``validation`` and ``test``; no patient is on two sides.
    """
    strata = {}
    for patient, label in zip(patients, labels, strict=True):
        strata[str(patient)] = max(int(label), strata.get(str(patient), -1))
    rng = np.random.default_rng(seed)
    sides = {name: set() for name in SHARES}
    for stratum in sorted(set(strata.values())):
        members = sorted(patient for patient, value in strata.items() if value == stratum)
        rng.shuffle(members)
        cuts = np.round(np.cumsum(list(SHARES.values())) * len(members)).astype(int)[:-1]
        for side, part in zip(sides.values(), np.split(np.array(members), cuts), strict=True):
            side.update(part.tolist())
    return sides


def side_of(nodules, side, seed=SEED):
    """Indices of the nodules whose patients are on `side`; see `split_patients`."""
    members = split_patients(nodules.patient, nodules.label, seed)[side]
    return np.flatnonzero([patient in members for patient in nodules.patient])
