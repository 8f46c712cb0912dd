"""How well the networks describe nodules of unseen patients: LIDC's descriptors and the diameter.

Every figure is a distance on LIDC's own scale (or in mm) from what the readers said. Next to the networks
stand one reader, held against the other readers' mean, and the training mean, said of every nodule: a network
that is no better than this has learnt nothing of that descriptor.
"""

import warnings
from pathlib import Path

import numpy as np
from scipy.stats import ConstantInputWarning, spearmanr

from models.inference.classifier import CONSENSUS
from models.networks.registry import ARCHITECTURES
from models.networks.scales import DESCRIPTOR_SCALES
from training.data.dataset import Nodules
from training.intervals import bootstrap_by_patient

NAMES = (*DESCRIPTOR_SCALES, "diameter_mm")
CONSTANT, READER = "constant", "reader"
SAMPLES = {"all": 1, "three_readers": 3}  # readers at least


def read_readings(path: str | Path) -> np.ndarray:
    """What the readers said, from nodules.npz: shape (nodules, readers, 8), NaN for no reader."""
    with np.load(path) as file:
        return np.stack([file[name] for name in NAMES], axis=-1).astype(float)


def read_answers(rows: list[dict[str, str]]) -> np.ndarray:
    """What the five networks and the consensus, their mean, say in ``held_out.csv``: shape (6, rows, 8)."""
    own = [[[float(row[f"{key}_{name}"]) for name in NAMES] for row in rows] for key in ARCHITECTURES]
    return np.concatenate([own, np.mean(own, axis=0, keepdims=True)])


def descriptor_errors(
    nodules: Nodules,
    rows: list[dict[str, str]],
    indices: np.ndarray,
    readings: np.ndarray,
    answers: np.ndarray,
) -> dict:
    """Errors of all descriptors and of the diameter.

    Parameters
    ----------
    rows : list of dict
        Of ``held_out.csv``.
    indices : ndarray of int, shape (rows,)
        Their nodules.
    readings : ndarray of shape (nodules, readers, 8)
    answers : ndarray of shape (6, rows, 8)

    Returns
    -------
    dict
        Of nodules with at least one reader (``all``) and with three: ``n_nodules``, ``n_patients``,
        ``n_readings``; by descriptor, ``against_mean``: each network, the consensus and the training mean
        (``constant``) against the readers' mean; ``against_others``: one ``reader`` and the consensus against
        the mean of the nodule's other readers. Each with ``mae`` (mean absolute error) and its 95 % interval
        by patient, ``bias``, and Spearman's ``correlation`` (NaN for a constant).
    """
    means, own = np.nanmean(readings, axis=1), readings[indices]
    columns = dict(zip((*ARCHITECTURES, CONSENSUS), answers, strict=True))
    columns[CONSTANT] = _training_means(nodules, rows, means)
    n_readers, patients = np.isfinite(own[..., 0]).sum(axis=1), nodules.patient[indices]
    result = {}
    for sample, least in SAMPLES.items():
        chosen = n_readers >= least
        position, one, others = _readings_apart(np.where(chosen[:, None, None], own, np.nan))
        result[sample] = {
            "n_nodules": int(chosen.sum()),
            "n_patients": len(set(patients[chosen].tolist())),
            "n_readings": len(position),
            "against_mean": _errors(
                patients[chosen], means[indices][chosen], {key: x[chosen] for key, x in columns.items()}
            ),
            "against_others": _errors(
                patients[position], others, {READER: one, CONSENSUS: columns[CONSENSUS][position]}
            ),
        }
    return result


def _training_means(nodules: Nodules, rows: list[dict[str, str]], means: np.ndarray) -> np.ndarray:
    """For each row the mean over the nodules of those who trained when it was held out, (rows, 8)."""
    folds = np.array([row["fold"] for row in rows])
    given = np.empty((len(rows), len(NAMES)))
    for fold in set(folds.tolist()):
        held_out = {row["patient"] for row in rows if row["fold"] == fold}
        given[folds == fold] = means[[patient not in held_out for patient in nodules.patient]].mean(axis=0)
    return given


def _readings_apart(readings: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each reading of a nodule with several: the nodule's position, the reading, the mean of the others."""
    here = np.isfinite(readings[..., 0])
    n = here.sum(axis=1)
    position, reader = np.nonzero(here & (n > 1)[:, None])
    one = readings[position, reader]
    total = np.nansum(readings, axis=1)[position]
    return position, one, (total - one) / (n[position] - 1)[:, None]


def _errors(
    patients: np.ndarray, truth: np.ndarray, columns: dict[str, np.ndarray]
) -> dict[str, dict[str, dict[str, float]]]:
    """Errors of each column against the truth, all of shape (n, 8), by descriptor and column."""
    errors = np.stack([column - truth for column in columns.values()])
    low, high = bootstrap_by_patient(
        lambda drawn: drawn.mean(axis=0), patients, np.abs(errors).transpose(1, 0, 2)
    )
    return {
        name: {
            key: {
                "mae": float(np.abs(errors[c, :, i]).mean()),
                "mae_low": float(low[c, i]),
                "mae_high": float(high[c, i]),
                "bias": float(errors[c, :, i].mean()),
                "correlation": _spearman(truth[:, i], column[:, i]),
            }
            for c, (key, column) in enumerate(columns.items())
        }
        for i, name in enumerate(NAMES)
    }


def _spearman(truth: np.ndarray, given: np.ndarray) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)  # NaN says it
        return float(spearmanr(truth, given).statistic)
