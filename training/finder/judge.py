r"""Train the network that judges what the finder proposes (false-positive reduction).

    python -m training.finder.judge --data nodules.npz --proposals proposals.npz \
        --leave-out LIDC-IDRI-0001 ...

Setio et al. (IEEE Trans. Med. Imaging 35, 1160, 2016) describe the two stages. Half of the views show
nodules, the other half what the first network took for nodules beside them, so that all negatives are hard;
those that the network in training finds hardest are drawn more often from half-way on. The same patients are
left out as in `training.finder.train`. Crops end at other distances from a proposal than from
the nodule in their middle: each view is cut as one of the other kind, so that the borders tell nothing.
"""

from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras
import numpy as np
from numpy.random import Generator

from models.imaging.candidate_fields import (
    CLOSE,
    CLOSE_MM,
    SHAPE,
    chosen_slices,
    cut_candidate,
    step_of,
)
from models.imaging.field import cut_field, field_box
from models.networks.recognition import REDUCTION, build_recognition
from training.arguments import parser_of
from training.classifier import loop
from training.data.outlines import Outlines, load
from training.data.splits import SEED, side_of
from training.finder.proposals import EDGE_MM, steps_of, without_nodules
from training.finder.train import add_healthy
from training.localiser.train import overlap_loss
from training.localiser.views import other_view
from training.recognition.data import normal
from training.recognition.sources import Source

EPOCHS, STEPS, BATCH = 20, 56, 64
SMOOTH = 4.0  # pixels; see `overlap_loss`
RATE, WEIGHT_DECAY, AVERAGE = 2e-3, 0.02, 4
OUTLINE = (SHAPE[0] // REDUCTION, SHAPE[1] // REDUCTION, 1)
SCALE, OFF_MM = 0.25, 1.5
SINGLE_SLICE, OTHER_SLICE = 0.3, 0.3  # share of views that know one slice; that show another than the best
CUT = 0.7  # share of views that end where one of the other kind does
LARGE_MM = 14.0  # what is at least as large is shown on coarser and finer grids, too
COARSE = 0.5  # share of its views
WHOLE = 0.6  # share of negatives that are of whole series and pictures
HARD = 0.5  # share of negatives that are drawn by how much they look like nodules

View = tuple[np.ndarray, np.ndarray]


class Pool:
    """Proposals, and random views of them.

    Parameters
    ----------
    sources : list of Source
        The healthy series and pictures of `training.finder.proposals.in_sources`.
    proposals : ndarray of `training.finder.proposals.PROPOSAL`
        Of the patients who take part.
    step : dict of int to int
        See `training.finder.proposals.steps_of`.
    """

    def __init__(
        self, outlines: Outlines, sources: list[Source], proposals: np.ndarray, step: dict[int, int]
    ) -> None:
        self.outlines, self.sources, self.proposals, self.step = outlines, sources, proposals, step
        self.nodules, self.others = (np.flatnonzero(proposals["is_nodule"] == kind) for kind in (1, 0))
        readers = np.minimum(outlines.n_readers[np.maximum(proposals["source"], 0)], 4)
        self.weight = np.where(proposals["is_nodule"] == 1, np.sqrt(readers / 4), 1).astype(np.float32)
        large = proposals["diameter_mm"][self.nodules] >= 12
        self.nodule_share = normal(1.0 + large)
        is_whole = proposals["source"][self.others] < 0
        share = normal((0.2 + proposals["score"][self.others]) * ~is_whole)
        whole = normal((0.2 + proposals["score"][self.others]) * is_whole)
        self.other_share = (1 - WHOLE) * share + WHOLE * whole if is_whole.any() else share

    def view(self, is_nodule: bool, rng: Generator) -> tuple[View, float]:
        """A random view of a nodule, or of something else, and its weight."""
        members, share = (self.nodules, self.nodule_share) if is_nodule else (self.others, self.other_share)
        chosen = members[rng.choice(len(members), p=share)]
        other = self.proposals[rng.choice(self.others if is_nodule else self.nodules)]
        return self.view_of(self.proposals[chosen], rng, other), self.weight[chosen]

    def view_of(self, proposal: np.void, rng: Generator, like: np.void) -> View:
        """A random view of a proposal, cut off as `like` is in its crop."""
        index, first, last = (int(proposal[name]) for name in ("slice", "first", "last"))
        if rng.random() < OTHER_SLICE:
            index = int(rng.integers(first, last + 1))
        if rng.random() < SINGLE_SLICE:
            first = last = index
        slices, share, spacing, step = self._opened(int(proposal["source"]), index)
        order = chosen_slices(index, first, last, step)
        if rng.random() < 0.5:
            n = len(CLOSE)
            order = order[:n][::-1] + order[n:][::-1]
        middle = np.array([proposal["row"], proposal["col"]]) + rng.normal(0, OFF_MM, 2) / spacing
        pixels = {i: slices(i) for i in set(order)}
        if rng.random() < CUT:
            edges, middle = self._cut(middle, spacing, like, share.shape)
            pixels, share = {i: one[edges] for i, one in pixels.items()}, share[edges]
        factor = np.exp(rng.uniform(-SCALE, SCALE)) / float(proposal["scale"])
        if proposal["scale"] == 1 and proposal["diameter_mm"] >= LARGE_MM and rng.random() < COARSE:
            factor *= rng.uniform(0.5, 1.5)
        scaled = spacing[0] * factor, spacing[1] * factor
        row, col = float(middle[0]), float(middle[1])
        field = cut_candidate(pixels, order, scaled, row, col)
        share = cut_field(share, field_box(scaled, row, col, CLOSE_MM), OUTLINE[:2])[..., None]
        return other_view(field, share, rng)

    def _opened(
        self, number: int, index: int
    ) -> tuple[Callable[[int], np.ndarray], np.ndarray, tuple[float, float], int]:
        """Slices in HU by index, the readers' share in one of them, spacing, and slices a step."""
        if number < 0:
            source = self.sources[-1 - number]
            share = np.zeros(source.hu.shape[1:], np.float32)
            return (
                lambda i: source.hu[i].astype(np.float32),
                share,
                source.spacing_mm,
                step_of(source.step_mm),
            )
        first, spacing = int(self.outlines.first[number]), float(self.outlines.spacing_mm[number])
        share = self.outlines.share(first + index)
        return lambda i: self.outlines.slice_hu(first + i), share, (spacing, spacing), self.step[number]

    def _cut(
        self, middle: np.ndarray, spacing: tuple[float, float], like: np.void, shape: tuple[int, ...]
    ) -> tuple[tuple[slice, ...], np.ndarray]:
        """Edges at most as far from the middle as those of another proposal's crop; the middle in them."""
        if like["source"] < 0:  # of a whole slice, which ends far away
            return (slice(None), slice(None)), middle
        other_mm, size = float(self.outlines.spacing_mm[like["source"]]), self.outlines.grey.shape[1:]
        edges, shifted = [], []
        for at, mm, other_at, m, n in zip(
            middle, spacing, (like["row"], like["col"]), size, shape, strict=True
        ):
            low = max(0, int(at - max(other_at * other_mm, EDGE_MM) / mm))
            high = min(n, int(np.ceil(at + max((m - other_at) * other_mm, EDGE_MM) / mm)))
            edges.append(slice(low, high))
            shifted.append(at - low)
        return tuple(edges), np.array(shifted)

    def mine(self, model: keras.Model) -> None:
        """Draw proposals that the network takes for nodules more often (Felzenszwalb et al., TPAMI 2010)."""
        rng = np.random.default_rng(0)
        scores = []
        for start in range(0, len(self.others), 256):
            some = self.proposals[self.others[start : start + 256]]
            views = np.stack([self.view_of(one, rng, one)[0] for one in some])
            scores.append(model.predict(views, verbose=0)["nodule"][:, 0])
        self.other_share = normal((1 - HARD) * self.other_share + HARD * normal(np.concatenate(scores)))


class Views(keras.utils.PyDataset):
    """One epoch of views, half of them nodules; the same ones whenever seed and epoch are the same."""

    def __init__(self, pool: Pool, epoch: int, args: Namespace) -> None:
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=8)
        self.pool, self.epoch, self.args = pool, epoch, args

    def __len__(self) -> int:
        return self.args.steps

    def __getitem__(self, number: int) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
        rng = np.random.default_rng((self.args.seed, self.epoch, number))
        truth = np.arange(self.args.batch) % 2
        views, weights = zip(*(self.pool.view(bool(one), rng) for one in truth), strict=True)
        fields, shares = zip(*views, strict=True)
        targets = {"nodule": truth[:, None].astype(np.float32), "outline": np.stack(shares)}
        return np.stack(fields), targets, np.array(weights, np.float32)


