"""Train one model.

    python -m training.train --model vgg16 --data patches.npz [--resume]

Writes to ``runs/<model>/``: a checkpoint after each epoch (``epoch-N.weights.h5``, with the optimizer), the
best epoch so far by AUC on validation patients (``best.weights.h5``), ``history.csv`` and
``run.json`` (seed, command, versions). A killed run goes on with ``--resume`` and loses at most the epoch
it was in. KERAS_BACKEND may be tensorflow, jax or torch.
"""

import argparse
import csv
import json
import os
import sys
import time
from pathlib import Path

import keras
import numpy as np

from models.imaging.patch import PATCH
from models.inference.views import patch_at, slices_to_read
from models.networks.registry import ARCHITECTURES
from models.networks.scales import malignancy_score, scale_diameter
from training.augment import random_patch
from training.dataset import centre, load
from training.metrics import auc
from training.splits import SEED, side_of

LOSS_WEIGHTS = {"rating": 1.0, "descriptors": 2.0, "diameter": 0.25}
VALIDATION_SLICES = 3
EPOCHS = {"alexnet": 24, "efficientnet": 22, "resnet": 20, "vgg16": 14, "vgg19": 14}


class RandomViews(keras.utils.PyDataset):
    """One epoch: `views` random views of each nodule, the same ones whenever seed and epoch are the same."""

    def __init__(self, nodules, indices, epoch, args, spec=PATCH):
        super().__init__()
        self.nodules, self.seed, self.epoch, self.spec = nodules, args.seed, epoch, spec
        rng = np.random.default_rng((args.seed, epoch))
        order = np.concatenate([rng.permutation(indices) for _ in range(args.views)])
        self.batches = np.array_split(order, max(1, len(order) // args.batch))
        self.distribution = nodules.rating_distribution
        self.weight = np.sqrt(np.minimum(nodules.n_readers, 4) / 4).astype(np.float32)

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, number):
        rng = np.random.default_rng((self.seed, self.epoch, number))
        chosen, nodules = self.batches[number], self.nodules
        patches = [random_patch(nodules.stacks[i], nodules.spacing_mm[i], rng, self.spec) for i in chosen]
        targets = {
            "rating": self.distribution[chosen],
            "descriptors": nodules.descriptors[chosen],
            "diameter": scale_diameter(nodules.diameter_mm[chosen, None]),
        }
        return np.stack(patches), targets, {name: self.weight[chosen] for name in targets}


def compile_model(key, steps, args, spec=PATCH):
    """Build a model with AdamW (Loshchilov and Hutter, 2019) and a cosine decay after a warm-up."""
    model = ARCHITECTURES[key].build(spec.shape)
    rate = keras.optimizers.schedules.CosineDecay(
        args.rate / 20, steps * args.epochs, warmup_target=args.rate, warmup_steps=steps
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=args.weight_decay, clipnorm=5.0),
        loss={"rating": "categorical_crossentropy", "descriptors": "mse", "diameter": "mse"},
        loss_weights=LOSS_WEIGHTS,
        jit_compile=keras.backend.backend() == "jax",  # TensorFlow's own kernels are twice as fast on CPUs
    )
    model.optimizer.build(model.trainable_variables)
    return model


def predict_scores(model, nodules, indices, at_most, spec=PATCH):
    """Malignancy score of each nodule, averaged over up to `at_most` slices around its middle."""
    owner, patches = [], []
    for position, i in enumerate(indices):
        stack = nodules.stacks[i]
        for index in slices_to_read(len(stack), at_most):
            owner.append(position)
            patches.append(patch_at(stack, nodules.spacing_mm[i], *centre(stack), index, spec))
    ratings = model.predict(np.stack(patches), batch_size=128, verbose=0)["rating"]
    totals = np.bincount(owner, malignancy_score(ratings), minlength=len(indices))
    return totals / np.bincount(owner, minlength=len(indices))


