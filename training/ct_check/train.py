"""Fit the check of uploads: `python -m training.ct_check.train --slices LIDC-IDRI-slices`.

Boosted trees judge the features of `models.ingest.ct_check.image_features`. CT is divided by patient: train
patients fit, validation patients set the limit, test patients report. What is no CT is divided by source
picture and by family of drawings: for the report, each fifth of them is judged by a fit that saw nothing of
it; the fit that is kept saw all of them, and is also judged by pictures made anew.
"""

import argparse
import json
import math
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.ingest.ct_check.check import WEIGHTS
from models.ingest.ct_check.trees import Classifier
from models.ingest.read import read_scan
from training.ct_check.ct import KINDS, MIXED
from training.ct_check.fit import as_report, fit, written
from training.ct_check.sets import (
    Pictures,
    crops,
    cut_crops,
    drawn,
    measured,
    phantoms,
    photos,
    together,
    whole_slices,
)
from training.data.pictures import Slices
from training.data.splits import SEED, split_patients

FOLDS = 5
CT_REFUSED = 0.003  # share of validation pictures of CT beyond the limit
Volumes = Mapping[str, np.ndarray]  # slices in HU by patient


def limit_of(model: Classifier, validation: Pictures) -> float:
    """The score that so few validation pictures of CT exceed as `CT_REFUSED` says.

    Pictures changed in several ways at once do not count: few people send such. It is rounded up, lest what
    lies at it be beyond it in the file.
    """
    usual = validation[validation.kind != MIXED]
    return math.ceil(1e3 * np.quantile(model.log_odds(usual.features), 1 - CT_REFUSED, method="higher")) / 1e3


def refused_unseen(ct: Pictures, validation: Pictures, other: Pictures) -> np.ndarray:
    """Which of `other` are refused by a fit that saw nothing of their group; bool."""
    groups = np.random.default_rng(SEED).permutation(np.unique(other.group))
    fold = {group: number % FOLDS for number, group in enumerate(groups)}
    folds = np.array([fold[group] for group in other.group])
    refused = np.zeros(len(other), bool)
    for number in range(FOLDS):
        model = fit(ct, other[folds != number])
        unseen = model.log_odds(other[folds == number].features)
        refused[folds == number] = unseen > limit_of(model, validation)
    return refused


def shares(refused: np.ndarray, names: np.ndarray) -> dict[str, dict[str, float]]:
    """By name: how many, and the share refused."""
    chosen = {str(name): names == name for name in np.unique(names)}
    return {name: {"n": int(i.sum()), "refused": float(refused[i].mean())} for name, i in chosen.items()}


def gather(
    slices: Slices, whole: tuple[Volumes, Volumes], rng: np.random.Generator, scale: float
) -> dict[str, Pictures]:
    """All pictures by side; `scale` 1 takes about ten minutes of one core."""
    patients = sorted({patient for patient, _ in slices.index})
    sides = split_patients(patients, [0] * len(patients))
    train_volumes, test_volumes = whole
    every, few = max(1, round(3 / scale)), max(1, round(8 * scale))
    return {
        "train": together(
            measured(crops(slices, sides["train"], every, 3, rng)),
            measured(whole_slices(train_volumes, few, rng)),
            measured(phantoms(max(2, round(200 * scale)), rng)),
        ),
        "validation": measured(crops(slices, sides["validation"], every + 1, KINDS, rng)),
        "test": measured(crops(slices, sides["test"], every, KINDS, rng)),
        "whole test": measured(whole_slices(test_volumes, 2 * few, rng)),
        "other": others(slices, sides["train"], rng, scale),
        "other test": others(slices, sides["test"], rng, scale / 5),
    }


def others(slices: Slices, patients: Collection[str], rng: np.random.Generator, scale: float) -> Pictures:
    """Pictures that are no CT."""
    return together(
        measured(drawn(max(1, round(100 * scale)), rng)),
        measured(photos(max(1, round(80 * scale)), rng)),
        measured(cut_crops(slices, patients, max(1, round(300 * scale)), rng)),
    )


def read_volumes(paths: Iterable[str]) -> dict[str, np.ndarray]:
    """Whole slices in HU, a patient a path: a folder, a ZIP or a file of DICOM."""
    volumes = {}
    for path in map(Path, paths):
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        volumes[path.stem] = read_scan([(file.name, file.read_bytes()) for file in files]).slices
    return volumes


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, measure, and write weights/content.json; its part ``air`` is kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slices", required=True, help="LIDC-IDRI-slices, a folder or its tar file")
    parser.add_argument("--whole", nargs="*", default=[], help="DICOM series of whole slices to fit to")
    parser.add_argument(
        "--whole-test", nargs="*", default=[], help="DICOM series of whole slices to report on"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="share of the pictures to make")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args(arguments)
    began = time.time()
    volumes = read_volumes(options.whole), read_volumes(options.whole_test)
    pictures = gather(Slices(options.slices), volumes, np.random.default_rng(SEED), options.scale)
    report = fitted(pictures)
    if options.out.exists():  # what `training.ct_check.regions` wrote
        report["air"] = json.loads(options.out.read_text()).get("air")
    report["training"] = {
        "scale": options.scale,
        "seed": SEED,
        "minutes": round((time.time() - began) / 60, 1),
    }
    options.out.write_text(json.dumps(written(report), separators=(",", ":")) + "\n")
    print(json.dumps(written(report["measured"]), indent=1))


def fitted(pictures: Mapping[str, Pictures]) -> dict[str, Any]:
    """What weights/content.json says of pictures, from what `gather` gathered."""
    ct, validation, other = (pictures[name] for name in ("train", "validation", "other"))
    model = fit(ct, other)
    model = model._replace(limit=limit_of(model, validation))
    unseen = refused_unseen(ct, validation, other)
    anew = model.log_odds(pictures["other test"].features) > model.limit
    rates = {
        "not_ct_made_anew": {"n": len(anew), "refused": float(anew.mean())},
        "not_ct_unseen": {"n": len(unseen), "refused": float(unseen.mean())},
        "not_ct_unseen_by_kind": shares(unseen, other.kind),
        "not_ct_unseen_by_source": shares(unseen[other.kind == "photo"], other.group[other.kind == "photo"]),
    }
    for name in ("test", "whole test"):
        if len(pictures[name]):
            beyond = model.log_odds(pictures[name].features) > model.limit
            rates[f"ct_{name.replace(' ', '_')}"] = shares(beyond, pictures[name].kind)
    return as_report(model) | {"measured": rates}


if __name__ == "__main__":
    main()
