"""Train the localiser.

    python -m training.localiser.train --data nodules.npz [--start WEIGHTS --healthy SERIES] [--resume]

Writes to ``runs/localiser/`` what `training.classifier.loop` says. Patients are divided into train,
validation and test; validation patients are watched, and choose nothing here.
"""

from argparse import Namespace
from pathlib import Path

import keras
import numpy as np

from models.networks.localiser import FILTERS, build_localiser
from training.arguments import parser_of
from training.classifier import loop
from training.data.outlines import Outlines, load
from training.data.splits import side_of
from training.localiser.healthy import HealthySlices
from training.localiser.views import RandomFields

# the recipe of the shipped weights; the second cycle is that of --start
FIRST_CYCLE, SECOND_CYCLE = loop.Cycle(28, 2e-3, 6), loop.Cycle(8, 1e-3, 3)
VIEWS, BATCH, WEIGHT_DECAY = 3, 32, 0.02
SMOOTH = 20.0  # pixels; keeps the Dice loss of fields without a nodule tame


def overlap_loss(
    truth: keras.KerasTensor, predicted: keras.KerasTensor, smooth: float = SMOOTH
) -> keras.KerasTensor:
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


def watch(model: keras.Model, outlines: Outlines, indices: np.ndarray) -> float:
    """Mean Dice over one fixed random field of each watched nodule that shows some of it."""
    args = Namespace(seed=0, views=1, batch=64)
    dice = []
    batches = RandomFields(outlines, indices, 0, args)
    for fields, shares, _ in (batches[i] for i in range(len(batches))):
        predicted, truth = model.predict(fields, verbose=0) >= 0.5, shares >= 0.5
        seen = truth.sum(axis=(1, 2, 3)) > 0
        both = (truth & predicted).sum(axis=(1, 2, 3))
        total = truth.sum(axis=(1, 2, 3)) + predicted.sum(axis=(1, 2, 3))
        dice.append((2 * both / np.maximum(total, 1))[seen])
    return float(np.concatenate(dice).mean())


def train(args: Namespace, outlines: Outlines, out: Path) -> list[loop.Row]:
    """Train the localiser; returns the history as `loop.fit` does."""
    chosen = np.arange(len(outlines)) if args.everyone else side_of(outlines, "train", args.split_seed)
    watched = side_of(outlines, "validation", args.split_seed)
    keras.utils.set_random_seed(args.seed)
    healthy = HealthySlices(args.healthy) if args.healthy else None
    model = build_localiser(args.filters)
    if args.start:
        model.load_weights(args.start)
    steps = len(RandomFields(outlines, chosen, 0, args, healthy))
    loop.compile_model(model, steps, args, WEIGHT_DECAY, loss=overlap_loss)
    if healthy and args.start:
        healthy.mine(model)
    return loop.fit(
        model,
        args,
        out,
        views=lambda epoch: RandomFields(outlines, chosen, epoch, args, healthy),
        watch=lambda model: {"validation_dice": watch(model, outlines, watched)},
    )


def parse(argv: list[str] | None = None) -> Namespace:
    """The command line; its defaults are the recipe of the shipped weights."""
    parser = parser_of(__doc__, "nodules")
    loop.add_options(parser, batch=BATCH, quiet=True)
    loop.add_cycle_options(parser)
    parser.set_defaults(views=VIEWS)
    parser.add_argument("--filters", type=int, nargs="+", default=FILTERS)
    parser.add_argument("--healthy", nargs="+", help="CT series without nodules; PATH or PATH:FIRST-LAST")
    args = parser.parse_args(argv)
    loop.settle(args, FIRST_CYCLE, SECOND_CYCLE)
    return args


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    train(args, load(args.data), loop.open_run(args, "localiser"))


if __name__ == "__main__":
    main()
