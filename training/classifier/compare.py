"""Compare patches, or recipes, by AUC on validation patients.

    python -m training.classifier.compare patches --data patches.npz --out runs/compare
    python -m training.classifier.compare recipes --data patches.npz --out runs/compare

Trains AlexNet briefly on each candidate and writes ``patches.csv`` or ``recipes.csv``. Some two
minutes a candidate on two cores; `training/README.md` has the results, kept beside it.
"""

import csv
from pathlib import Path

from models.imaging.patch import PATCH, PatchSpec
from training.arguments import parser_of
from training.classifier import train
from training.data.dataset import load

PATCHES = (
    PatchSpec(64, 32.0),
    PatchSpec(64, 44.8),
    PatchSpec(64, 56.0),
    PatchSpec(48, 33.6),
    PatchSpec(96, 44.8),
    PatchSpec(64, 44.8, (0.0, 100.0)),
    PatchSpec(64, 44.8, (5.0, 99.9)),
)
RECIPES = {
    "as shipped": [],
    "mixup, alpha 0.3": ["--mixup", "0.3"],
    "without indeterminate nodules": ["--clear-only"],
    "without auxiliary heads": ["--auxiliary", "0"],
    "highest rate 0.002": ["--rate", "2e-3"],
    "weight decay 0.1": ["--weight-decay", "0.1"],
}
LAST = 3  # the mean over so many last epochs says more than the best of them


def candidates(what: str) -> list[tuple[dict[str, str | float], list[str], PatchSpec]]:
    """What to compare: for each candidate its columns of the table, its options and its patch."""
    if what == "recipes":
        return [({"recipe": name}, options, PATCH) for name, options in RECIPES.items()]
    return [
        (
            {
                "pixels": spec.pixels,
                "field_mm": spec.field_mm,
                "percentiles": "{:g} to {:g}".format(*spec.percentiles),
            },
            [],
            spec,
        )
        for spec in PATCHES
    ]


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "patches")
    parser.add_argument("what", choices=("patches", "recipes"))
    parser.add_argument("--out", default="runs/compare", type=Path)
    parser.add_argument("--epochs", default="10")
    parser.add_argument("--seed", default="1")
    args = parser.parse_args(argv)
    nodules, rows = load(args.data), []
    common = ["--model", "alexnet", "--data", args.data, "--views", "1", "--quiet"]
    common += ["--epochs", args.epochs, "--seed", args.seed]
    for number, (columns, options, spec) in enumerate(candidates(args.what)):
        folder = args.out / args.what / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        *history, averaged = train.train(train.parse(common + options), nodules, folder, spec)
        reached = [row["validation_auc"] for row in history]
        columns |= {
            "validation_auc_last": round(sum(reached[-LAST:]) / len(reached[-LAST:]), 4),
            "validation_auc_averaged": round(averaged["validation_auc"], 4),
        }
        rows.append(columns)
        with open(args.out / f"{args.what}.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=rows[0])
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
