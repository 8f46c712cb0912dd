"""Train one model.

    python -m training.classifier.train --model vgg16 --data patches.npz [--resume]

Writes to ``runs/<model>/``: checkpoints (``epoch-N.weights.h5``, with the optimizer), ``history.csv``,
``run.json`` (seed, command, versions) and at the end ``final.weights.h5``, the mean of the last epochs.
No epoch is chosen: the AUC on validation patients in the history is there to watch and to compare
recipes. A killed run goes on with ``--resume`` and loses at most the epoch it was in. KERAS_BACKEND may be
tensorflow, jax or torch.
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path

import keras
import numpy as np

from models.imaging.patch import PATCH
from models.inference.views import patch_at, slices_to_read
from models.networks.registry import ARCHITECTURES
from models.networks.scales import malignancy_score
from training.classifier import devices
from training.classifier.batches import RandomViews
from training.classifier.checkpoints import average_epochs, checkpoint, resume, save_weights
from training.data.dataset import centre, load
from training.data.splits import SEED, SHARES, side_of
from training.evaluation.metrics import auc

LOSS_WEIGHTS = {"rating": 1.0, "descriptors": 2.0, "diameter": 0.25}
WATCHED_SLICES = 3
# the recipe of the shipped weights: a first cycle from random weights, a second one with --start
FIRST_CYCLE = {"alexnet": 24, "efficientnet": 22, "resnet": 20, "vgg16": 14, "vgg19": 14}
SECOND_CYCLE = {"alexnet": 16, "efficientnet": 12, "resnet": 14, "vgg16": 8, "vgg19": 8}
AVERAGE = 5
FIRST_RATE, SECOND_RATE = 1e-3, 5e-4


def compile_model(key, steps, args, spec=PATCH):
    """Build a model with AdamW (Loshchilov and Hutter, 2019) and a cosine decay after a warm-up."""
    model = ARCHITECTURES[key].build(spec.shape)
    if args.start:
        model.load_weights(args.start)
    rate = keras.optimizers.schedules.CosineDecay(
        args.rate / 20, steps * args.epochs, warmup_target=args.rate, warmup_steps=steps
    )
    auxiliary = {"rating": 1.0, "descriptors": args.auxiliary, "diameter": args.auxiliary}
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=args.weight_decay, clipnorm=5.0),
        loss={"rating": "categorical_crossentropy", "descriptors": "mse", "diameter": "mse"},
        loss_weights={name: weight * auxiliary[name] for name, weight in LOSS_WEIGHTS.items()},
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


def sides(nodules, args):
    """Indices of the nodules that train, and of the benign and malignant ones to watch."""
    if args.everyone:
        return np.arange(len(nodules)), np.array([], int)
    chosen, watched = (side_of(nodules, side, args.split_seed) for side in ("train", "validation"))
    if args.clear_only:
        chosen = chosen[nodules.label[chosen] >= 0]
    return chosen, watched[nodules.label[watched] >= 0]


def train(args, nodules, out, spec=PATCH):
    """Train epoch by epoch, average the last ones; returns the history's rows, the average's last."""
    chosen, watched = sides(nodules, args)
    keras.utils.set_random_seed(args.seed)
    model = compile_model(args.model, len(RandomViews(nodules, chosen, 0, args)), args, spec)
    history = resume(model, out) if args.resume else []

    def watch(seconds, **row):
        with devices.alone(model) as copy:
            scores = predict_scores(copy, nodules, watched, WATCHED_SLICES, spec) if len(watched) else None
        reached = float("nan") if scores is None else auc(nodules.label[watched], scores)
        return row | {"seconds": seconds, "validation_auc": reached}

    for epoch in range(len(history), args.epochs):
        start = time.time()
        views = RandomViews(nodules, chosen, epoch, args, spec)
        reseed(model, args.seed, epoch)
        fit = model.fit(
            views, initial_epoch=epoch, epochs=epoch + 1, verbose=0 if args.quiet else 1, shuffle=False
        )
        history.append(watch(time.time() - start, epoch=epoch + 1, loss=fit.history["loss"][0]))
        checkpoint(model, history, out, keep=args.average)
        report(args, history[-1])
    if devices.is_first():
        with devices.alone(model) as model:
            last = range(args.epochs - args.average + 1, args.epochs + 1)
            average_epochs(model, out, last, RandomViews(nodules, chosen, args.epochs, args, spec))
            save_weights(model, out / "final.weights.h5")
            history = [*history, watch(0.0, epoch="average", loss=float("nan"))]
            report(args, history[-1])
    devices.meet(args.epochs)  # a process that ended earlier would take the first with it
    return history


def report(args, row):
    """One line an epoch."""
    print(
        f"{args.model} epoch {row['epoch']} of {args.epochs}: loss {row['loss']:.4f}, "
        f"validation AUC {row['validation_auc']:.4f}, {row['seconds']:.0f} s",
        flush=True,
    )


def reseed(model, seed, epoch):
    """Give each dropout layer the random stream of this epoch, so that a resumed run draws the same."""
    for number, layer in enumerate(model.layers):
        if getattr(layer, "seed_generator", None) is not None:
            layer.seed_generator.state.assign([seed + 1000 * number, epoch * 1_000_000])


def parse(argv=None):
    """The command line; its defaults are the recipe of the shipped weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", required=True, choices=ARCHITECTURES)
    parser.add_argument("--data", required=True, help="patches.npz from training.data.prepare")
    parser.add_argument("--out", default="runs", help="folder for runs (default: runs)")
    parser.add_argument("--epochs", type=int, help="default: the recipe of the shipped weights")
    parser.add_argument("--average", type=int, help="the last epochs whose weights are averaged")
    parser.add_argument("--start", help="weights to begin with, of a run's folder: a second cycle")
    parser.add_argument("--everyone", action="store_true", help="train on all patients, watch nobody")
    parser.add_argument("--views", type=int, default=2, help="random views of each nodule an epoch")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument(
        "--rate", type=float, help="highest learning rate; default: 0.001, with --start 0.0005"
    )
    parser.add_argument("--weight-decay", type=float, default=0.02)
    parser.add_argument("--mixup", type=float, default=0.0, help="alpha of mixup; 0: none")
    parser.add_argument("--auxiliary", type=float, default=1.0, help="factor on the auxiliary heads' losses")
    parser.add_argument("--clear-only", action="store_true", help="leave indeterminate nodules out")
    parser.add_argument("--seed", type=int, help="of weights and views; default: 0, with --start 1")
    parser.add_argument("--split-seed", type=int, default=SEED)
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--quiet", action="store_true", help="one line an epoch, no progress bar")
    args = parser.parse_args(argv)
    second = args.start is not None
    share = SHARES["train"] if args.everyone else 1  # as many steps as without held-out patients
    args.epochs = args.epochs or math.ceil(share * (SECOND_CYCLE if second else FIRST_CYCLE)[args.model])
    args.rate = args.rate or (SECOND_RATE if second else FIRST_RATE)
    args.seed = int(second) if args.seed is None else args.seed
    args.average = min(args.average or math.ceil(share * AVERAGE), args.epochs)
    return args


def main(argv=None):
    args = parse(argv)
    out = Path(args.out) / args.model
    if not args.resume and (out / "history.csv").exists():
        sys.exit(f"error: {out} holds a run; give --resume to go on with it, or another --out.")
    out.mkdir(parents=True, exist_ok=True)
    recipe = vars(args) | {"keras": keras.__version__} | devices.distribute(args.batch)
    if devices.is_first():
        (out / "run.json").write_text(json.dumps(recipe, indent=2) + "\n")
    train(args, load(args.data), out)


if __name__ == "__main__":
    main()
