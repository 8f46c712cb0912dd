"""Fit the check of uploads: `python -m training.ct_check.train --slices LIDC-IDRI-slices`.

Trees and networks judge the numbers of `models.ingest.ct_check.image_features`. CT is divided by patient:
train patients fit, validation patients set the limit, test patients report. What is no CT is divided by
family of drawings and by source picture: for the report, each fifth of them is judged by a fit that saw
nothing of it; the fit that is kept saw all families and sources, and is also judged by pictures drawn anew.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from models.ingest.ct_check.check import WEIGHTS, log_odds
from models.ingest.read import read_scan
from training.ct_check.ct import KINDS, MIXED
from training.ct_check.fit import fit, written
from training.ct_check.sets import crops, cut_crops, drawn, measured, phantoms, photos, together, whole_slices
from training.data.pictures import Slices
from training.data.splits import SEED, split_patients

FOLDS = 5
CT_REFUSED = 0.003  # share of validation pictures of CT beyond the limit


def limit_of(weights, validation):
    """The score that so few validation pictures of CT exceed as `CT_REFUSED` says.

    Pictures changed in several ways at once do not count: few people send such.
    """
    usual = validation[validation.kind != MIXED]
    return float(np.quantile(log_odds(weights, usual.numbers), 1 - CT_REFUSED, method="higher"))


def refused_unseen(ct, validation, other):
    """Which of `other` are refused by a fit that saw nothing of their group; bool."""
    groups = np.random.default_rng(SEED).permutation(np.unique(other.group))
    fold = {group: number % FOLDS for number, group in enumerate(groups)}
    folds = np.array([fold[group] for group in other.group])
    refused = np.zeros(len(other), bool)
    for number in range(FOLDS):
        model = fit(ct, other[folds != number])
        limit = limit_of(model, validation)
        refused[folds == number] = log_odds(model, other[folds == number].numbers) > limit
    return refused


def shares(refused, names):
    """By name: how many, and the share refused."""
    chosen = {str(name): names == name for name in np.unique(names)}
    return {name: {"n": int(i.sum()), "refused": float(refused[i].mean())} for name, i in chosen.items()}


def gather(slices, whole, rng, scale):
    """All pictures: dict of side to `Pictures`; `scale` 1 takes about a quarter of an hour of one core."""
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


def others(slices, patients, rng, scale):
    """Pictures that are no CT."""
    return together(
        measured(drawn(max(1, round(100 * scale)), rng)),
        measured(photos(max(1, round(80 * scale)), rng)),
        measured(cut_crops(slices, patients, max(1, round(300 * scale)), rng)),
    )


def read_volumes(paths):
    """Whole slices in HU, a patient a path: a folder, a ZIP or a file of DICOM."""
    volumes = {}
    for path in map(Path, paths):
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        volumes[path.stem] = read_scan([(file.name, file.read_bytes()) for file in files]).slices
    return volumes


def main(arguments=None):
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


def fitted(pictures):
    """The content of weights/content.json from what `gather` gathered."""
    ct, validation, other = (pictures[name] for name in ("train", "validation", "other"))
    model = fit(ct, other)
    limit = limit_of(model, validation)
    unseen = refused_unseen(ct, validation, other)
    anew = log_odds(model, pictures["other test"].numbers) > limit
    rates = {
        "not_ct_drawn_anew": {"n": len(anew), "refused": float(anew.mean())},
        "not_ct_unseen": {"n": len(unseen), "refused": float(unseen.mean())},
        "not_ct_unseen_by_kind": shares(unseen, other.kind),
        "not_ct_unseen_by_source": shares(unseen[other.kind == "photo"], other.group[other.kind == "photo"]),
    }
    for name in ("test", "whole test"):
        if len(pictures[name]):
            beyond = log_odds(model, pictures[name].numbers) > limit
            rates[f"ct_{name.replace(' ', '_')}"] = shares(beyond, pictures[name].kind)
    return model | {"limit": limit, "measured": rates}


if __name__ == "__main__":
    main()
