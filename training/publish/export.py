"""Finished runs -> weights/: the averaged weights in float16, with their checksum and how they came to be.

    python -m training.publish.export --runs runs/everyone --weights weights

A file keeps the layout of Keras' own ``.weights.h5``, so that `load_weights` reads it, and casts the
float16 numbers to the float32 of the model.
"""

import csv
import hashlib
import json
from pathlib import Path

import h5py
import keras
import numpy as np

from models.imaging.patch import PATCH
from models.imaging.phantom import KINDS, draw_phantom
from models.inference.views import views
from models.networks.registry import ARCHITECTURES
from training.arguments import parser_of

UNCALIBRATED = {"a": 1.0, "b": 1.0, "intercept": 0.0}  # until training.evaluation.evaluate has fitted one
PHANTOMS = 16  # of each kind, on which the rounding to float16 is measured
RECIPE = (
    "epochs",
    "average",
    "views",
    "batch",
    "rate",
    "precision",
    "weight_decay",
    "auxiliary",
    "clear_only",
    "began_with",
    "everyone",
    "seed",
    "split_seed",
    "keras",
    "backend",
)


def save_float16(model: keras.Model, path: Path) -> str:
    """Write an uncompiled model's weights as float16 in Keras' layout; returns the file's SHA-256."""
    full = path.with_name(f"tmp-{path.name}")
    model.save_weights(full, overwrite=True)
    with h5py.File(full) as source, h5py.File(path, "w") as target:
        source.visititems(lambda name, item: _copy(name, item, target))
        target.attrs.update(source.attrs)
    full.unlink()
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _copy(name: str, item: h5py.Group | h5py.Dataset, target: h5py.File) -> None:
    if isinstance(item, h5py.Group):
        target.require_group(name).attrs.update(item.attrs)
        return
    values = item[()]
    if np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float16)
    target.create_dataset(name, data=values).attrs.update(item.attrs)


def float16_shift(model: keras.Model, path: Path) -> float:
    """Largest change of any rating's probability that storing a model in `path` makes, over drawn nodules."""
    patches = np.concatenate(
        [views(draw_phantom(kind, seed=seed), 0.7, 63.5, 63.5) for kind in KINDS for seed in range(PHANTOMS)]
    )
    stored = keras.models.clone_model(model)
    stored.load_weights(path)
    before, after = (m.predict(patches, verbose=0)["rating"] for m in (model, stored))
    return float(np.abs(before - after).max())


def export(key: str, runs: Path, weights: Path) -> dict:
    """Write ``<key>.weights.h5`` and ``<key>.json`` of one run; returns the report."""
    model = ARCHITECTURES[key].build(PATCH.shape)
    report = {
        "title": ARCHITECTURES[key].title,
        "citation": ARCHITECTURES[key].citation,
        "calibration": UNCALIBRATED,
        **export_weights(model, key, runs / key, weights),
        "float16_largest_shift": float16_shift(model, weights / f"{key}.weights.h5"),
    }
    (weights / f"{key}.json").write_text(json.dumps(report, indent=2) + "\n")
    return report


def export_weights(model: keras.Model, key: str, run: Path, weights: Path) -> dict:
    """Write ``<key>.weights.h5`` of one run; returns what the report of any network says of it."""
    model.load_weights(run / "final.weights.h5")
    path = weights / f"{key}.weights.h5"
    return {
        "sha256": save_float16(model, path),
        "bytes": path.stat().st_size,
        "parameters": model.count_params(),
        "training": recipe_of(run),
    }


def recipe_of(run: Path) -> dict:
    """The recipe of a run and the minutes it took; under ``start`` that of the run it began with, if any."""
    recipe = json.loads((run / "run.json").read_text())
    with open(run / "history.csv", newline="") as file:
        minutes = sum(float(row["seconds"]) for row in csv.DictReader(file)) / 60
    result = {name: recipe[name] for name in RECIPE if name in recipe} | {"minutes": round(minutes, 1)}
    if recipe.get("start"):
        result["start"] = recipe_of(Path(recipe["start"]).parent)
    return result


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "runs", "weights")
    parser.add_argument("--model", choices=ARCHITECTURES, help="only this one")
    args = parser.parse_args(argv)
    args.weights.mkdir(exist_ok=True)
    for key in [args.model] if args.model else ARCHITECTURES:
        report = export(key, args.runs, args.weights)
        print(f"{key}: {report['bytes'] / 1e6:.1f} MB, {report['training']['epochs']} epochs")


if __name__ == "__main__":
    main()
