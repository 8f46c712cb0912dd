"""Scores of held-out nodules: what each trained network says of patients it has never seen.

    python -m training.evaluation.predict --data nodules.npz --runs runs

Each nodule is read as the app reads it, once it is outlined: around the middle of its largest section (here
the readers', in the app the localiser's), by the networks of the fold that held its patient out. Writes
``training/evaluation/held_out.csv``, a row a nodule, from which `training.evaluation.evaluate` makes all
figures without any training. Answers of a finished run are kept in its folder and not made twice.
"""

import csv
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from models.imaging.patch import PATCH
from models.inference.views import views
from models.networks.blocks import zero_initialised
from models.networks.registry import ARCHITECTURES
from models.networks.scales import DESCRIPTOR_SCALES, malignancy_score, unscale_descriptors, unscale_diameter
from training.arguments import parser_of
from training.data import outlines as outline_file
from training.data import save_arrays
from training.data.dataset import Nodules, load
from training.data.outlines import Outlines, largest_section
from training.data.splits import FOLDS, Labelled, fold_of_nodules, held_out

Network = Callable[
    ..., dict[str, Any]
]  # of patches (n, rows, cols, fields): tensors by the name of the output
HELD_OUT = Path(__file__).parent / "held_out.csv"


def views_of(outlines: Outlines, nodule: int) -> np.ndarray:
    """The views of a nodule as the app makes them."""
    index, row, col = largest_section(outlines, nodule)
    return views(outlines.grey[index], float(outlines.spacing_mm[nodule]), row, col)


def predict(model: Network, batches: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    """A network's answers, each averaged over the views of one nodule.

    Parameters
    ----------
    batches : iterable of ndarray of shape (views, rows, cols, fields)

    Returns
    -------
    dict of str to ndarray
        ``score`` (n,), ``descriptors`` (n, 7) on LIDC's scales, ``diameter_mm`` (n,).
    """
    answers = []
    for patches in batches:
        answers.append(
            {name: np.asarray(x).mean(axis=0) for name, x in model(patches, training=False).items()}
        )
    stacked = {name: np.stack([a[name] for a in answers]) for name in answers[0]}
    return {
        "score": malignancy_score(stacked["rating"]),
        "descriptors": unscale_descriptors(stacked["descriptors"]),
        "diameter_mm": unscale_diameter(stacked["diameter"][:, 0]),
    }


def trained_model(key: str, path: Path) -> keras.Model:
    """The Keras model of a key with the weights in a file."""
    with zero_initialised():
        model = ARCHITECTURES[key].build(PATCH.shape)
    model.load_weights(path)
    return model


def load_network(key: str, path: Path) -> Network:
    """A trained network; where the backend is TensorFlow, as quick as the app has it."""
    model = trained_model(key, path)
    if keras.backend.backend() != "tensorflow":
        return model
    from models.inference.runtime.folded_graph import FoldedGraph, compiled  # needs TensorFlow

    passing = compiled(FoldedGraph(model), list(model.output))
    return lambda patches, training=False: passing(patches)


def rows_of(nodules: Nodules, outlines: Outlines, runs: Path) -> list[dict]:
    """Rows of ``held_out.csv``: each nodule once, from the networks that held its patient out."""
    folds = fold_of_nodules(nodules)
    rows = [
        {"fold": int(fold), "patient": nodules.patient[i], "nodule": nodules.nodule[i]}
        for i, fold in enumerate(folds)
    ]
    for fold in range(FOLDS):
        chosen = np.flatnonzero(folds == fold)
        for key in ARCHITECTURES:
            run = checked_run(runs / f"fold-{fold}" / key, nodules, fold)
            answers = answers_of(nodules, outlines, chosen, key, run)
            _add([rows[i] for i in chosen], key, answers)
    return rows


def checked_run(run: Path, nodules: Labelled, fold: int) -> Path:
    """The folder of a run; exits where its recipe does not say that a fold's patients were held out."""
    try:
        recipe = json.loads((run / "run.json").read_text())
    except FileNotFoundError:
        sys.exit(f"error: {run / 'run.json'} is missing; without it nobody knows who was held out.")
    if (recipe.get("fold"), recipe.get("held_out")) != (fold, held_out(nodules, fold)):
        sys.exit(f"error: the run in {run} did not hold out the patients of fold {fold}.")
    return run


def is_fresh(kept: Path, names: list[str], weights: Path) -> bool:
    """Whether a file of answers is of these nodules and no older than the weights."""
    if not kept.exists() or (weights.exists() and kept.stat().st_mtime < weights.stat().st_mtime):
        return False
    with np.load(kept) as file:
        return "nodules" in file and file["nodules"].tolist() == names


def answers_of(
    nodules: Nodules, outlines: Outlines, chosen: np.ndarray, key: str, run: Path
) -> dict[str, np.ndarray]:
    """A run's answers on the chosen nodules; kept in the run's folder once they are made."""
    names, weights = [nodules.name(i) for i in chosen], run / "final.weights.h5"
    kept = run / "held_out.npz"
    if not is_fresh(kept, names, weights):
        shown = tqdm(chosen, desc=f"{run.parent.name} {key}", file=sys.stderr)
        batches = (views_of(outlines, i) for i in shown)
        save_arrays(kept, {"nodules": names} | predict(load_network(key, weights), batches))
    with np.load(kept) as file:
        return dict(file)


def _add(rows: list[dict], key: str, answers: dict[str, np.ndarray]) -> None:
    for position, row in enumerate(rows):
        row[f"{key}_score"] = f"{answers['score'][position]:.6f}"
        row[f"{key}_diameter_mm"] = f"{answers['diameter_mm'][position]:.2f}"
        for name, value in zip(DESCRIPTOR_SCALES, answers["descriptors"][position], strict=True):
            row[f"{key}_{name}"] = f"{value:.3f}"


def read_scores(path: Path) -> tuple[list[dict[str, str]], np.ndarray]:
    """Rows of ``held_out.csv`` or of a file like it, and the scores, shape (rows, 5)."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return rows, np.array([[float(row[f"{key}_score"]) for key in ARCHITECTURES] for row in rows])


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "nodules", "runs")
    parser.add_argument("--out", type=Path, default=HELD_OUT)
    args = parser.parse_args(argv)
    rows = rows_of(load(args.data), outline_file.load(args.data), args.runs)
    with open(args.out, "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=rows[0])
        writer.writeheader()
        writer.writerows(rows)
    print(f"{args.out.name}: {len(rows)} nodules of {len({row['patient'] for row in rows})} patients")


if __name__ == "__main__":
    main()
