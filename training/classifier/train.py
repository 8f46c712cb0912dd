"""Train one model.

    python -m training.classifier.train --model vgg16 --data patches.npz [--resume]

Writes to ``runs/<model>/`` what `training.classifier.loop` says. No epoch is chosen: the AUC on validation
patients in the history is there to watch and to compare recipes. A killed run goes on with ``--resume`` and
loses at most the epoch it was in. KERAS_BACKEND may be tensorflow, jax or torch.
"""

import math
from argparse import Namespace
from pathlib import Path

import keras
import numpy as np

from models.imaging.patch import PATCH, PatchSpec
from models.inference.views import patch_at, slices_to_read
from models.networks.registry import ARCHITECTURES
from models.networks.scales import malignancy_score
from training.arguments import parser_of
from training.classifier import devices, loop
from training.classifier.views import RandomViews
from training.data.dataset import Nodules, centre, load
from training.data.splits import SHARES, side_of
from training.evaluation.metrics import auc

LOSS_WEIGHTS = {"rating": 1.0, "descriptors": 2.0, "diameter": 0.25}
WATCHED_SLICES = 3
# the recipe of the shipped weights: a first cycle from random weights, a second one with --start
FIRST_CYCLE = {"alexnet": 24, "efficientnet": 22, "resnet": 20, "vgg16": 14, "vgg19": 14}
SECOND_CYCLE = {"alexnet": 16, "efficientnet": 12, "resnet": 14, "vgg16": 8, "vgg19": 8}
OTHERS = 20  # epochs of an architecture that has no recipe yet
AVERAGE = 5
FIRST_RATE, SECOND_RATE = 1e-3, 5e-4


def compile_model(key: str, steps: int, args: Namespace, spec: PatchSpec = PATCH) -> keras.Model:
    """Build a model for epochs of `steps` batches."""
    model = ARCHITECTURES[key].build(spec.shape)
    if args.start:
        model.load_weights(args.start)
    auxiliary = {"rating": 1.0, "descriptors": args.auxiliary, "diameter": args.auxiliary}
    return loop.compile_model(
        model,
        steps,
        args,
        args.weight_decay,
        loss={"rating": "categorical_crossentropy", "descriptors": "mse", "diameter": "mse"},
        loss_weights={name: weight * auxiliary[name] for name, weight in LOSS_WEIGHTS.items()},
    )


def predict_scores(
    model: keras.Model, nodules: Nodules, indices: np.ndarray, at_most: int, spec: PatchSpec = PATCH
) -> np.ndarray:
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


def sides(nodules: Nodules, args: Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the nodules that train, and of the benign and malignant ones to watch."""
    if args.everyone:
        return np.arange(len(nodules)), np.array([], int)
    chosen, watched = (side_of(nodules, side, args.split_seed) for side in ("train", "validation"))
    if args.clear_only:
        chosen = chosen[nodules.label[chosen] >= 0]
    return chosen, watched[nodules.label[watched] >= 0]


def train(args: Namespace, nodules: Nodules, out: Path, spec: PatchSpec = PATCH) -> list[loop.Row]:
    """Train one model; returns the history as `loop.fit` does."""
    chosen, watched = sides(nodules, args)
    keras.utils.set_random_seed(args.seed)
    model = compile_model(args.model, len(RandomViews(nodules, chosen, 0, args)), args, spec)

    def watch(model: keras.Model) -> dict[str, float]:
        if len(watched) == 0:
            return {"validation_auc": math.nan}
        with devices.alone(model) as single:
            scores = predict_scores(single, nodules, watched, WATCHED_SLICES, spec)
        return {"validation_auc": auc(nodules.label[watched], scores)}

    return loop.fit(
        model,
        args,
        out,
        views=lambda epoch: RandomViews(nodules, chosen, epoch, args, spec),
        watch=watch,
        before=lambda epoch: reseed(model, args.seed, epoch),
    )


def reseed(model: keras.Model, seed: int, epoch: int) -> None:
    """Give each dropout layer the random stream of this epoch, so that a resumed run draws the same."""
    for number, layer in enumerate(model.layers):
        if getattr(layer, "seed_generator", None) is not None:
            layer.seed_generator.state.assign([seed + 1000 * number, epoch * 1_000_000])


def parse(argv: list[str] | None = None) -> Namespace:
    """The command line; its defaults are the recipe of the shipped weights."""
    parser = parser_of(__doc__, "patches")
    parser.add_argument("--model", required=True, choices=ARCHITECTURES)
    parser.add_argument("--quiet", action="store_true", help="one line an epoch, no progress bar")
    loop.add_options(parser, batch=64)
    loop.add_cycle_options(parser)
    parser.set_defaults(views=2)
    parser.add_argument("--weight-decay", type=float, default=0.02)
    parser.add_argument("--mixup", type=float, default=0.0, help="alpha of mixup; 0: none")
    parser.add_argument("--auxiliary", type=float, default=1.0, help="factor on the auxiliary heads' losses")
    parser.add_argument("--clear-only", action="store_true", help="leave indeterminate nodules out")
    args = parser.parse_args(argv)
    average = math.ceil((SHARES["train"] if args.everyone else 1) * AVERAGE)
    first = loop.Cycle(FIRST_CYCLE.get(args.model, OTHERS), FIRST_RATE, average)
    loop.settle(args, first, loop.Cycle(SECOND_CYCLE.get(args.model, OTHERS), SECOND_RATE, average))
    return args


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    out = loop.open_run(args, args.model, **devices.distribute(args.batch))
    train(args, load(args.data), out)


if __name__ == "__main__":
    main()
