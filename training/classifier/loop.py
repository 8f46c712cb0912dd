"""The loop that trains every network here: options, epochs, checkpoints, and the mean of the last epochs.

A run's folder holds what a kill leaves whole: ``run.json`` (the recipe), ``history.csv`` and the checkpoints
of the last epochs (``epoch-N.weights.h5``, with the optimizer). At the end comes ``final.weights.h5``, the
mean of the last epochs. Keras' `BackupAndRestore` and `CSVLogger` write weights and history apart, keep one
epoch only, and restore no random streams: a resumed run would not end as an unbroken one does.
"""

import argparse
import csv
import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from training.classifier import devices
from training.data.splits import SEED, SHARES

BATCH_NORM_BATCHES = 40  # to estimate batch statistics anew; their moving average spans some ten batches

Row = dict[str, float]  # of a history: epoch, loss, seconds and what is watched


class Cycle(NamedTuple):
    """The part of a recipe that differs between the first cycle and one that begins with its weights."""

    epochs: int
    rate: float  # the highest
    average: int  # of so many last epochs the weights are averaged


def add_options(parser: argparse.ArgumentParser, **defaults: float) -> None:
    """The options that all runs have, and the `defaults` of a recipe; ``quiet`` is for no progress bars."""
    parser.add_argument("--out", default="runs", help="folder for runs (default: runs)")
    parser.add_argument("--epochs", type=int, help="default: the recipe of the shipped weights")
    parser.add_argument("--average", type=int, help="the last epochs whose weights are averaged")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--rate", type=float, help="highest learning rate; default: that of the recipe")
    parser.add_argument("--seed", type=int, help="of weights and views (default: 0; with --start 1)")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.set_defaults(**defaults)


def add_cycle_options(parser: argparse.ArgumentParser) -> None:
    """The options of runs in two cycles on one split of the patients; see `settle`."""
    parser.add_argument("--start", help="weights to begin with, of a run's folder: a second cycle")
    parser.add_argument("--everyone", action="store_true", help="train on all patients")
    parser.add_argument("--views", type=int, help="random views of each nodule an epoch")
    parser.add_argument("--split-seed", type=int, default=SEED)


def settle(args: argparse.Namespace, first: Cycle, second: Cycle) -> None:
    """Fill in what the command line left to the recipe of its cycle."""
    cycle = second if args.start else first
    share = SHARES["train"] if args.everyone else 1  # as many steps as without held-out patients
    args.epochs = args.epochs or math.ceil(share * cycle.epochs)
    args.rate = args.rate or cycle.rate
    args.average = min(args.average or cycle.average, args.epochs)
    args.seed = int(bool(args.start)) if args.seed is None else args.seed


def open_run(args: argparse.Namespace, *name: str, **more: object) -> Path:
    """The folder of a run with its recipe, `more` of which the command line does not hold.

    Exits where there is a run that is not to be resumed.
    """
    out = Path(args.out, *name)
    if not args.resume and (out / "history.csv").exists():
        sys.exit(f"error: {out} holds a run; give --resume to go on with it, or another --out.")
    out.mkdir(parents=True, exist_ok=True)
    if devices.is_first():
        recipe = vars(args) | {"keras": keras.__version__, "backend": keras.backend.backend()} | more
        (out / "run.json").write_text(json.dumps(recipe, indent=2) + "\n")
    return out


def compile_model(
    model: keras.Model, steps: int, args: argparse.Namespace, weight_decay: float, **losses: Any
) -> keras.Model:
    """AdamW (Loshchilov and Hutter, 2019) and a cosine decay after a warm-up of one epoch of `steps`."""
    rate = keras.optimizers.schedules.CosineDecay(
        args.rate / 20, steps * args.epochs, warmup_target=args.rate, warmup_steps=steps
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=weight_decay, clipnorm=5.0),
        jit_compile=keras.backend.backend() == "jax",  # TensorFlow's own kernels are twice as fast on CPUs
        **losses,
    )
    model.optimizer.build(model.trainable_variables)
    return model


