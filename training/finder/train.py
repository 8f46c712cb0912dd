r"""Train the finder: the network that proposes.

    python -m training.finder.train --data nodules.npz --leave-out LIDC-IDRI-0001 ... \
        [--series ... --pictures DIR --fold 2]

Writes to ``runs/finder/`` what `training.classifier.loop` says. Patients of the validation side, and those
of ``--leave-out`` (whose whole scans measure the finder), do not take part. Half-way, and once more later,
what the network mistakes for nodules in crops and whole slices is mined (Felzenszwalb et al., TPAMI 32, 1627,
2010) and shown more often.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
from scipy import ndimage

from models.imaging.field import FINDER_REDUCTION, FINDER_STRIDE, Grid, cut_field, to_unit
from models.imaging.lung import lung_mask
from models.inference.detection.search import within_image
from models.networks.finder import FILTERS, build_finder
from training.arguments import parser_of
from training.classifier import loop
from training.data.outlines import Outlines, load
from training.data.splits import SEED, side_of
from training.finder.views import Mistaken, Windows
from training.localiser.train import overlap_loss
from training.recognition.sources import Source, read_sources

EPOCHS, STEPS, BATCH = 36, 140, 32
RATE, WEIGHT_DECAY, AVERAGE = 2e-3, 0.02, 5
SMOOTH = 5.0  # pixels of the answer's grid; see `overlap_loss`
MINED = (12, 24)  # epochs before which mistakes are mined
MISTAKEN = 0.25  # probability from which a location counts as mistaken
CROP, AT_ONCE = 176, 16  # pixels of the grid that hold any crop; crops that are answered together
AWAY_MM = 6.0  # from any outline, for what counts as a mistake

Slice = tuple[Source, int, np.ndarray]  # with the rows and columns of its lungs


def on_grid(slices: list[np.ndarray], spacing_mm: tuple[float, float]) -> tuple[np.ndarray, Grid]:
    """All of three slices in HU as the network's input, and its grid."""
    grid = Grid.over((0, 0, *slices[0].shape), FINDER_STRIDE, spacing_mm)
    cut = [cut_field(pixels.astype(np.float32), grid.box, grid.size) for pixels in slices]
    return to_unit(np.stack(cut, axis=-1)), grid


def peaks(
    probability: np.ndarray, allowed: np.ndarray, least: float = MISTAKEN
) -> list[tuple[int, int, float]]:
    """Row, column and value of the best pixel of each connected part that reaches `least`."""
    parts, n = ndimage.label(np.where(allowed, probability, 0) >= least)
    if not n:
        return []
    best = ndimage.maximum_position(probability, parts, range(1, n + 1))
    return [(int(r), int(c), float(probability[int(r), int(c)])) for r, c in best]


def crop_answers(
    model: keras.Model, outlines: Outlines, chosen: list[tuple[int, int]]
) -> Iterator[tuple[np.ndarray, Grid]]:
    """The maps of slices of crops (nodule, slice), on grids of one size that reach beyond the crop."""
    for start in range(0, len(chosen), AT_ONCE):
        grids, fields = [], []
        for nodule, index in chosen[start : start + AT_ONCE]:
            grid = Grid(0, 0, (CROP, CROP), (float(outlines.spacing_mm[nodule]),) * 2)
            cut = [cut_field(pixels, grid.box, grid.size) for pixels in outlines.slices_hu(nodule, index)]
            grids.append(grid)
            fields.append(to_unit(np.stack(cut, axis=-1)))
        yield from zip(model.predict_on_batch(np.stack(fields))[..., 0], grids, strict=True)


def away_from_outlines(outlines: Outlines, nodule: int, grid: Grid) -> np.ndarray:
    """Which pixels of the answer lie within the crop and well away from what any reader outlined."""
    spacing = float(outlines.spacing_mm[nodule])
    far = ndimage.distance_transform_edt(~outlines.outlined(nodule)) * spacing >= AWAY_MM
    far[[0, -1]], far[:, [0, -1]] = False, False
    reduced, (rows, cols) = grid.reduced(FINDER_REDUCTION), far.shape
    apart = cut_field(far.astype(np.float32), grid.box, reduced.size) > 0.99
    return within_image(reduced, None, (rows, cols)) & apart


def mine(
    model: keras.Model, outlines: Outlines, nodules: np.ndarray, whole: list[Slice], seed: int
) -> Mistaken:
    """What the network mistakes for a nodule, in one slice of each crop and in whole slices."""
    rng, found = np.random.default_rng((seed, 77)), Mistaken()
    crops: list[tuple[int, float, float]] = []
    chosen = [(nodule, int(rng.integers(outlines.n_slices[nodule]))) for nodule in nodules]
    for nodule, (answer, grid) in zip(nodules, crop_answers(model, outlines, chosen), strict=True):
        for row, col, _ in peaks(answer, away_from_outlines(outlines, nodule, grid)):
            crops.append((nodule, *grid.reduced(FINDER_REDUCTION).to_file(row, col)))
    places: list[tuple[int, int, float, float]] = []
    for number, (source, index, lungs) in enumerate(whole):
        field, grid = on_grid(source.slices(index), source.spacing_mm)
        answer = np.asarray(model(field[None], training=False))[0, ..., 0]
        mask = np.zeros(source.hu.shape[1:], np.float32)
        mask[lungs[:, 0], lungs[:, 1]] = 1
        allowed = cut_field(mask, grid.box, answer.shape) > 0.5
        for row, col, _ in peaks(answer, allowed):
            at = grid.reduced(FINDER_REDUCTION).to_file(row, col)
            places.append((number, index, *at))
    found.crops, found.whole = np.array(crops).reshape(-1, 3), np.array(places).reshape(-1, 4)
    print(
        f"mistakes: {len(crops)} in {len(nodules)} crops, {len(places)} in {len(whole)} whole slices",
        flush=True,
    )
    return found


