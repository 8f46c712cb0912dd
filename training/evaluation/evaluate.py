"""From the scores of held-out patients to calibration, operating points and all that is measured.

    python -m training.evaluation.evaluate --data nodules.npz [--diagnoses diagnosis.csv] [--readme README.md]

Reads ``training/evaluation/held_out.csv`` (written by `training.evaluation.predict`), fits what the app needs
into ``weights/<key>.json``, and writes ``weights/evaluation.json`` and, with what a verdict adds at each
size, ``weights/reliability.json``. What is reported of a patient comes from choices that other patients made
(cross-fitting, five parts by patient). ``version_0_5.csv`` has the scores of version 0.5's networks on the
patients whom those had not seen. What `training.evaluation.texture` measured stays, and what
`training.evaluation.robustness` and `training.evaluation.clicks` measured, too, unless what is fitted here,
on which it depends, has changed.
"""

from dataclasses import astuple
from pathlib import Path

import numpy as np

from models.imaging.patch import PATCH
from models.inference.classifier import CONSENSUS, CONSENSUS_TITLE
from models.networks.registry import ARCHITECTURES
from models.weights import WeightsError, read_report
from training.arguments import parser_of
from training.data.dataset import Nodules, find, load
from training.evaluation.ahead import ahead
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
from training.evaluation.predict import HELD_OUT, read_scores
from training.evaluation.reliability import reliability_table
from training.evaluation.robustness import read_choices
from training.evaluation.subgroups import by_subgroup
from training.publish.reports import write_json, write_readme, write_report

KEYS = (*ARCHITECTURES, CONSENSUS)
FULL_READING = 3  # readers, from which on a mean rating is no accident


def evaluate(
    nodules: Nodules,
    rows: list[dict[str, str]],
    answers: Answers,
    diagnoses: dict[str, int] | None = None,
) -> dict:
    """All that is measured as one dict; see `evaluation.json`.

    Parameters
    ----------
    rows : list of dict
        Of ``held_out.csv``.
    answers : Answers
        On these, of choices that other patients made.
    diagnoses : dict of str to int, optional
    """
    indices = find(nodules, rows)
    patients, labels = nodules.patient[indices], nodules.label[indices]
    judged = labels >= 0
    ranked = dict(zip(KEYS, answers.score.T, strict=True))
    clear = {key: column[judged] for key, column in ranked.items()}
    ruler = nodules.diameter_mm[indices]
    called = dict(zip(KEYS, answers.balanced[judged].T, strict=True))
    leads = ahead(nodules, indices, answers.score)
    evaluation = {
        "data": _data(nodules, rows, labels) | training_range(nodules),
        "models": {
            key: _of_model(m, patients, labels, nodules.n_readers[indices], answers) | {"ahead": leads[m]}
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
        "folds": len({row["fold"] for row in rows}),
    }


def _of_model(
    m: int, patients: np.ndarray, labels: np.ndarray, n_readers: np.ndarray, answers: Answers
) -> dict:
    judged = labels >= 0
    s, p = answers.score[:, m], answers.probability[:, m]
    result: dict = performance(patients[judged], labels[judged], s[judged], p[judged])
    chosen = judged & (n_readers >= FULL_READING)
    result["three_readers"] = performance(patients[chosen], labels[chosen], s[chosen], p[chosen])
    for point in ("balanced", "high_sensitivity"):
        called = getattr(answers, point)[judged, m]
        result[point] = operating_point(patients[judged], labels[judged], called)
    result["abstention"] = abstention(patients, labels, s, answers.balanced[:, m], answers.deferred[:, m])
    return result | {"curves": curves(patients[judged], labels[judged], s[judged], p[judged])}


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


def measured_elsewhere(weights: Path, choices: list[Choice]) -> dict:
    """What other commands wrote into ``evaluation.json`` and is still true with these choices."""
    try:
        before = read_report(weights, "evaluation")
    except WeightsError:
        return {}
    names = ("texture", "robustness", "clicks") if _are_in(weights, choices) else ("texture",)
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
    write_report(weights, CONSENSUS, title=str(CONSENSUS_TITLE))


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "nodules", "weights")
    parser.add_argument("--scores", type=Path, default=HELD_OUT)
    parser.add_argument("--diagnoses", help="diagnosis.csv of LIDC-IDRI")
    parser.add_argument("--readme", type=Path, help="file whose results table is written anew")
    args = parser.parse_args(argv)
    nodules = load(args.data)
    rows, scores = read_scores(args.scores)
    diagnoses = read_diagnoses(args.diagnoses) if args.diagnoses else None
    indices = find(nodules, rows)
    labels = nodules.label[indices]
    answers = cross_fit(nodules.patient[indices], labels, scores)
    evaluation = evaluate(nodules, rows, answers, diagnoses)
    evaluation["descriptors"] = descriptor_errors(
        nodules, rows, indices, read_readings(args.data), read_answers(rows)
    )
    choices = fit_all(labels, scores)
    evaluation |= measured_elsewhere(args.weights, choices)
    reliability = reliability_table(nodules.diameter_mm[indices], labels, answers, KEYS)
    write_json(args.weights / "reliability.json", reliability)
    write_choices(args.weights, choices)
    write_json(args.weights / "evaluation.json", evaluation)
    if args.readme:
        write_readme(args.readme, args.weights)


if __name__ == "__main__":
    main()
