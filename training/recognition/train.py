"""Train the recognition network: once without each fold's patients, and once with everyone.

    python -m training.recognition.train --data outlines.npz --series SERIES.zip@0 ... --pictures DIR --fold 0
    python -m training.recognition.train ... --everyone [--resume]

Writes to ``runs/recognition/fold-0`` (or ``everyone``) what `training.localiser.train` writes: checkpoints,
``history.csv``, ``run.json`` and ``final.weights.h5``, the mean of the last epochs. Half-way, places that the
network takes for nodules are drawn more often from then on.
"""

import argparse
import itertools
import json
import sys
import time
from functools import partial
from pathlib import Path

import keras
import numpy as np

from models.imaging.two_fields import SHAPE
from models.networks.recognition import build_recognition
from training.classifier.checkpoints import average_epochs, checkpoint, resume, save_weights
from training.data.outlines import load
from training.localiser.train import overlap_loss
from training.recognition.data import Data
from training.recognition.sources import FOLDS, fold_of_patients, places_of, places_of_crops, read_sources
from training.recognition.views import Views

EPOCHS, STEPS, BATCH = 20, 48, 64
SMOOTH = 4.0  # pixels; see `overlap_loss`
RATE, WEIGHT_DECAY, AVERAGE = 2e-3, 0.02, 4


def read_data(args, fold):
    """What takes part in training where `fold` is held out; None holds nobody out."""
    outlines = load(args.data)
    patients = fold_of_patients(outlines)
    of_nodule = np.array([patients[str(patient)] for patient in outlines.patient])
    sources = read_sources(args.series, args.pictures, patients)
    crop_places, source_places = places_of_crops(outlines), places_of(sources)
    of_source = np.array([source.fold for source in sources])
    nodules = np.flatnonzero(of_nodule != fold)
    return Data(
        outlines,
        sources,
        crop_places[of_nodule[crop_places["source"]] != fold],
        source_places[of_source[source_places["source"]] != fold],
        nodules,
    )


def compile_recognition(args):
    """The network with AdamW, a warm-up and a cosine decay."""
    model = build_recognition(SHAPE)
    rate = keras.optimizers.schedules.CosineDecay(
        args.rate / 20, args.steps * args.epochs, warmup_target=args.rate, warmup_steps=args.steps
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY, clipnorm=5.0)
    losses = {"nodule": "binary_crossentropy", "outline": partial(overlap_loss, smooth=SMOOTH)}
    model.compile(optimizer, loss=losses, jit_compile=keras.backend.backend() == "jax")
    model.optimizer.build(model.trainable_variables)
    return model


def scores_of(model, views):
    """The network's answers on an iterable of views, a batch at a time: shape (n,)."""
    views, scores = iter(views), []
    while batch := list(itertools.islice(views, 256)):
        scores.append(model.predict(np.stack(batch), verbose=0)["nodule"][:, 0])
    return np.concatenate(scores)


def train(args, data, out):
    """Train epoch by epoch and average the last ones; returns the history's rows."""
    keras.utils.set_random_seed(args.seed)
    model = compile_recognition(args)
    history = resume(model, out) if args.resume else []
    mined = False
    for epoch in range(len(history), args.epochs):
        start = time.time()
        if epoch >= args.epochs // 2 and not mined:
            data.mine(lambda views: scores_of(model, views))
            mined = True
        fit = model.fit(
            Views(data, epoch, args), initial_epoch=epoch, epochs=epoch + 1, verbose=0, shuffle=False
        )
        history.append({"epoch": epoch + 1, "loss": fit.history["loss"][0], "seconds": time.time() - start})
        checkpoint(model, history, out, keep=args.average)
        print("epoch {epoch}: loss {loss:.4f}, {seconds:.0f} s".format(**history[-1]), flush=True)
    last = range(args.epochs - args.average + 1, args.epochs + 1)
    average_epochs(model, out, last, Views(data, args.epochs, args))
    save_weights(model, out / "final.weights.h5")
    return history


def add_data(parser):
    """The arguments that say what there is to learn from and to measure on."""
    parser.add_argument("--data", required=True, help="outlines.npz from training.data.outlines")
    parser.add_argument(
        "--series", nargs="+", default=[], help="PATH@FOLD[:FIRST-LAST], or PATH of LIDC-IDRI"
    )
    parser.add_argument("--pictures", help="folder of normal-NNN.jpg and malignant-NNN.jpg")
    parser.add_argument("--out", default="runs", help="folder for runs (default: runs)")


def parse(argv=None):
    """The command line; its defaults are the recipe of the shipped weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add_data(parser)
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--fold", type=int, choices=range(FOLDS), help="whose patients are held out")
    who.add_argument("--everyone", action="store_true", help="train on all patients")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--steps", type=int, default=STEPS, help="batches an epoch")
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--rate", type=float, default=RATE, help="highest learning rate")
    parser.add_argument(
        "--average", type=int, default=AVERAGE, help="the last epochs, whose weights are averaged"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse(argv)
    out = Path(args.out) / "recognition" / ("everyone" if args.everyone else f"fold-{args.fold}")
    if not args.resume and (out / "history.csv").exists():
        sys.exit(f"error: {out} holds a run; give --resume to go on with it, or another --out.")
    out.mkdir(parents=True, exist_ok=True)
    recipe = vars(args) | {"keras": keras.__version__, "backend": keras.backend.backend()}
    (out / "run.json").write_text(json.dumps(recipe, indent=2) + "\n")
    train(args, read_data(args, args.fold), out)


if __name__ == "__main__":
    main()
