"""How much the answers change with the location, the spacing, the export and the noise of an upload.

    python -m training.evaluation.robustness --data nodules.npz --runs runs [--resume]

Reads the benign and malignant nodules of the first fold as `training.evaluation.predict` does, once as they
are and once under each of `training.evaluation.perturb.PERTURBATIONS`, with the networks that held these
patients out and with the calibration, operating points and abstention in weights/. Writes the changes into
``robustness`` of ``weights/evaluation.json``, which `training.evaluation.evaluate` must have written before.
Two CPU cores need some 40 minutes. The scores are kept in the folder of the runs after each perturbation;
with ``--resume`` nothing is read twice, and new calibrations cost seconds.
"""

import sys
import zlib
from pathlib import Path

import numpy as np
from numpy.random import Generator
from tqdm import tqdm

from models.inference.calibration import Abstention, Calibration
from models.inference.classifier import CONSENSUS
from models.inference.views import views
from models.networks.registry import ARCHITECTURES
from models.weights import read_report
from training.arguments import parser_of
from training.data import outlines as outline_file
from training.data import save_arrays
from training.data.dataset import Nodules, load
from training.data.outlines import Outlines, largest_section
from training.data.splits import fold_of_nodules
from training.evaluation.calibrate import Answers, Choice, answer
from training.evaluation.metrics import auc
from training.evaluation.perturb import PERTURBATIONS, Perturbation, Upload
from training.evaluation.predict import Network, checked_run, load_network, predict
from training.publish.reports import write_json

UNPERTURBED = Perturbation("unperturbed", False, lambda upload, rng: upload)
FOLD = 0  # whose patients are asked about
BENIGN, MALIGNANT, INDETERMINATE = 0, 1, -1


def judged_nodules(nodules: Nodules, limit: int | None = None) -> np.ndarray:
    """Indices of the first `limit` (default: all) benign and malignant nodules of the fold's patients."""
    return np.flatnonzero((fold_of_nodules(nodules) == FOLD) & (nodules.label >= 0))[:limit]


def upload_of(outlines: Outlines, i: int) -> Upload:
    """What a user sends of a nodule: the slice of its largest section."""
    index, row, col = largest_section(outlines, i)
    return Upload(outlines.grey[index], float(outlines.spacing_mm[i]), row, col)


def patches_of(upload: Upload) -> np.ndarray:
    """The views that the app makes of an upload."""
    return views(upload.pixels, upload.spacing_mm, upload.row, upload.col)


def rng_of(nodules: Nodules, i: int) -> Generator:
    """A random generator of the nodule's own, fresh for each perturbation.

    So the location moves in one direction at all distances, whatever else is read.
    """
    return np.random.default_rng(zlib.crc32(nodules.name(i).encode()))


def read(
    networks: list[Network],
    nodules: Nodules,
    outlines: Outlines,
    chosen: np.ndarray,
    perturbation: Perturbation,
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
        patches = patches_of(perturbation.apply(upload_of(outlines, i), rng_of(nodules, i)))
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


def all_scores(
    runs: Path, resume: bool, nodules: Nodules, outlines: Outlines, chosen: np.ndarray
) -> dict[str, np.ndarray]:
    """Scores of `read` unperturbed and under each perturbation, by name; kept in the folder of the runs."""
    path = runs / "robustness.npz"
    names = np.array([nodules.name(i) for i in chosen])
    scores = kept_scores(path, names) if resume else {}
    missing = [row for row in (UNPERTURBED, *PERTURBATIONS) if row.name not in scores]
    networks = [
        load_network(key, checked_run(runs / key, nodules, FOLD) / "final.weights.h5")
        for key in ARCHITECTURES
        if missing
    ]
    for row in missing:
        scores[row.name] = read(networks, nodules, outlines, chosen, row)
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
    parser = parser_of(__doc__, "nodules", "runs", "weights")
    parser.add_argument("--limit", type=int, help="read only so many nodules, for a quick look")
    parser.add_argument("--resume", action="store_true", help="keep the scores that these runs already have")
    args = parser.parse_args(argv)
    nodules, choices = load(args.data), read_choices(args.weights)
    outlines, runs = outline_file.load(args.data), args.runs / f"fold-{FOLD}"
    evaluation = read_report(args.weights, "evaluation")
    chosen = judged_nodules(nodules, args.limit)
    scores = all_scores(runs, args.resume, nodules, outlines, chosen)
    rows = rows_of(nodules.label[chosen], choices, scores)
    evaluation["robustness"] = {"n_nodules": len(chosen), "rows": rows}
    write_json(args.weights / "evaluation.json", evaluation)
    for row in rows:
        print(f"{row['name']:24}{row['mean_change']:7.3f} mean change{row['flips']:8.1%} other verdict")


if __name__ == "__main__":
    main()
