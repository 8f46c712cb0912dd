"""What a run leaves on disk, so that a kill costs at most an epoch, and the mean of its last epochs."""

import csv
import os
import sys

import numpy as np

from training.classifier import devices

BATCH_NORM_BATCHES = 40  # to estimate batch statistics anew; their moving average spans some ten batches


def checkpoint(model, history, out, keep=1):
    """Weights, optimizer and history, so that `resume` finds all of an epoch or none of it.

    The last `keep` epochs stay, older ones go. Of several processes the first writes.
    """
    if not devices.is_first():
        return
    save_weights(model, epoch_path(out, len(history)))
    temporary = out / "history.tmp"
    with open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=history[0])
        writer.writeheader()
        writer.writerows(history)
    os.replace(temporary, out / "history.csv")
    kept = {epoch_path(out, len(history) - i) for i in range(keep)}
    for old in set(out.glob("epoch-*.weights.h5")) - kept:
        old.unlink()


def epoch_path(out, epoch):
    """The checkpoint of an epoch, counted from 1."""
    return out / f"epoch-{epoch}.weights.h5"


def save_weights(model, path):
    """Write weights (and optimizer) under a temporary name first, so that a kill leaves no half file."""
    temporary = path.with_name(f"tmp-{path.name}")
    with devices.alone():  # Keras builds an optimizer here, which otherwise needs all processes
        model.save_weights(temporary, overwrite=True)
    os.replace(temporary, path)


def resume(model, out):
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


def average_epochs(model, out, epochs, batches):
    """Set a model to the mean of its weights after several epochs.

    The mean of the last epochs lies in a wider minimum than each of them and generalises better
    (stochastic weight averaging, Izmailov et al., UAI 2018). Its batch statistics are estimated anew, as
    their section 3.2 asks.

    Parameters
    ----------
    model : keras.Model
    out : Path
        The run's folder, with the checkpoints of `epochs`.
    epochs : sequence of int
    batches : keras.utils.PyDataset
        Training data.
    """
    total = None
    for epoch in epochs:
        model.load_weights(epoch_path(out, epoch))
        weights = [w.astype(np.float64) for w in model.get_weights()]
        total = weights if total is None else [a + b for a, b in zip(total, weights, strict=True)]
    model.set_weights([w / len(epochs) for w in total])
    for number in range(min(BATCH_NORM_BATCHES, len(batches))):
        model(batches[number][0], training=True)
