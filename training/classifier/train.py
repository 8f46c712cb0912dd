"""Train one model on all patients but those of a fold, or on everyone.

    python -m training.classifier.train --model vgg16 --data nodules.npz --fold 0

Writes to ``runs/fold-0/<model>/`` (or ``runs/everyone/<model>/``) what `training.classifier.loop` says. No
epoch is chosen: the AUC on held-out patients in the history is there to watch and to compare recipes. A
killed run goes on with ``--resume`` and loses at most the epoch it was in. KERAS_BACKEND may be tensorflow,
jax or torch.
"""

import math
from argparse import Namespace
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from models.imaging.patch import PATCH, PatchSpec, cut_patch
from models.networks.registry import ARCHITECTURES
from models.networks.scales import malignancy_score
from training.arguments import parser_of
from training.classifier import devices, learnt, loop
from training.classifier.outlining import classifier_of, outlining
from training.classifier.views import RandomViews
from training.data import outlines as outline_file
from training.data.dataset import Nodules, load
from training.data.outlines import Outlines, largest_section
from training.data.splits import FOLDS, fold_of_nodules, held_out
from training.evaluation.metrics import auc

PRECISIONS = ("mixed_bfloat16", "float32", "float64")
LOSS_WEIGHTS = {"rating": 1.0, "descriptors": 2.0, "diameter": 0.25, "outline": 2.0}


class Recipe(NamedTuple):
    """What differs between the models."""

    epochs: int
    rate: float  # the highest
    average: int  # of so many last epochs the weights are averaged
    precision: str = "mixed_bfloat16"  # quicker on CPUs that compute in it, but for depthwise convolutions


RECIPES = {
    "vgg16": Recipe(6, 5e-4, 3),
    "vgg19": Recipe(6, 5e-4, 3),
    "resnet": Recipe(16, 1e-3, 5),
    "alexnet": Recipe(20, 1e-3, 5),
    "efficientnet": Recipe(16, 2e-3, 5, "float32"),
}
OTHERS = Recipe(20, 1e-3, 5)  # an architecture that has no recipe yet


def compile_model(key: str, steps: int, args: Namespace, spec: PatchSpec = PATCH) -> keras.Model:
    """Build a model for epochs of `steps` batches."""
    model = ARCHITECTURES[key].build(spec.shape)
    if not args.random:
        learnt.begin(model)
    losses = {
        "rating": "categorical_crossentropy",
        "descriptors": "mse",
        "diameter": "mse",
        "outline": "binary_crossentropy",
    }
    weights = {n: w if n == "rating" else w * args.auxiliary for n, w in LOSS_WEIGHTS.items()}
    return loop.compile_model(
        outlining(model), steps, args, args.weight_decay, loss=losses, loss_weights=weights
    )


def largest_sections(outlines: Outlines, indices: np.ndarray, spec: PatchSpec = PATCH) -> np.ndarray:
    """Patches of the largest sections of some nodules, (n, rows, cols, fields), as the app cuts them."""
    patches = []
    for i in indices:
        index, row, col = largest_section(outlines, i)
        patches.append(cut_patch(outlines.grey[index], float(outlines.spacing_mm[i]), row, col, spec))
    return np.stack(patches)


def sides(nodules: Nodules, args: Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the nodules that train, and of the benign and malignant ones to watch."""
    fold = fold_of_nodules(nodules)
    chosen = np.flatnonzero(fold != args.fold)  # of None: all
    if args.clear_only:
        chosen = chosen[nodules.label[chosen] >= 0]
    return chosen, np.flatnonzero((fold == args.fold) & (nodules.label >= 0))


def train(
    args: Namespace, nodules: Nodules, outlines: Outlines, out: Path, spec: PatchSpec = PATCH
) -> list[loop.Row]:
    """Train one model; returns the history as `loop.fit` does."""
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(args.precision)
    try:
        return _train(args, nodules, outlines, out, spec)
    finally:
        keras.mixed_precision.set_dtype_policy(before)


def _train(
    args: Namespace, nodules: Nodules, outlines: Outlines, out: Path, spec: PatchSpec
) -> list[loop.Row]:
    chosen, watched = sides(nodules, args)
    keras.utils.set_random_seed(args.seed)
    model = compile_model(args.model, len(RandomViews(nodules, outlines, chosen, 0, args)), args, spec)
    patches = largest_sections(outlines, watched, spec) if len(watched) else None

    def watch(model: keras.Model) -> dict[str, float]:
        if patches is None:
            return {"held_out_auc": math.nan}
        with devices.alone(model) as single:
            ratings = single.predict(patches, batch_size=128, verbose=0)["rating"]
        return {"held_out_auc": auc(nodules.label[watched], malignancy_score(ratings))}

    return loop.fit(
        model,
        args,
        out,
        views=lambda epoch: RandomViews(nodules, outlines, chosen, epoch, args, spec),
        watch=watch,
        before=lambda epoch: reseed(model, args.seed, epoch),
        kept=classifier_of,
    )


def reseed(model: keras.Model, seed: int, epoch: int) -> None:
    """Give each dropout layer the random stream of this epoch, so that a resumed run draws the same."""
    for number, layer in enumerate(model.layers):
        if getattr(layer, "seed_generator", None) is not None:
            layer.seed_generator.state.assign([seed + 1000 * number, epoch * 1_000_000])


def parse(argv: list[str] | None = None) -> Namespace:
    """The command line; its defaults are the recipe of the shipped weights."""
    parser = parser_of(__doc__, "nodules")
    parser.add_argument("--model", required=True, choices=ARCHITECTURES)
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--fold", type=int, choices=range(FOLDS), help="whose patients are held out")
    who.add_argument("--everyone", action="store_true", help="train on all patients")
    parser.add_argument("--quiet", action="store_true", help="one line an epoch, no progress bar")
    loop.add_options(parser, batch=64, seed=0)
    parser.add_argument("--views", type=int, default=2, help="random views of each nodule an epoch")
    parser.add_argument("--precision", choices=PRECISIONS, help="default: that of the recipe")
    parser.add_argument("--weight-decay", type=float, default=0.02)
    parser.add_argument("--random", action="store_true", help="begin with random weights")
    parser.add_argument("--auxiliary", type=float, default=1.0, help="factor on the auxiliary heads' losses")
    parser.add_argument("--clear-only", action="store_true", help="leave indeterminate nodules out")
    args = parser.parse_args(argv)
    recipe = RECIPES.get(args.model, OTHERS)
    share = (FOLDS - 1) / FOLDS if args.everyone else 1  # as many steps as without held-out patients
    args.epochs = args.epochs or math.ceil(share * recipe.epochs)
    args.rate = args.rate or recipe.rate
    args.average = min(args.average or math.ceil(share * recipe.average), args.epochs)
    args.precision = args.precision or recipe.precision
    return args


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    folder = "everyone" if args.everyone else f"fold-{args.fold}"
    nodules, shared = load(args.data), devices.distribute(args.batch)
    told = {"held_out": held_out(nodules, args.fold), "began_with": learnt.origin(args.model, args.random)}
    out = loop.open_run(args, folder, args.model, **told, **shared)
    train(args, nodules, outline_file.load(args.data), out)


if __name__ == "__main__":
    main()
