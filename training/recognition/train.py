"""Train the recognition network: once without each fold's patients, and once with everyone.

    python -m training.recognition.train --data nodules.npz --series SERIES.zip@0 ... --pictures DIR --fold 0
    python -m training.recognition.train ... --everyone [--resume]

Writes to ``runs/recognition/fold-0`` (or ``everyone``) what `training.classifier.loop` says. From half-way
on, locations that the network takes for nodules are drawn more often.
"""

import argparse
import itertools
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import keras
import numpy as np

from models.imaging.two_fields import SHAPE
from models.inference.detection.recognition import KEY
from models.networks.recognition import build_recognition
from training.arguments import parser_of
from training.classifier import loop
from training.data.outlines import load
from training.data.splits import FOLDS, fold_of_patients
from training.localiser.train import overlap_loss
from training.recognition.data import Data, Views
from training.recognition.sources import (
    locations_in_crops,
    locations_in_sources,
    read_sources,
)

EPOCHS, STEPS, BATCH = 20, 48, 64
SMOOTH = 4.0  # pixels; see `overlap_loss`
RATE, WEIGHT_DECAY, AVERAGE = 2e-3, 0.02, 4


def read_data(args: argparse.Namespace, fold: int | None) -> Data:
    """What takes part in training where `fold` is held out; None holds nobody out."""
    outlines = load(args.data)
    patients = fold_of_patients(outlines)
    of_nodule = np.array([patients[str(patient)] for patient in outlines.patient])
    sources = read_sources(args.series, args.pictures, patients)
    crop_locations, source_locations = locations_in_crops(outlines), locations_in_sources(sources)
    of_source = np.array([source.fold for source in sources])
    nodules = np.flatnonzero(of_nodule != fold)
    return Data(
        outlines,
        sources,
        crop_locations[of_nodule[crop_locations["source"]] != fold],
        source_locations[of_source[source_locations["source"]] != fold],
        nodules,
    )


def scores_of(model: keras.Model, views: Iterable[np.ndarray]) -> np.ndarray:
    """The network's answers on an iterable of views, a batch at a time: shape (n,)."""
    views, scores = iter(views), []
    while batch := list(itertools.islice(views, 256)):
        scores.append(model.predict(np.stack(batch), verbose=0)["nodule"][:, 0])
    return np.concatenate(scores)


def train(args: argparse.Namespace, data: Data, out: Path) -> list[loop.Row]:
    """Train the recognition network; returns the history as `loop.fit` does."""
    keras.utils.set_random_seed(args.seed)
    losses = {"nodule": "binary_crossentropy", "outline": partial(overlap_loss, smooth=SMOOTH)}
    model = loop.compile_model(build_recognition(SHAPE), args.steps, args, WEIGHT_DECAY, loss=losses)
    is_mined = False

    def mine(epoch: int) -> None:
        nonlocal is_mined
        if epoch >= args.epochs // 2 and not is_mined:
            data.mine(lambda views: scores_of(model, views))
            is_mined = True

    return loop.fit(model, args, out, views=lambda epoch: Views(data, epoch, args), before=mine)


def add_sources(parser: argparse.ArgumentParser) -> None:
    """The arguments that say what there is to learn from and to measure on, besides crops of nodules."""
    parser.add_argument(
        "--series", nargs="+", default=[], help="PATH@FOLD[:FIRST-LAST], or PATH of LIDC-IDRI"
    )
    parser.add_argument("--pictures", help="folder of normal-NNN.jpg and malignant-NNN.jpg")


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line; its defaults are the recipe of the shipped weights."""
    parser = parser_of(__doc__, "nodules")
    add_sources(parser)
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--fold", type=int, choices=range(FOLDS), help="whose patients are held out")
    who.add_argument("--everyone", action="store_true", help="train on all patients")
    loop.add_options(parser, epochs=EPOCHS, average=AVERAGE, batch=BATCH, rate=RATE, seed=0, quiet=True)
    parser.add_argument("--steps", type=int, default=STEPS, help="batches an epoch")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    out = loop.open_run(args, KEY, "everyone" if args.everyone else f"fold-{args.fold}")
    train(args, read_data(args, args.fold), out)


if __name__ == "__main__":
    main()