def train(args: Namespace, pool: Pool, out: Path) -> list[loop.Row]:
    """Train the network; returns the history as `loop.fit` does."""
    keras.utils.set_random_seed(args.seed)
    model = build_recognition(SHAPE)
    if args.start:
        model.load_weights(args.start)
    losses = {"nodule": "binary_crossentropy", "outline": partial(overlap_loss, smooth=SMOOTH)}
    loop.compile_model(model, args.steps, args, WEIGHT_DECAY, loss=losses)

    def before(epoch: int) -> None:
        if epoch == args.epochs // 2 or (args.start and not epoch):
            pool.mine(model)

    return loop.fit(model, args, out, views=lambda epoch: Views(pool, epoch, args), before=before)


def parse(argv: list[str] | None = None) -> Namespace:
    """The command line; its defaults are the recipe of the shipped weights."""
    parser = parser_of(__doc__, "nodules")
    loop.add_options(parser, epochs=EPOCHS, average=AVERAGE, batch=BATCH, rate=RATE, seed=0, quiet=True)
    parser.add_argument("--steps", type=int, default=STEPS, help="batches an epoch")
    parser.add_argument("--split-seed", type=int, default=SEED)
    parser.add_argument("--leave-out", nargs="*", default=[], help="patients who do not take part")
    parser.add_argument("--proposals", required=True, help="proposals.npz from training.finder.proposals")
    parser.add_argument("--start", help="weights to begin with")
    parser.add_argument("--name", default="finder-judge", help="of the run's folder")
    add_healthy(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    outlines = load(args.data)
    with np.load(args.proposals) as file:
        proposals = file["proposals"]
    kept = ~np.isin(outlines.patient, args.leave_out)
    kept[side_of(outlines, "validation", args.split_seed)] = False
    sources = without_nodules(args)
    whole, number = proposals["source"] < 0, proposals["source"]
    folds = np.array([source.fold for source in sources] or [-1])
    own = np.where(whole, folds[np.where(whole, -1 - number, 0)] != args.fold, kept[np.maximum(number, 0)])
    pool = Pool(outlines, sources, proposals[own], steps_of(outlines))
    print(f"{len(pool.nodules)} nodules, {len(pool.others)} others", flush=True)
    train(args, pool, loop.open_run(args, args.name))


if __name__ == "__main__":
    main()
