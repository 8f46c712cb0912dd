"""Compare ways to combine the five models, by AUC on held-out patients.

    python -m training.evaluation.combine --data nodules.npz --out training/evaluation/combinations.csv

Reads ``training/evaluation/held_out.csv``. A way that has to be fitted is cross-fitted by patient.
"""

import csv
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.inference.calibration import logit
from models.networks.registry import ARCHITECTURES
from training.arguments import parser_of
from training.data.dataset import find, load
from training.evaluation.calibrate import with_consensus
from training.evaluation.metrics import auc
from training.evaluation.predict import HELD_OUT, read_scores

FOLDS = 5


def fitted(inputs: np.ndarray, labels: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """Log odds of a logistic regression on standardised inputs, cross-fitted by patient."""
    scores = np.zeros(len(labels))
    for choosing, answering in GroupKFold(FOLDS).split(inputs, groups=patients):
        fit = make_pipeline(StandardScaler(), LogisticRegression())
        scores[answering] = fit.fit(inputs[choosing], labels[choosing]).decision_function(inputs[answering])
    return scores


def ways(
    scores: np.ndarray, diameters: np.ndarray, labels: np.ndarray, patients: np.ndarray
) -> dict[str, np.ndarray]:
    """Scores of each way to combine; `scores` and `diameters` (mm, as predicted) have shape (n, 5)."""
    odds, sizes = logit(scores), np.log(diameters)
    mean, size = odds.mean(axis=1), sizes.mean(axis=1)
    return {
        "mean of log odds (shipped)": with_consensus(scores)[:, -1],
        "mean of scores": scores.mean(axis=1),
        "logistic regression on the five": fitted(odds, labels, patients),
        "mean of log odds, and predicted diameter": fitted(np.column_stack([mean, size]), labels, patients),
        "logistic regression on the five and their predicted diameters": fitted(
            np.column_stack([odds, sizes]), labels, patients
        ),
    } | {
        f"{row.title} and its predicted diameter": fitted(
            np.column_stack([odds[:, m], sizes[:, m]]), labels, patients
        )
        for m, row in enumerate(ARCHITECTURES.values())
    }


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "nodules")
    parser.add_argument("--scores", type=Path, default=HELD_OUT)
    parser.add_argument("--out", type=Path, default=HELD_OUT.with_name("combinations.csv"))
    args = parser.parse_args(argv)
    nodules, (rows, scores) = load(args.data), read_scores(args.scores)
    indices = find(nodules, rows)
    chosen = nodules.label[indices] >= 0
    labels, patients = nodules.label[indices][chosen], nodules.patient[indices][chosen]
    diameters = np.array([[float(row[f"{key}_diameter_mm"]) for key in ARCHITECTURES] for row in rows])[
        chosen
    ]
    scores = scores[chosen]
    table = {row.title: scores[:, m] for m, row in enumerate(ARCHITECTURES.values())}
    table |= ways(scores, diameters, labels, patients)
    with open(args.out, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("scores", "held_out_auc"))
        writer.writerows((name, f"{auc(labels, column):.4f}") for name, column in table.items())


if __name__ == "__main__":
    main()
