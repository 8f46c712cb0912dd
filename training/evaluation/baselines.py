"""What the models are held against: a ruler, the readers' descriptors, one reader, confirmed diagnoses."""

import csv
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from training.data.dataset import MALIGNANT_AT_LEAST, Nodules, label_of
from training.evaluation.metrics import auc_if_defined, confusion

BENIGN_DIAGNOSIS, MALIGNANT_DIAGNOSES = 1, (2, 3)  # 0: unknown
FOLDS = 5


def descriptor_scores(nodules: Nodules) -> np.ndarray:
    """Log odds of a logistic regression on the readers' descriptors and diameter, cross-fitted by patient.

    No network has these eight inputs: it is what the readers' own description of a nodule says of their
    own suspicion.
    """
    inputs = np.column_stack([nodules.descriptors, np.log(nodules.diameter_mm)])
    scores = np.zeros(len(nodules))
    for choosing, answering in GroupKFold(FOLDS).split(inputs, groups=nodules.patient):
        choosing = choosing[nodules.label[choosing] >= 0]
        fit = make_pipeline(StandardScaler(), LogisticRegression())
        fit.fit(inputs[choosing], nodules.label[choosing])
        scores[answering] = fit.decision_function(inputs[answering])
    return scores


def readers_against_others(nodules: Nodules, indices: np.ndarray, scores: dict[str, np.ndarray]) -> dict:
    """One reader's rating, and scores, at predicting the mean rating of the nodule's other readers.

    Parameters
    ----------
    indices : ndarray of int
    scores : dict of str to ndarray of shape (len(indices),)

    Returns
    -------
    dict
        By ``at_least_2`` and ``4`` readers: ``n`` readings; of ``one_reader`` and of each score the AUC
        with its interval; of ``one_reader`` also sensitivity and specificity of a rating of at least 4.
    """
    rows = []
    for position, i in enumerate(indices):
        ratings = nodules.malignancy[i][np.isfinite(nodules.malignancy[i])]
        for reader in range(len(ratings)) if len(ratings) > 1 else ():
            others = float(label_of(np.delete(ratings, reader).mean()))
            if others >= 0:
                rows.append((position, len(ratings), ratings[reader], others))
    position, n_readers, rating, label = np.array(rows).T
    position, label = position.astype(int), label.astype(int)
    patients = nodules.patient[indices][position]
    result: dict[str, dict] = {}
    for name, chosen in (("at_least_2", n_readers >= 2), ("4", n_readers == 4)):
        columns = {"one_reader": rating} | {key: score[position] for key, score in scores.items()}
        result[name] = {
            key: auc_if_defined(patients[chosen], label[chosen], column[chosen])
            for key, column in columns.items()
        }
        result[name]["n"] = int(chosen.sum())
        result[name]["one_reader"] |= confusion(label[chosen], rating[chosen], MALIGNANT_AT_LEAST)
    return result


def read_diagnoses(path: str | Path) -> dict[str, int]:
    """Confirmed diagnoses: patient to 1 (malignant) or 0 (benign); unknown ones are left out."""
    with open(path, newline="") as file:
        codes = {row["patient_id"]: int(row["diagnosis"]) for row in csv.DictReader(file)}
    known = (BENIGN_DIAGNOSIS, *MALIGNANT_DIAGNOSES)
    return {patient: int(code in MALIGNANT_DIAGNOSES) for patient, code in codes.items() if code in known}


def against_diagnoses(
    diagnoses: dict[str, int], nodules: Nodules, indices: np.ndarray, scores: dict[str, np.ndarray]
) -> dict:
    """AUC of each score for confirmed diagnoses, a patient having the score of the most suspicious nodule."""
    patients = [p for p in sorted(set(nodules.patient[indices].tolist())) if p in diagnoses]
    labels = np.array([diagnoses[p] for p in patients])
    columns = scores | {
        "readers": np.nanmean(nodules.malignancy[indices], axis=1),
        "diameter": nodules.diameter_mm[indices],
    }
    members = [nodules.patient[indices] == p for p in patients]
    result: dict = {"n_patients": len(patients), "n_malignant": int(labels.sum())}
    for name, column in columns.items():
        worst = np.array([column[rows].max() for rows in members])
        result[name] = auc_if_defined(np.array(patients), labels, worst)
    return result
