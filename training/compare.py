"""Compare patch sizes, fields and normalisations by AUC on validation patients.

    python -m training.compare --data patches.npz --out runs/compare

Trains AlexNet briefly on each candidate and writes ``comparison.csv``. About three minutes a candidate
on two cores; `training/README.md` has the result.
"""

import argparse
import csv
from pathlib import Path

from models.imaging.patch import PatchSpec
from training import train
from training.dataset import load

CANDIDATES = (
    PatchSpec(64, 32.0),
    PatchSpec(64, 44.8),
    PatchSpec(64, 56.0),
    PatchSpec(48, 33.6),
    PatchSpec(96, 44.8),
    PatchSpec(64, 44.8, (0.0, 100.0)),
    PatchSpec(64, 44.8, (5.0, 99.9)),
)
LAST = 3  # the mean over so many last epochs says more than the best of them


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", required=True, help="patches.npz from training.prepare")
    parser.add_argument("--out", default="runs/compare", type=Path)
    parser.add_argument("--epochs", default="10")
    parser.add_argument("--seed", default="1")
    args = parser.parse_args(argv)
    nodules, rows = load(args.data), []
    recipe = ["--model", "alexnet", "--data", args.data, "--views", "1", "--quiet"]
    recipe += ["--epochs", args.epochs, "--seed", args.seed]
    for number, spec in enumerate(CANDIDATES):
        folder = args.out / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        history = train.train(train.parse(recipe), nodules, folder, spec)
        reached = [row["validation_auc"] for row in history]
        rows.append(
            {
                "pixels": spec.pixels,
                "field_mm": spec.field_mm,
                "percentiles": "{:g} to {:g}".format(*spec.percentiles),
                "validation_auc_last": sum(reached[-LAST:]) / len(reached[-LAST:]),
                "validation_auc_best": max(reached),
            }
        )
        with open(args.out / "comparison.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=rows[0])
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
