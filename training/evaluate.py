"""Calibrate on validation patients, report on test patients, through the app's own pipeline.

    python -m training.evaluate --data patches.npz [--readme README.md]

Each nodule is read as the app reads an upload: its slices as one stack, and its middle slice alone.
Validation patients choose calibration and operating point; test patients, who chose nothing, give the
figures. Writes both into ``weights/<key>.json`` and ``weights/consensus.json``, and the table into README.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from models.imaging.patch import PATCH
from models.inference.bank import CONSENSUS, CONSENSUS_TITLE, ModelBank, mean_probability, read_report
from models.inference.calibration import Platt, logit
from models.inference.views import SLICES, views
from models.networks.registry import ARCHITECTURES
from training.dataset import centre, load
from training.metrics import auc, bootstrap_by_patient, confusion, youden_threshold
from training.splits import side_of

README_MARKS = ("<!-- results -->", "<!-- /results -->")


def write_report(folder, key, **changes):
    """Change entries of ``<key>.json``."""
    path = folder / f"{key}.json"
    report = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(report | changes, indent=2) + "\n")


def score_nodules(bank, nodules, indices, middle_only):
    """Scores of all models, shape (nodules, models), before calibration."""
    scores = []
    for i in tqdm(indices, desc="middle slice" if middle_only else "stack", file=sys.stderr):
        stack = nodules.stacks[i]
        if middle_only:
            stack = stack[len(stack) // 2, None]
        patches = views(stack, float(nodules.spacing_mm[i]), *centre(stack), len(stack) // 2)
        scores.append([bank.predict(key, patches).score for key in ARCHITECTURES])
    return np.array(scores)


def fit_platt(labels, scores):
    """Platt scaling of scores in [0, 1] against labels (0 or 1)."""
    fit = LogisticRegression(C=1e6).fit(logit(scores)[:, None], labels)
    return Platt(float(fit.coef_[0, 0]), float(fit.intercept_[0]))


def auc_with_interval(nodules, indices, scores):
    """AUC of scores for the chosen nodules, with its 95 % interval by patient."""
    labels = nodules.label[indices]
    low, high = bootstrap_by_patient(auc, nodules.patient[indices], labels, scores)
    return {"auc": auc(labels, scores), "auc_low": low, "auc_high": high}


def measure(nodules, indices, probabilities, threshold):
    """AUC with its interval, and the operating point's figures."""
    labels = nodules.label[indices]
    return {
        **auc_with_interval(nodules, indices, probabilities),
        **confusion(labels, probabilities, threshold),
        "threshold": threshold,
        "n_nodules": len(indices),
        "n_malignant": int(labels.sum()),
        "n_patients": len(set(nodules.patient[indices])),
    }


def measure_all(bank, nodules, indices, platts, thresholds, middle_only):
    """What `measure` says of each model and of the consensus."""
    probabilities = _with_consensus(score_nodules(bank, nodules, indices, middle_only), platts)
    return [
        measure(nodules, indices, column, threshold)
        for column, threshold in zip(probabilities.T, thresholds, strict=True)
    ]


def evaluate(nodules, weights):
    """Calibrate on validation patients, measure on test patients, write all reports."""
    bank = ModelBank(weights)
    if bank.problems:
        sys.exit("error: " + " ".join(bank.problems.values()))
    platts, thresholds = calibrate(bank, nodules, _judged(nodules, "validation"))
    test = _judged(nodules, "test")
    stack, middle = (
        measure_all(bank, nodules, test, platts, thresholds, middle_only) for middle_only in (False, True)
    )
    results = [whole | {"middle_slice": alone} for whole, alone in zip(stack, middle, strict=True)]
    for key, threshold, result in zip((*ARCHITECTURES, CONSENSUS), thresholds, results, strict=True):
        write_report(weights, key, threshold=threshold, results=result)
    for key, platt in zip(ARCHITECTURES, platts, strict=True):
        write_report(weights, key, calibration=vars(platt), patch=vars(PATCH))
    ruler = auc_with_interval(nodules, test, nodules.diameter_mm[test])
    write_report(weights, CONSENSUS, title=CONSENSUS_TITLE, slices=SLICES, baseline=ruler)


def _judged(nodules, side):
    """Benign and malignant nodules of one side of the split."""
    indices = side_of(nodules, side)
    return indices[nodules.label[indices] >= 0]


def calibrate(bank, nodules, indices):
    """Platt scaling of each model, and operating points of the models and of the consensus."""
    scores, labels = score_nodules(bank, nodules, indices, middle_only=False), nodules.label[indices]
    platts = [fit_platt(labels, column) for column in scores.T]
    return platts, [youden_threshold(labels, column) for column in _with_consensus(scores, platts).T]


def _with_consensus(scores, platts):
    probabilities = np.stack([platt(column) for platt, column in zip(platts, scores.T, strict=True)], axis=1)
    return np.column_stack([probabilities, mean_probability(probabilities)])


def table(weights):
    """The results as a Markdown table, from the files in `weights`."""
    reports = {key: read_report(weights, key) for key in (*ARCHITECTURES, CONSENSUS)}
    lines = [
        "| model | AUC (95 % interval) | AUC, middle slice alone | accuracy | sensitivity | specificity |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for report in reports.values():
        result = report["results"]
        figures = " | ".join(f"{result[name]:.3f}" for name in ("accuracy", "sensitivity", "specificity"))
        middle = _interval(result["middle_slice"])
        lines.append(f"| {report['title']} | {_interval(result)} | {middle} | {figures} |")
    consensus = reports[CONSENSUS]
    lines.append(f"| diameter alone (a ruler) | {_interval(consensus['baseline'])} | | | | |")
    counts = consensus["results"]
    lines.append("")
    lines.append(
        f"{counts['n_nodules']} nodules ({counts['n_malignant']} malignant) of {counts['n_patients']} "
        "test patients, who neither trained nor chose anything."
    )
    return "\n".join(lines)


def _interval(result):
    return f"{result['auc']:.3f} ({result['auc_low']:.3f} to {result['auc_high']:.3f})"


def write_readme(path, weights):
    """Put the table between the marks of a Markdown file."""
    begin, end = README_MARKS
    head, rest = path.read_text().split(begin)
    path.write_text(f"{head}{begin}\n{table(weights)}\n{end}{rest.split(end)[1]}")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", help="patches.npz; without it, only the table is written anew")
    parser.add_argument("--weights", default="weights", type=Path)
    parser.add_argument("--readme", type=Path, help="file whose results table is written anew")
    args = parser.parse_args(argv)
    if args.data:
        evaluate(load(args.data), args.weights)
    if args.readme:
        write_readme(args.readme, args.weights)
    print(table(args.weights))


if __name__ == "__main__":
    main()