def train(args, nodules, out, spec=PATCH):
    """Train, validate and checkpoint epoch by epoch; returns the history's rows."""
    chosen = side_of(nodules, "train", args.split_seed)
    judged = side_of(nodules, "validation", args.split_seed)
    judged = judged[nodules.label[judged] >= 0]
    keras.utils.set_random_seed(args.seed)
    model = compile_model(args.model, len(RandomViews(nodules, chosen, 0, args)), args, spec)
    history = resume(model, out) if args.resume else []
    for epoch in range(len(history), args.epochs):
        start = time.time()
        views = RandomViews(nodules, chosen, epoch, args, spec)
        reseed(model, args.seed, epoch)
        fit = model.fit(
            views, initial_epoch=epoch, epochs=epoch + 1, verbose=0 if args.quiet else 1, shuffle=False
        )
        scores = predict_scores(model, nodules, judged, VALIDATION_SLICES, spec)
        row = {"epoch": epoch + 1, "loss": fit.history["loss"][0], "seconds": time.time() - start}
        row["validation_auc"] = auc(nodules.label[judged], scores)
        if row["validation_auc"] > max((r["validation_auc"] for r in history), default=0):
            save_weights(model, out / "best.weights.h5")
        history.append(row)
        checkpoint(model, history, out)
        left = row["seconds"] * (args.epochs - epoch - 1) / 60
        print(
            f"{args.model} epoch {epoch + 1}/{args.epochs}: loss {row['loss']:.4f}, validation AUC "
            f"{row['validation_auc']:.4f}, {row['seconds']:.0f} s, about {left:.0f} min left",
            flush=True,
        )
    return history


def reseed(model, seed, epoch):
    """Give each dropout layer the random stream of this epoch, so that a resumed run draws the same."""
    for number, layer in enumerate(model.layers):
        if getattr(layer, "seed_generator", None) is not None:
            layer.seed_generator.state.assign([seed + 1000 * number, epoch * 1_000_000])


def checkpoint(model, history, out):
    """Weights, optimizer and history, so that `resume` finds all of an epoch or none of it."""
    save_weights(model, out / f"epoch-{len(history)}.weights.h5")
    temporary = out / "history.tmp"
    with open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=history[0])
        writer.writeheader()
        writer.writerows(history)
    os.replace(temporary, out / "history.csv")
    for old in out.glob("epoch-*.weights.h5"):
        if old.name != f"epoch-{len(history)}.weights.h5":
            old.unlink()


def save_weights(model, path):
    """Write weights and optimizer under a temporary name first, so that a kill leaves no half file."""
    temporary = path.with_name(f"tmp-{path.name}")
    model.save_weights(temporary, overwrite=True)
    os.replace(temporary, path)


def resume(model, out):
    """Load the last checkpoint, if any, and return its history."""
    if not (out / "history.csv").exists():
        return []
    with open(out / "history.csv", newline="") as file:
        history = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    model.load_weights(out / f"epoch-{len(history)}.weights.h5")
    for row in history:
        row["epoch"] = int(row["epoch"])
    return history


def parse(argv=None):
    """The command line; its defaults are the recipe of the shipped weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", required=True, choices=ARCHITECTURES)
    parser.add_argument("--data", required=True, help="patches.npz from training.prepare")
    parser.add_argument("--out", default="runs", help="folder for runs (default: runs)")
    parser.add_argument("--epochs", type=int, help="default: the recipe of the shipped weights")
    parser.add_argument("--views", type=int, default=2, help="random views of each nodule an epoch")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate")
    parser.add_argument("--weight-decay", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=0, help="of weights and views")
    parser.add_argument("--split-seed", type=int, default=SEED)
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--quiet", action="store_true", help="one line an epoch, no progress bar")
    args = parser.parse_args(argv)
    args.epochs = args.epochs or EPOCHS[args.model]
    return args


def main(argv=None):
    args = parse(argv)
    out = Path(args.out) / args.model
    if not args.resume and (out / "history.csv").exists():
        sys.exit(f"error: {out} holds a run; give --resume to go on with it, or another --out.")
    out.mkdir(parents=True, exist_ok=True)
    recipe = vars(args) | {"keras": keras.__version__, "backend": keras.backend.backend()}
    (out / "run.json").write_text(json.dumps(recipe, indent=2) + "\n")
    train(args, load(args.data), out)


if __name__ == "__main__":
    main()
