import csv

import pytest

from models.imaging.patch import PATCH
from training.classifier import compare


@pytest.fixture
def compared(nodules_file, tmp_path, monkeypatch):
    """A function that runs the command, a number in place of each training; the table and what was run."""

    def run(what):
        runs = []

        def train(args, nodules, outlines, folder, spec):
            runs.append((args, spec))
            reached = [0.1, 0.5, 0.6, 0.7, 0.8 + len(runs) / 100]  # the last is that of the mean
            return [{"held_out_auc": value} for value in reached]

        monkeypatch.setattr(compare.train, "train", train)
        options = {"data": nodules_file, "out": tmp_path, "epochs": 4}
        compare.main([what, *(f"--{name}={value}" for name, value in options.items())])
        with open(tmp_path / f"{what}.csv", newline="") as file:
            return list(csv.DictReader(file)), runs

    return run


def test_patches_are_compared_on_the_first_fold(compared):
    rows, runs = compared("patches")
    assert [spec for _, spec in runs] == list(compare.PATCHES)
    assert runs[0][1] == PATCH
    assert {(args.model, args.fold, args.epochs) for args, _ in runs} == {("alexnet", 0, 4)}
    assert rows[1] == {
        "pixels": "48",
        "fields_mm": "32",
        "percentiles": "2 to 99.5",
        "held_out_auc_last": "0.6",  # the mean of the last three
        "held_out_auc_averaged": "0.82",
    }
    assert rows[0]["fields_mm"] == "32 and 80"
    assert len({(row["fields_mm"], row["percentiles"]) for row in rows}) == len(rows)


def test_recipes_are_compared_on_the_shipped_patch(compared):
    rows, runs = compared("recipes")
    assert [row["recipe"] for row in rows] == list(compare.RECIPES)
    assert {spec for _, spec in runs} == {PATCH}
    changed = {row["recipe"]: vars(args) for row, (args, _) in zip(rows, runs, strict=True)}
    assert changed["without auxiliary heads"]["auxiliary"] == 0
    assert changed["highest rate 0.002"]["rate"] == 2e-3
    assert len({str(options) for options in changed.values()}) == len(rows)
