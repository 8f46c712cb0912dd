"""How much the answers change with the location, the spacing, the export and the noise of an upload.

    python -m training.evaluation.robustness --data patches.npz --runs RUNS [--middle-only] [--resume]

Reads the benign and malignant test nodules of a split as the app reads an upload, once as they are and once
under each of `training.evaluation.perturb.PERTURBATIONS`, with networks that never saw these patients and
with the calibration, operating points and abstention in weights/. Writes the changes into ``robustness`` of
``weights/evaluation.json``, which `training.evaluation.evaluate` must have written before. Two CPU cores need
about half an hour, with ``--middle-only`` less than ten minutes. The scores are kept in the folder of the
runs after each perturbation; with ``--resume`` nothing is read twice, and new calibrations cost seconds.
"""

import sys
import zlib
from argparse import Namespace
from pathlib import Path

import numpy as np
from numpy.random import Generator
from tqdm import tqdm

from models.inference.calibration import Abstention, Calibration
from models.inference.classifier import CONSENSUS
from models.networks.registry import ARCHITECTURES
from models.weights import read_report
from training.arguments import parser_of
from training.data import save_arrays
from training.data.dataset import Nodules, centre, load
from training.data.splits import side_of
from training.evaluation.calibrate import Answers, Choice, answer
from training.evaluation.metrics import auc
from training.evaluation.perturb import PERTURBATIONS, Perturbation, Upload
from training.evaluation.predict import Network, load_network, predict, split_seed_of, views_of
from training.publish.reports import write_json

UNPERTURBED = Perturbation("unperturbed", False, lambda upload, rng: upload)
BENIGN, MALIGNANT, INDETERMINATE = 0, 1, -1


def judged_test_nodules(nodules: Nodules, split_seed: int, limit: int | None = None) -> np.ndarray:
    """Indices of the first `limit` (default: all) benign and malignant nodules of the test patients."""
    chosen = side_of(nodules, "test", split_seed)
    return chosen[nodules.label[chosen] >= 0][:limit]


