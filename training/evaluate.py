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

UNFITTED = {"slope": 1.0, "intercept": 0.0}
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


def measure(nodules, indices, probabilities, threshold):
    """AUC with its interval by patient, and the operating point's figures."""
    labels, patients = nodules.label[indices], nodules.patient[indices]
    low, high = bootstrap_by_patient(auc, patients, labels, probabilities)
    return {
        "auc": auc(labels, probabilities),
        "auc_low": low,
        "auc_high": high,
        **confusion(labels, probabilities, threshold),
        "threshold": threshold,
        "n_nodules": len(indices),
        "n_malignant": int(labels.sum()),
        "n_patients": len(set(patients)),
    }


def evaluate(nodules, weights):
    """Calibrate, measure and write all reports; returns the results by key."""
    for key in ARCHITECTURES:  # scores do not depend on a calibration, but loading wants one
        write_report(weights, key, calibration=UNFITTED)
    bank = ModelBank(weights)
    if bank.problems:
        sys.exit("error: " + " ".join(bank.problems.values()))
    sides = {}
    for side in ("validation", "test"):
        indices = side_of(nodules, side)
        sides[side] = indices[nodules.label[indices] >= 0]
    fitting = score_nodules(bank, nodules, sides["validation"], middle_only=False)
    labels = nodules.label[sides["validation"]]
    platts = [fit_platt(labels, scores) for scores in fitting.T]
    fitted = _with_consensus(fitting, platts)
    thresholds = [youden_threshold(labels, column) for column in fitted.T]
    results = [{} for _ in thresholds]
    for middle_only in (False, True):
        reported = _with_consensus(score_nodules(bank, nodules, sides["test"], middle_only), platts)
        for column, threshold, result in zip(reported.T, thresholds, results, strict=True):
            measured = measure(nodules, sides["test"], column, threshold)
            result.update({"middle_slice": measured} if middle_only else measured)
    for key, result, platt in zip(ARCHITECTURES, results, platts, strict=False):
        write_report(
            weights,
            key,
            calibration=vars(platt),
            threshold=result["threshold"],
            patch=vars(PATCH),
            results=result,
        )
    baseline = measure(nodules, sides["test"], nodules.diameter_mm[sides["test"]], threshold=np.inf)
    baseline = {name: baseline[name] for name in ("auc", "auc_low", "auc_high")}
    write_report(
        weights,
        CONSENSUS,
        title=CONSENSUS_TITLE,
        slices=SLICES,
        threshold=results[-1]["threshold"],
        results=results[-1],
        baseline=baseline,
    )
    return dict(zip((*ARCHITECTURES, CONSENSUS), results, strict=True))


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
