r"""What the finder proposes in the crops of LIDC-IDRI-slices and in whole slices, and what of it is a nodule.

    python -m training.finder.proposals --data nodules.npz \
        --weights-file runs/finder/final.weights.h5 --out proposals.npz

The proposals are made and linked as the app makes them. One that lies in what any reader outlined is a
nodule; one that lies well away from any outline is none; what lies between is left out.
"""

from argparse import Namespace

import keras
import numpy as np

from models.imaging.candidate_fields import step_of
from models.imaging.field import FINDER_REDUCTION, Grid
from models.imaging.scan import Scan
from models.inference.detection.candidates import SEED, Blob, best_of, blobs_in, link
from models.inference.detection.search import propose, slices_to_search, within_image
from models.networks.finder import build_finder
from training.arguments import parser_of
from training.data import save_arrays
from training.data.outlines import Outlines, load
from training.finder.train import AWAY_MM, add_healthy, crop_answers
from training.localiser.healthy import Untrained
from training.recognition.sources import Source, read_sources

NODULE, NONE = 1, 0
FAINT = 0.04  # so little is enough for a negative: a network knows the crops that trained it by heart
EDGE_MM = 12.0  # nearer to the edge of a crop nothing is judged
HIT_MM = 2.0  # a proposal's middle may lie so far outside the outlines of a nodule

PROPOSAL = np.dtype(
    [
        ("source", np.int32),  # the nodule whose crop it is in, or less than 0: see `in_sources`
        ("slice", np.int32),
        ("first", np.int32),
        ("last", np.int32),
        ("row", np.float32),
        ("col", np.float32),
        ("score", np.float32),
        ("diameter_mm", np.float32),
        ("is_nodule", np.int8),
        ("scale", np.float32),  # of the grid
    ]
)


def in_crops(model: keras.Model, outlines: Outlines, nodules: np.ndarray, step: dict[int, int]) -> np.ndarray:
    """The proposals in the crops of some nodules: an array of `PROPOSAL`.

    Parameters
    ----------
    step : dict of int to int
        By nodule: how many slices make a step, see `models.imaging.candidate_fields.step_of`.
    """
    looked_at = [(nodule, range(0, int(outlines.n_slices[nodule]), step[nodule])) for nodule in nodules]
    answers = crop_answers(model, outlines, [(nodule, i) for nodule, indices in looked_at for i in indices])
    found = []
    for nodule, indices in looked_at:
        maps = [(index, _within(*next(answers), outlines, nodule)) for index in indices]
        for seed in (SEED, FAINT):
            for chain in link([blobs_in(*answer, index, seed) for index, answer in maps]):
                row = _proposal(outlines, nodule, chain)
                if row is not None and (seed == SEED or (row[6] < SEED and row[-1] == NONE)):
                    found.append(row)
    return np.array(found, PROPOSAL)


def _proposal(outlines: Outlines, nodule: int, chain: list[Blob]) -> tuple | None:
    label = label_of(outlines, nodule, chain)
    return None if label is None else row_of(nodule, chain, label)


def row_of(source: int, chain: list[Blob], label: int, scale: float = 1.0) -> tuple:
    """A chain as a `PROPOSAL`."""
    best, score, extent = best_of(chain), max(blob.score for blob in chain), (chain[0].slice, chain[-1].slice)
    return (source, best.slice, *extent, best.row, best.col, score, best.diameter_mm, label, scale)


def in_sources(model: keras.Model, sources: list[Source]) -> np.ndarray:
    """The proposals in whole series and pictures, away from any nodule; `source` is -1 - its number."""
    found, network = [], Untrained(model)
    for number, source in enumerate(sources):
        scan = searched_scan(source)
        for _, proposals in propose(scan, network, slices_to_search(scan), FAINT):
            for one in proposals:
                best = best_of(one.chain)
                if not source.forbidden(best.slice)[round(best.row), round(best.col)]:
                    found.append(row_of(-1 - number, one.chain, NONE, one.scale))
    return np.array(found, PROPOSAL)


def searched_scan(source: Source) -> Scan:
    """A series or picture as the search takes it."""
    positions = tuple(i * source.step_mm for i in range(len(source.hu))) if source.step_mm else None
    return Scan(source.hu, source.spacing_mm, False, True, positions_mm=positions)


def without_nodules(args: Namespace) -> list[Source]:
    """Series and pictures in which, away from marked nodules, nothing is a nodule."""
    return [source for source in read_sources(args.series, args.pictures, {}) if source.lungs]


def _within(answer: np.ndarray, grid: Grid, outlines: Outlines, nodule: int) -> tuple[np.ndarray, Grid]:
    """The map without what lies beyond the crop, and its grid."""
    reduced = grid.reduced(FINDER_REDUCTION)
    rows, cols = outlines.grey.shape[1:]
    return np.where(within_image(reduced, None, (rows, cols)), answer, 0), reduced


def label_of(outlines: Outlines, nodule: int, chain: list[Blob]) -> int | None:
    """Whether a chain is the nodule of the crop (1), none (0), or in doubt (None)."""
    spacing = float(outlines.spacing_mm[nodule])
    outlined = np.argwhere(outlines.outlined(nodule)) * spacing
    apart = [np.hypot(*(outlined - (blob.row * spacing, blob.col * spacing)).T).min() for blob in chain]
    if min(apart) <= HIT_MM:
        return NODULE
    best, (rows, cols) = best_of(chain), outlines.grey.shape[1:]
    if min(best.row, best.col, rows - 1 - best.row, cols - 1 - best.col) * spacing < EDGE_MM:
        return None
    return NONE if min(apart) >= AWAY_MM else None


def steps_of(outlines: Outlines) -> dict[int, int]:
    """How many slices make a step in each nodule's crop, by the slice thickness."""
    return {number: step_of(mm) for number, mm in enumerate(outlines.slice_thickness_mm.tolist())}


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "nodules")
    parser.add_argument("--weights-file", required=True, help="of the finder's first network")
    add_healthy(parser)
    parser.add_argument("--out", required=True, help="file to write, e.g. proposals.npz")
    args: Namespace = parser.parse_args(argv)
    outlines, model = load(args.data), build_finder()
    model.load_weights(args.weights_file)
    crops = in_crops(model, outlines, np.arange(len(outlines)), steps_of(outlines))
    found = np.concatenate([crops, in_sources(model, without_nodules(args))])
    save_arrays(args.out, {"proposals": found})
    print(f"{args.out}: {len(found)} proposals, {int(found['is_nodule'].sum())} of them nodules")


if __name__ == "__main__":
    main()