def watch(model: keras.Model, outlines: Outlines, nodules: np.ndarray) -> dict[str, float]:
    """Share of nodules of two or more readers found with one mistake in four crops, and in ten."""
    hits, mistakes = [], []
    chosen = [(nodule, outlines.largest_slice(nodule)) for nodule in nodules]
    for (nodule, index), (answer, grid) in zip(chosen, crop_answers(model, outlines, chosen), strict=True):
        inside = cut_field(outlines.share(outlines.first[nodule] + index), grid.box, answer.shape) > 0.2
        if outlines.n_readers[nodule] >= 2 and inside.any():
            hits.append(float(answer[inside].max()))
        mistakes += [value for *_, value in peaks(answer, away_from_outlines(outlines, nodule, grid), 0.05)]
    ordered = np.sort(mistakes)[::-1]
    rates = {}
    for name, rate in (("at_quarter", 0.25), ("at_tenth", 0.1)):
        number = int(rate * len(nodules))
        limit = ordered[number] if number < len(ordered) else 0.05
        rates[name] = float(np.mean(np.array(hits) > limit))
    return rates


def whole_slices(sources: list[Source], step_mm: float = 4.0) -> list[Slice]:
    """The slices of series and pictures that show lung, some millimetres apart."""
    found = []
    for source in sources:
        step = max(1, round(step_mm / source.step_mm)) if source.step_mm else 1
        for index in range(0, len(source.hu), step):
            lungs = np.argwhere(lung_mask(source.hu[index].astype(np.float32), source.spacing_mm))
            if len(lungs) and source.lungs and not source.nodules:
                found.append((source, index, lungs.astype(np.int16)))
    return found


def train(args: Namespace, outlines: Outlines, out: Path) -> list[loop.Row]:
    """Train the finder; returns the history as `loop.fit` does."""
    kept = ~np.isin(outlines.patient, args.leave_out)
    watched = side_of(outlines, "validation", args.split_seed)
    watched = watched[kept[watched]]
    chosen = np.setdiff1d(np.flatnonzero(kept), watched)
    if args.everyone:
        chosen = np.flatnonzero(kept)
    whole = whole_slices([s for s in read_sources(args.series, args.pictures, {}) if s.fold != args.fold])
    keras.utils.set_random_seed(args.seed)
    model = build_finder(FILTERS)
    if args.start:
        model.load_weights(args.start)
    mistaken = Mistaken()

    def before(epoch: int) -> None:
        nonlocal mistaken
        if epoch in args.mined:
            mistaken = mine(model, outlines, chosen, whole, args.seed + epoch)

    loop.compile_model(
        model,
        args.steps,
        args,
        WEIGHT_DECAY,
        loss=lambda truth, predicted: overlap_loss(truth, predicted, SMOOTH),
    )
    return loop.fit(
        model,
        args,
        out,
        views=lambda epoch: Windows(outlines, chosen, whole, mistaken, epoch, args),
        watch=lambda model: watch(model, outlines, watched),
        before=before,
    )


def parse(argv: list[str] | None = None) -> Namespace:
    """The command line; its defaults are the recipe of the shipped weights."""
    parser = parser_of(__doc__, "nodules")
    loop.add_options(parser, epochs=EPOCHS, average=AVERAGE, batch=BATCH, rate=RATE, seed=0, quiet=True)
    parser.add_argument("--steps", type=int, default=STEPS, help="batches an epoch")
    parser.add_argument("--split-seed", type=int, default=SEED)
    parser.add_argument("--leave-out", nargs="*", default=[], help="patients who do not take part")
    parser.add_argument("--everyone", action="store_true", help="validation patients train as well")
    parser.add_argument("--start", help="weights to begin with")
    parser.add_argument(
        "--mined", type=int, nargs="*", default=MINED, help="epochs before which mistakes are mined"
    )
    add_healthy(parser)
    return parser.parse_args(argv)


def add_healthy(parser: ArgumentParser) -> None:
    """The arguments that say which series and pictures without nodules take part."""
    parser.add_argument("--series", nargs="+", default=[], help="PATH@FOLD[:FIRST-LAST] without nodules")
    parser.add_argument("--pictures", help="folder of normal-NNN.jpg")
    parser.add_argument("--fold", type=int, default=None, help="of series and pictures that is left out")


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    train(args, load(args.data), loop.open_run(args, "finder"))


if __name__ == "__main__":
    main()
