"""Compare patches, or recipes, by AUC on the patients of the first fold.

    python -m training.classifier.compare patches --data nodules.npz
    python -m training.classifier.compare recipes --data nodules.npz

Trains AlexNet briefly on each candidate and writes ``patches.csv`` or ``recipes.csv`` into the folder of
--out. Some six minutes a candidate on one core. One seed cannot tell differences of 0.01.
"""

import csv
from pathlib import Path

from models.imaging.patch import PATCH, PatchSpec
from training.arguments import parser_of
from training.classifier import train
from training.data import outlines as outline_file
from training.data.dataset import load

PATCHES = (
    PatchSpec(),
    PatchSpec(fields_mm=(32.0,)),
    PatchSpec(fields_mm=(80.0,)),
    PatchSpec(fields_mm=(44.8, 80.0)),
    PatchSpec(percentiles=(0.0, 100.0)),
    PatchSpec(percentiles=(5.0, 99.9)),
)
RECIPES = {
    "as shipped": [],
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
                "fields_mm": " and ".join(f"{mm:g}" for mm in spec.fields_mm),
                "percentiles": "{:g} to {:g}".format(*spec.percentiles),
            },
            [],
            spec,
        )
        for spec in PATCHES
    ]


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "nodules")
    parser.add_argument("what", choices=("patches", "recipes"))
    parser.add_argument("--out", default="runs/compare", type=Path)
    parser.add_argument("--epochs", default="10")
    parser.add_argument("--seed", default="1")
    args = parser.parse_args(argv)
    nodules, outlines, rows = load(args.data), outline_file.load(args.data), []
    common = ["--model", "alexnet", "--data", args.data]
    common += ["--fold", "0", "--views", "1", "--quiet", "--epochs", args.epochs, "--seed", args.seed]
    for number, (columns, options, spec) in enumerate(candidates(args.what)):
        folder = args.out / args.what / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        *history, averaged = train.train(train.parse(common + options), nodules, outlines, folder, spec)
        reached = [row["held_out_auc"] for row in history]
        columns |= {
            "held_out_auc_last": round(sum(reached[-LAST:]) / len(reached[-LAST:]), 4),
            "held_out_auc_averaged": round(averaged["held_out_auc"], 4),
        }
        rows.append(columns)
        with open(args.out / f"{args.what}.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=rows[0])
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