def fit(
    model: keras.Model,
    args: argparse.Namespace,
    out: Path,
    views: Callable[[int], keras.utils.PyDataset],
    watch: Callable[[keras.Model], Mapping[str, float]] = lambda model: {},
    before: Callable[[int], None] = lambda epoch: None,
    kept: Callable[[keras.Model], keras.Model] = lambda model: model,
) -> list[Row]:
    """Train epoch by epoch and average the last ones.

    Parameters
    ----------
    out : Path
        The run's folder; see `open_run`.
    views : callable
        What an epoch, counted from 0, shows.
    watch : callable
        What is measured after each epoch, for the history: it is there to watch, and chooses nothing.
    before : callable
        Is called at the beginning of each epoch.
    kept : callable
        From the trained model to what of it ``final.weights.h5`` holds.

    Returns
    -------
    list of Row
        One an epoch. Last, without ``epoch``, that of the average (of several processes in the first only).
    """
    history = resume(model, out) if args.resume else []
    for epoch in range(len(history), args.epochs):
        start = time.time()
        before(epoch)
        verbose = 0 if args.quiet else 1
        done = model.fit(views(epoch), initial_epoch=epoch, epochs=epoch + 1, verbose=verbose, shuffle=False)
        row = {"epoch": epoch + 1, "loss": done.history["loss"][0], "seconds": time.time() - start}
        history.append({**row, **watch(model)})
        checkpoint(model, history, out, keep=args.average)
        report(f"{out.name} epoch {epoch + 1} of {args.epochs}", history[-1])
    if devices.is_first():
        with devices.alone(model) as single:
            average_epochs(single, out, last_epochs(args), views(args.epochs))
            save_weights(kept(single), out / "final.weights.h5")
            history = [*history, {"loss": math.nan, "seconds": 0.0, **watch(single)}]
        report(f"{out.name} mean of the last {args.average} epochs", history[-1])
    devices.meet(args.epochs)  # a process that ended earlier would take the first with it
    return history


def last_epochs(args: argparse.Namespace) -> range:
    """The epochs that are averaged, counted from 1."""
    return range(args.epochs - args.average + 1, args.epochs + 1)


def report(what: str, row: Row) -> None:
    """One line an epoch."""
    figures = (
        f"{name.replace('_', ' ')} {row[name]:.4f}" for name in row if name not in ("epoch", "seconds")
    )
    print(f"{what}: {', '.join(figures)}, {row['seconds']:.0f} s", flush=True)


def checkpoint(model: keras.Model, history: list[Row], out: Path, keep: int = 1) -> None:
    """Weights, optimizer and history, so that `resume` finds all of an epoch or none of it.

    The last `keep` epochs stay, older ones go. Of several processes the first writes.
    """
    if not devices.is_first():
        return
    save_weights(model, epoch_path(out, len(history)))
    temporary = out / "history.tmp"
    with open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)
    os.replace(temporary, out / "history.csv")
    kept = {epoch_path(out, len(history) - i) for i in range(keep)}
    for old in set(out.glob("epoch-*.weights.h5")) - kept:
        old.unlink()


def epoch_path(out: Path, epoch: int) -> Path:
    """The checkpoint of an epoch, counted from 1."""
    return out / f"epoch-{epoch}.weights.h5"


def save_weights(model: keras.Model, path: Path) -> None:
    """Write weights (and optimizer) under a temporary name first, so that a kill leaves no half file."""
    temporary = path.with_name(f"tmp-{path.name}")
    with devices.alone():  # Keras builds an optimizer here, which otherwise needs all processes
        model.save_weights(temporary, overwrite=True)
    os.replace(temporary, path)


def resume(model: keras.Model, out: Path) -> list[Row]:
    """Load the last checkpoint, if any, and return its history."""
    rows = []
    if (out / "history.csv").exists():
        with open(out / "history.csv", newline="") as file:
            rows = list(csv.DictReader(file))
    if not devices.meet(len(rows)):
        sys.exit(f"error: {out} is not the same on all machines; copy it from the first to the others.")
    if rows:
        model.load_weights(epoch_path(out, len(rows)))
    return [{name: int(v) if name == "epoch" else float(v) for name, v in row.items()} for row in rows]


def average_epochs(model: keras.Model, out: Path, epochs: range, batches: keras.utils.PyDataset) -> None:
    """Set a model to the mean of its weights after several epochs.

    The mean of the last epochs lies in a wider minimum than each of them and generalises better
    (stochastic weight averaging, Izmailov et al., UAI 2018). Its batch statistics are estimated anew on
    training data, as their section 3.2 asks. (Keras' `SwapEMA` is another mean, of all steps.)
    """
    total: list[np.ndarray] = []
    for epoch in epochs:
        model.load_weights(epoch_path(out, epoch))
        weights = [w.astype(np.float64) for w in model.get_weights()]
        total = [a + b for a, b in zip(total, weights, strict=True)] if total else weights
    model.set_weights([w / len(epochs) for w in total])
    for number in range(min(BATCH_NORM_BATCHES, len(batches))):
        model(batches[number][0], training=True)
