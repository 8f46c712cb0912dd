"""Train the localiser.

    python -m training.localiser.train --data outlines.npz [--start WEIGHTS --healthy SERIES] [--resume]

Writes to ``runs/localiser/`` what `training.classifier.train` writes for a classifier: checkpoints,
``history.csv``, ``run.json`` and at the end ``final.weights.h5``, the mean of the last epochs. Patients are
divided as for the classifiers; validation patients are watched, and choose nothing here.
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path

import keras
import numpy as np

from models.networks.localiser import FILTERS, build_localiser
from training.classifier.checkpoints import average_epochs, checkpoint, resume, save_weights
from training.data.outlines import load
from training.data.splits import SEED, SHARES, side_of
from training.localiser.healthy import HealthySlices
from training.localiser.views import RandomFields

FIRST_EPOCHS, SECOND_EPOCHS = 28, 8  # the recipe of the shipped weights; the second cycle is that of --start
FIRST_RATE, SECOND_RATE = 2e-3, 1e-3
FIRST_AVERAGE, SECOND_AVERAGE = 6, 3
VIEWS, BATCH, WEIGHT_DECAY = 3, 32, 0.02
SMOOTH = 20.0  # pixels; keeps the Dice loss of fields without a nodule tame


def overlap_loss(truth, predicted, smooth=SMOOTH):
    """Cross entropy and soft Dice of each field (Milletari et al., arXiv:1606.04797, 2016).

    Parameters
    ----------
    truth, predicted : tensors of shape (batch, rows, cols, 1)
        Share of the readers, and probability.
    smooth : float
        In pixels.

    Returns
    -------
    tensor of shape (batch,)
    """
    ops, axes = keras.ops, (1, 2, 3)
    entropy = ops.mean(keras.losses.binary_crossentropy(truth, predicted), axis=(1, 2))
    both = ops.sum(truth * predicted, axis=axes)
    total = ops.sum(truth * truth, axis=axes) + ops.sum(predicted * predicted, axis=axes)
    return 4 * entropy + 1 - (2 * both + smooth) / (total + smooth)


def compile_localiser(steps, args):
    """The network with AdamW and a cosine decay after a warm-up, as the classifiers have."""
    model = build_localiser(args.filters)
    if args.start:
        model.load_weights(args.start)
    rate = keras.optimizers.schedules.CosineDecay(
        args.rate / 20, steps * args.epochs, warmup_target=args.rate, warmup_steps=steps
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY, clipnorm=5.0)
    model.compile(optimizer, loss=overlap_loss, jit_compile=keras.backend.backend() == "jax")
    model.optimizer.build(model.trainable_variables)
    return model


def watch(model, outlines, indices):
    """Mean Dice over one fixed random field of each watched nodule that shows some of it."""
    args = argparse.Namespace(seed=0, views=1, batch=64)
    dice = []
    batches = RandomFields(outlines, indices, 0, args)
    for fields, shares, _ in (batches[i] for i in range(len(batches))):
        predicted, truth = model.predict(fields, verbose=0) >= 0.5, shares >= 0.5
        seen = truth.sum(axis=(1, 2, 3)) > 0
        both = (truth & predicted).sum(axis=(1, 2, 3))
        total = truth.sum(axis=(1, 2, 3)) + predicted.sum(axis=(1, 2, 3))
        dice.append((2 * both / np.maximum(total, 1))[seen])
    return float(np.concatenate(dice).mean())


def train(args, outlines, out):
    """Train epoch by epoch and average the last ones; returns the history's rows."""
    chosen = np.arange(len(outlines)) if args.everyone else side_of(outlines, "train", args.split_seed)
    watched = side_of(outlines, "validation", args.split_seed)
    keras.utils.set_random_seed(args.seed)
    healthy = HealthySlices(args.healthy) if args.healthy else None
    model = compile_localiser(len(RandomFields(outlines, chosen, 0, args, healthy)), args)
    if healthy and args.start:
        healthy.mine(model)
    history = resume(model, out) if args.resume else []
    for epoch in range(len(history), args.epochs):
        start = time.time()
        fields = RandomFields(outlines, chosen, epoch, args, healthy)
        fit = model.fit(fields, initial_epoch=epoch, epochs=epoch + 1, verbose=0, shuffle=False)
        row = {"epoch": epoch + 1, "loss": fit.history["loss"][0], "seconds": time.time() - start}
        history.append(row | {"validation_dice": watch(model, outlines, watched)})
        checkpoint(model, history, out, keep=args.average)
        print(
            "epoch {epoch}: loss {loss:.4f}, Dice {validation_dice:.3f}, {seconds:.0f} s".format(
                **history[-1]
            ),
            flush=True,
        )
    last = range(args.epochs - args.average + 1, args.epochs + 1)
    average_epochs(model, out, last, RandomFields(outlines, chosen, args.epochs, args, healthy))
    save_weights(model, out / "final.weights.h5")
    print(f"average: Dice {watch(model, outlines, watched):.3f}", flush=True)
    return history


def parse(argv=None):
    """The command line; its defaults are the recipe of the shipped weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", required=True, help="outlines.npz from training.data.outlines")
    parser.add_argument("--out", default="runs", help="folder for runs (default: runs)")
    parser.add_argument("--epochs", type=int, help="default: the recipe of the shipped weights")
    parser.add_argument("--average", type=int, help="the last epochs whose weights are averaged")
    parser.add_argument("--views", type=int, default=VIEWS, help="random fields of each nodule an epoch")
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--rate", type=float, help="highest learning rate")
    parser.add_argument("--filters", type=int, nargs="+", default=FILTERS)
    parser.add_argument("--start", help="weights to begin with: a second cycle")
    parser.add_argument("--healthy", nargs="+", help="CT series without nodules; PATH or PATH:FIRST-LAST")
    parser.add_argument("--everyone", action="store_true", help="train on all patients")
    parser.add_argument("--seed", type=int, help="of weights and fields; default: 0, with --start 1")
    parser.add_argument("--split-seed", type=int, default=SEED)
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    args = parser.parse_args(argv)
    second = args.start is not None
    share = SHARES["train"] if args.everyone else 1  # as many steps as without held-out patients
    args.epochs = args.epochs or math.ceil(share * (SECOND_EPOCHS if second else FIRST_EPOCHS))
    args.rate = args.rate or (SECOND_RATE if second else FIRST_RATE)
    args.average = min(args.average or (SECOND_AVERAGE if second else FIRST_AVERAGE), args.epochs)
    args.seed = int(second) if args.seed is None else args.seed
    return args


def main(argv=None):
    args = parse(argv)
    out = Path(args.out) / "localiser"
    if not args.resume and (out / "history.csv").exists():
        sys.exit(f"error: {out} holds a run; give --resume to go on with it, or another --out.")
    out.mkdir(parents=True, exist_ok=True)
    recipe = vars(args) | {"keras": keras.__version__, "backend": keras.backend.backend()}
    (out / "run.json").write_text(json.dumps(recipe, indent=2) + "\n")
    train(args, load(args.data), out)


if __name__ == "__main__":
    main()
