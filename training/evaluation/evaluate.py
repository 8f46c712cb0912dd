"""From the scores of held-out patients to calibration, operating points and all that is measured.

    python -m training.evaluation.evaluate --data patches.npz [--diagnoses diagnosis.csv] [--readme README.md]

Reads ``training/evaluation/held_out.csv`` (written by `training.evaluation.predict`), fits what the app needs
into ``weights/<key>.json``, and writes ``weights/evaluation.json`` and, with what a verdict adds at each
size, ``weights/reliability.json``. What is reported of a patient comes from choices that other patients made
(cross-fitting, five parts by patient). What `training.evaluation.texture` measured stays, and what
`training.evaluation.robustness` measured, too, unless what is fitted here, on which it depends, has changed.
"""

import csv
from dataclasses import astuple
from pathlib import Path

import numpy as np

from models.imaging.patch import PATCH
from models.inference.classifier import CONSENSUS, CONSENSUS_TITLE
from models.inference.views import SLICES
from models.networks.registry import ARCHITECTURES
from models.weights import WeightsError, read_report
from training.arguments import parser_of
from training.data.dataset import Nodules, find, load
from training.evaluation.baselines import (
    against_diagnoses,
    descriptor_scores,
    read_diagnoses,
    readers_against_others,
)
from training.evaluation.calibrate import Answers, Choice, cross_fit, fit_all
from training.evaluation.descriptors import descriptor_errors, read_answers, read_readings
from training.evaluation.metrics import auc_with_interval
from training.evaluation.performance import abstention, curves, operating_point, performance
from training.evaluation.predict import HELD_OUT, INPUTS
from training.evaluation.reliability import reliability_table
from training.evaluation.robustness import read_choices
from training.evaluation.subgroups import by_subgroup
from training.publish.reports import write_json, write_readme, write_report

KEYS = (*ARCHITECTURES, CONSENSUS)
FULL_READING = 3  # readers, from which on a mean rating is no accident