def upload_of(nodules: Nodules, i: int, middle_only: bool) -> Upload:
    """What a user sends of a nodule: all its slices, or the middle one alone."""
    stack = nodules.stacks[i]
    if middle_only:
        stack = stack[len(stack) // 2, None]
    return Upload(stack, float(nodules.spacing_mm[i]), *centre(stack))


def rng_of(nodules: Nodules, i: int) -> Generator:
    """A random generator of the nodule's own, fresh for each perturbation.

    So the location moves in one direction at all distances, whatever else is read.
    """
    return np.random.default_rng(zlib.crc32(nodules.name(i).encode()))


def read(
    networks: list[Network],
    nodules: Nodules,
    chosen: np.ndarray,
    perturbation: Perturbation,
    middle_only: bool,
) -> np.ndarray:
    """Scores of all networks under one perturbation.

    The views of a nodule are made once and shown to one network after the other, so that no more than
    these are in memory.

    Returns
    -------
    ndarray of shape (nodules, networks)
    """
    scores = []
    for i in tqdm(chosen, desc=perturbation.name, file=sys.stderr):
        seen = perturbation.apply(upload_of(nodules, i, middle_only), rng_of(nodules, i))
        patches = views_of(seen.stack, seen.spacing_mm, middle_only=False, row=seen.row, col=seen.col)
        scores.append([predict(network, [patches])["score"][0] for network in networks])
    return np.array(scores)


def read_choices(weights: Path) -> list[Choice]:
    """Calibration, operating point and abstention of the five models and, last, the consensus."""
    return [
        Choice(
            Calibration(**report["calibration"]),
            report["threshold"],
            report["high_sensitivity_threshold"],
            Abstention(**report["abstention"]),
        )
        for report in (read_report(weights, key) for key in (*ARCHITECTURES, CONSENSUS))
    ]


def verdicts(answers: Answers) -> np.ndarray:
    """Verdicts of the five models and the consensus, shape (n, 6), as the app gives them."""
    called = np.where(answers.balanced, MALIGNANT, BENIGN)
    return np.where(answers.deferred, INDETERMINATE, called)


def changes(labels: np.ndarray, before: Answers, after: Answers) -> dict:
    """What a perturbation changes.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        0 benign, 1 malignant.

    Returns
    -------
    dict
        Of the consensus: mean and 95th percentile of the change of the probability, share of other
        verdicts, share from benign to malignant or back, AUC (None where all labels are the same); the share
        from benign to malignant or back of each model.
    """
    change = np.abs(after.probability[:, -1] - before.probability[:, -1])
    old, new = verdicts(before), verdicts(after)
    other = old != new
    opposite = (other & (old != INDETERMINATE) & (new != INDETERMINATE)).mean(axis=0)
    return {
        "mean_change": float(change.mean()),
        "p95_change": float(np.percentile(change, 95)),
        "flips": float(other[:, -1].mean()),
        "flips_benign_malignant": float(opposite[-1]),
        "auc": auc(labels, after.probability[:, -1]) if len(set(labels.tolist())) == 2 else None,
        "flips_by_model": dict(zip(ARCHITECTURES, opposite[:-1].tolist(), strict=True)),
    }


def kept_scores(path: Path, names: np.ndarray) -> dict[str, np.ndarray]:
    """Scores that a stopped run left in `path`, by perturbation; exits where they are of other nodules."""
    if not path.exists():
        return {}
    with np.load(path) as file:
        kept = dict(file)
    if kept.pop("nodules").tolist() != names.tolist():
        sys.exit(f"error: {path} holds scores of other nodules; leave out --resume.")
    return kept


def all_scores(args: Namespace, nodules: Nodules, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Scores of `read` unperturbed and under each perturbation, by name; kept in the folder of the runs."""
    path = args.runs / f"robustness_{'middle' if args.middle_only else 'stack'}.npz"
    names = np.array([nodules.name(i) for i in chosen])
    scores = kept_scores(path, names) if args.resume else {}
    missing = [row for row in (UNPERTURBED, *PERTURBATIONS) if row.name not in scores]
    networks = [load_network(key, args.runs / key / "final.weights.h5") for key in ARCHITECTURES if missing]
    for row in missing:
        scores[row.name] = read(networks, nodules, chosen, row, args.middle_only)
        save_arrays(path, {"nodules": names} | scores)
    return scores


def rows_of(labels: np.ndarray, choices: list[Choice], scores: dict[str, np.ndarray]) -> list[dict]:
    """The unperturbed row and a row a perturbation, for ``evaluation.json``."""
    before = answer(choices, scores[UNPERTURBED.name])
    return [
        {"name": row.name, "mild": row.mild} | changes(labels, before, answer(choices, scores[row.name]))
        for row in (UNPERTURBED, *PERTURBATIONS)
    ]


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "patches", "split-runs", "weights")
    parser.add_argument("--middle-only", action="store_true", help="read the middle slice alone")
    parser.add_argument("--limit", type=int, help="read only so many nodules, for a quick look")
    parser.add_argument("--resume", action="store_true", help="keep the scores that these runs already have")
    args = parser.parse_args(argv)
    nodules, choices = load(args.data), read_choices(args.weights)
    evaluation = read_report(args.weights, "evaluation")
    chosen = judged_test_nodules(nodules, split_seed_of(args.runs), args.limit)
    rows = rows_of(nodules.label[chosen], choices, all_scores(args, nodules, chosen))
    kind = "middle" if args.middle_only else "stack"
    evaluation["robustness"] = {"n_nodules": len(chosen), "input": kind, "rows": rows}
    write_json(args.weights / "evaluation.json", evaluation)
    for row in rows:
        print(f"{row['name']:24}{row['mean_change']:7.3f} mean change{row['flips']:8.1%} other verdict")


if __name__ == "__main__":
    main()
