"""Scores of held-out nodules: what each trained network says of patients it has never seen.

    python -m training.evaluation.predict --data patches.npz --runs runs/split-2026 [runs/split-2027 ...]

Each nodule is read as the app reads an upload: its slices as one stack, and its middle slice alone. Writes
``training/evaluation/held_out.csv``, a row a nodule and split, from which `training.evaluation.evaluate`
makes all figures without any training. Answers of a finished run are kept in its folder and not made twice.
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
from training.data import save_arrays
from training.data.dataset import Nodules, centre, load
from training.data.splits import side_of

Network = Callable[..., dict[str, Any]]  # of patches (n, rows, cols, 3): tensors by the name of the output
HELD_OUT = Path(__file__).parent / "held_out.csv"
SIDES = ("validation", "test")
INPUTS = ("stack", "middle")


def views_of(
    stack: np.ndarray,
    spacing_mm: float,
    middle_only: bool,
    row: float | None = None,
    col: float | None = None,
) -> np.ndarray:
    """The views of a stack as the app makes them; the nodule is in the middle where no location is given."""
    if middle_only:
        stack = stack[len(stack) // 2, None]
    location = centre(stack) if row is None or col is None else (row, col)
    return views(stack, spacing_mm, *location, len(stack) // 2)


def predict(model: Network, batches: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    """A network's answers, each averaged over the views of one nodule.

    Parameters
    ----------
    batches : iterable of ndarray of shape (views, rows, cols, 3)

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


def rows_of(nodules: Nodules, folder: Path) -> list[dict]:
    """Rows of ``held_out.csv`` of one split, whose runs are in `folder`."""
    split = split_seed_of(folder)
    side = {i: name for name in SIDES for i in side_of(nodules, name, split)}
    chosen = sorted(side)
    rows = [
        {"split": split, "side": side[i], "patient": nodules.patient[i], "nodule": nodules.nodule[i]}
        for i in chosen
    ]
    for key in ARCHITECTURES:
        for kind, answers in answers_of(nodules, chosen, key, folder / key).items():
            _add(rows, key, kind, answers)
    return rows


def split_seed_of(folder: Path) -> int:
    """The seed of the split that all five runs of a folder share; exits where they share none."""
    recipes = [recipe for key in ARCHITECTURES for recipe in recipes_of(folder / key)]
    if any(recipe.get("everyone") for recipe in recipes):
        sys.exit(f"error: the runs in {folder} trained on all patients; nobody is held out.")
    seeds = {recipe["split_seed"] for recipe in recipes}
    if len(seeds) != 1:
        sys.exit(f"error: the runs in {folder} hold out different patients (split seeds {sorted(seeds)}).")
    return seeds.pop()


def recipes_of(run: Path) -> list[dict]:
    """The recipe of a run and of those that it began with: who trained these is not held out either."""
    try:
        recipe = json.loads((run / "run.json").read_text())
    except FileNotFoundError:
        sys.exit(f"error: {run / 'run.json'} is missing; without it nobody knows who was held out.")
    return [recipe, *(recipes_of(Path(recipe["start"]).parent) if recipe.get("start") else ())]


def is_fresh(kept: Path, names: list[str], weights: Path) -> bool:
    """Whether a file of answers is of these nodules and no older than the weights."""
    if not kept.exists() or (weights.exists() and kept.stat().st_mtime < weights.stat().st_mtime):
        return False
    with np.load(kept) as file:
        return "nodules" in file and file["nodules"].tolist() == names


def answers_of(nodules: Nodules, chosen: list[int], key: str, run: Path) -> dict[str, dict[str, np.ndarray]]:
    """A run's answers on the chosen nodules, by input; kept in the run's folder once they are made."""
    names, weights = [nodules.name(i) for i in chosen], run / "final.weights.h5"
    kept = {kind: run / f"held_out_{kind}.npz" for kind in INPUTS}
    missing = [kind for kind, path in kept.items() if not is_fresh(path, names, weights)]
    for kind in missing:
        network = load_network(key, weights)
        batches = (
            views_of(nodules.stacks[i], float(nodules.spacing_mm[i]), kind == "middle")
            for i in tqdm(chosen, desc=f"{key} {kind}", file=sys.stderr)
        )
        save_arrays(kept[kind], {"nodules": names} | predict(network, batches))
    answers = {}
    for kind, path in kept.items():
        with np.load(path) as file:
            answers[kind] = dict(file)
    return answers


def _add(rows: list[dict], key: str, kind: str, answers: dict[str, np.ndarray]) -> None:
    for position, row in enumerate(rows):
        row[f"{key}_{kind}"] = f"{answers['score'][position]:.6f}"
        if kind == "stack":
            row[f"{key}_diameter_mm"] = f"{answers['diameter_mm'][position]:.2f}"
            for name, value in zip(DESCRIPTOR_SCALES, answers["descriptors"][position], strict=True):
                row[f"{key}_{name}"] = f"{value:.3f}"


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "patches")
    parser.add_argument("--runs", required=True, nargs="+", type=Path, help="a folder of five runs a split")
    parser.add_argument("--out", type=Path, default=HELD_OUT)
    args = parser.parse_args(argv)
    nodules = load(args.data)
    rows = [row for folder in args.runs for row in rows_of(nodules, folder)]
    with open(args.out, "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=rows[0])
        writer.writeheader()
        writer.writerows(rows)
    print(f"{args.out.name}: {len(rows)} rows, {len({row['patient'] for row in rows})} held-out patients")


if __name__ == "__main__":
    main()