def read_scores(path: Path) -> tuple[list[dict[str, str]], dict[str, np.ndarray]]:
    """Rows of ``held_out.csv``, and the scores of each input, shape (rows, 5)."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return rows, {
        kind: np.array([[float(row[f"{key}_{kind}"]) for key in ARCHITECTURES] for row in rows])
        for kind in INPUTS
    }


def evaluate(
    nodules: Nodules,
    rows: list[dict[str, str]],
    scores: dict[str, np.ndarray],
    diagnoses: dict[str, int] | None = None,
) -> dict:
    """All that is measured as one dict; see `evaluation.json`.

    Parameters
    ----------
    rows : list of dict
        Of ``held_out.csv``.
    scores : dict of str to ndarray of shape (rows, 5)
    diagnoses : dict of str to int, optional
    """
    indices = find(nodules, rows)
    patients, labels = nodules.patient[indices], nodules.label[indices]
    answers = dict(zip(INPUTS, cross_fit(patients, labels, list(scores.values())), strict=True))
    judged = labels >= 0
    ranked = {key: answers["stack"].score[:, m] for m, key in enumerate(KEYS)}
    clear = {key: column[judged] for key, column in ranked.items()}
    ruler = nodules.diameter_mm[indices]
    called = {key: answers["stack"].balanced[judged, m] for m, key in enumerate(KEYS)}
    evaluation = {
        "data": _data(nodules, rows, labels) | training_range(nodules),
        "models": {
            key: _of_model(m, patients, labels, rows, nodules.n_readers[indices], answers)
            for m, key in enumerate(KEYS)
        },
        "baselines": _baselines(nodules, indices, judged)
        | {"readers": readers_against_others(nodules, indices, ranked)},
        "subgroups": by_subgroup(nodules, indices[judged], clear | {"diameter": ruler[judged]}, called),
    }
    if diagnoses:
        evaluation["diagnoses"] = against_diagnoses(diagnoses, nodules, indices, ranked)
    return evaluation


def training_range(nodules: Nodules) -> dict:
    """What the shipped networks, which learnt from all patients, have seen: sizes and contrast agent."""
    low, high = np.percentile(nodules.diameter_mm, (0.5, 99.5))
    seen = {"n_nodules": len(nodules), "given": int(nodules.contrast.sum())}
    return {"diameter_mm": {"low": float(low), "high": float(high)}, "contrast": seen}


def _data(nodules: Nodules, rows: list[dict[str, str]], labels: np.ndarray) -> dict:
    return {
        "n_patients": len({row["patient"] for row in rows}),
        "n_nodules": len(rows),
        "n_benign": int((labels == 0).sum()),
        "n_malignant": int((labels == 1).sum()),
        "n_indeterminate": int((labels == -1).sum()),
        "n_patients_in_all": len(set(nodules.patient.tolist())),
        "splits": sorted({int(row["split"]) for row in rows}),
    }


def _of_model(
    m: int,
    patients: np.ndarray,
    labels: np.ndarray,
    rows: list[dict[str, str]],
    n_readers: np.ndarray,
    answers: dict[str, Answers],
) -> dict:
    judged = labels >= 0
    never_chose = np.array([row["side"] == "test" for row in rows])
    result: dict = {}
    for kind, given in answers.items():
        s, p = given.score[:, m], given.probability[:, m]
        result[kind] = performance(patients[judged], labels[judged], s[judged], p[judged])
        for name, part in (("test_half", never_chose), ("three_readers", n_readers >= FULL_READING)):
            chosen = judged & part
            result[kind][name] = performance(patients[chosen], labels[chosen], s[chosen], p[chosen])
        for point in ("balanced", "high_sensitivity"):
            called = getattr(given, point)[judged, m]
            result[kind][point] = operating_point(patients[judged], labels[judged], called)
        result[kind]["abstention"] = abstention(
            patients, labels, s, given.balanced[:, m], given.deferred[:, m]
        )
    stack = (answers["stack"].score[judged, m], answers["stack"].probability[judged, m])
    return result | {"curves": curves(patients[judged], labels[judged], *stack)}


def _baselines(nodules: Nodules, indices: np.ndarray, judged: np.ndarray) -> dict:
    chosen = indices[judged]
    patients, labels = nodules.patient[chosen], nodules.label[chosen]
    full = nodules.n_readers[chosen] >= FULL_READING
    columns = {"diameter": nodules.diameter_mm[chosen], "descriptors": descriptor_scores(nodules)[chosen]}
    return {
        name: {
            **auc_with_interval(patients, labels, column),
            "three_readers": auc_with_interval(patients[full], labels[full], column[full]),
        }
        for name, column in columns.items()
    }


def reliability(nodules: Nodules, indices: np.ndarray, scores: dict[str, np.ndarray]) -> dict:
    """What the verdicts on held-out nodules add to their size; see `reliability_table`."""
    patients, labels = nodules.patient[indices], nodules.label[indices]
    answers = dict(zip(INPUTS, cross_fit(patients, labels, list(scores.values())), strict=True))
    return reliability_table(nodules.diameter_mm[indices], labels, answers, KEYS)


def measured_elsewhere(weights: Path, choices: list[Choice]) -> dict:
    """What other commands wrote into ``evaluation.json`` and is still true with these choices."""
    try:
        before = read_report(weights, "evaluation")
    except WeightsError:
        return {}
    names = ("texture", "robustness") if _are_in(weights, choices) else ("texture",)
    return {name: before[name] for name in names if name in before}


def _are_in(weights: Path, choices: list[Choice]) -> bool:
    """Whether the reports hold these choices; networks that were exported anew have none."""
    try:
        return np.allclose(_numbers(read_choices(weights)), _numbers(choices), atol=1e-6)
    except (WeightsError, KeyError):
        return False


def _numbers(choices: list[Choice]) -> np.ndarray:
    return np.array([np.hstack(astuple(choice)) for choice in choices])


def write_choices(weights: Path, choices: list[Choice]) -> None:
    """Calibration, operating points and abstention into the reports that the app reads."""
    for key, choice in zip(KEYS, choices, strict=True):
        write_report(
            weights,
            key,
            calibration=vars(choice.calibration),
            threshold=choice.balanced,
            high_sensitivity_threshold=choice.high_sensitivity,
            abstention=vars(choice.abstention),
        )
        if key != CONSENSUS:
            write_report(weights, key, patch=vars(PATCH))
    write_report(weights, CONSENSUS, title=str(CONSENSUS_TITLE), slices=SLICES)


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "patches", "weights")
    parser.add_argument("--scores", type=Path, default=HELD_OUT)
    parser.add_argument("--diagnoses", help="diagnosis.csv of LIDC-IDRI")
    parser.add_argument("--readme", type=Path, help="file whose results table is written anew")
    args = parser.parse_args(argv)
    nodules = load(args.data)
    rows, scores = read_scores(args.scores)
    diagnoses = read_diagnoses(args.diagnoses) if args.diagnoses else None
    indices = find(nodules, rows)
    evaluation = evaluate(nodules, rows, scores, diagnoses)
    evaluation["descriptors"] = descriptor_errors(
        nodules, rows, indices, read_readings(args.data), read_answers(rows)
    )
    choices = fit_all(nodules.label[indices], list(scores.values()))
    evaluation |= measured_elsewhere(args.weights, choices)
    write_json(args.weights / "reliability.json", reliability(nodules, indices, scores))
    write_choices(args.weights, choices)
    write_json(args.weights / "evaluation.json", evaluation)
    if args.readme:
        write_readme(args.readme, args.weights)


if __name__ == "__main__":
    main()
