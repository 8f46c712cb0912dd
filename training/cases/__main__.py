"""The table of similar cases, and how well its distance works.

    python -m training.cases --data nodules.npz --runs runs
        [--series SERIES.zip:0-41 ...] [--weights weights]

Writes ``weights/cases.npz`` (readers' ratings, sizes and projected features of all nodules, in no order) and
``weights/cases.json`` (threshold and all that was measured). Recipes are compared on validation patients;
what is reported comes from test patients: two halves of the first fold, whom its networks never saw. Features
are kept in a folder of --runs: the first run takes half an hour of two CPU cores, later ones a few minutes.
"""

import hashlib
from pathlib import Path

import numpy as np

from models.inference.similar_cases import KEY, NEAREST, SIMILAR
from models.networks.registry import ARCHITECTURES
from models.networks.scales import RATINGS
from models.weights import read_report
from training.arguments import parser_of
from training.cases.features import AS_IT_IS, WAYS, features_of, patches_of
from training.cases.made import SIDES, drawn_patches, made_patches
from training.cases.measure import agreement, compare, flags, flags_by_kind, share, table_of
from training.cases.space import CHOSEN, Table, described, limit
from training.data import outlines as outline_file
from training.data.dataset import Nodules, load
from training.data.outlines import Outlines
from training.data.splits import sides_of_fold
from training.evaluation.predict import checked_run
from training.evaluation.robustness import FOLD
from training.publish.reports import write_json

SEED = 7  # of the order of rows
DRAWN = "drawn"
MADE_SHIPPED = 50  # made patches of each kind that the shipped networks look at


def measure(nodules: Nodules, outlines: Outlines, made: dict[str, dict[str, np.ndarray]], runs: Path) -> dict:
    """All figures for ``cases.json``, with networks that never saw validation and test patients."""
    sides = sides_of_fold(nodules, FOLD)
    train, test = sides.pop("train"), sides["test"]
    sets: dict[str | tuple[str, str], np.ndarray] = {
        AS_IT_IS.name: patches_of(nodules, outlines, range(len(nodules)))
    }
    sets[DRAWN] = drawn_patches()
    for way in WAYS:
        sets[way.name] = patches_of(nodules, outlines, test, way)
    sets |= {(side, kind): patches for side in SIDES for kind, patches in made[side].items()}
    networks = {key: checked_run(runs / key, nodules, FOLD) / "final.weights.h5" for key in ARCHITECTURES}
    known = features_of(networks, sets, runs / KEY)
    features = known[AS_IT_IS.name]
    chosen_by, reported = ({kind: known[side, kind] for kind in made[side]} for side in SIDES)
    table = table_of(nodules, features, train)
    unseen = flags(table, nodules, features, sides)
    beyond, usual = unseen["limit"], limit(table.usual())
    ways = {way.name: known[way.name] for way in WAYS}
    return {
        "compared": compare(nodules, features, train, sides["validation"], chosen_by),
        "unseen": unseen,
        "usual_limit": usual,
        "stretch": beyond / usual,
        "made": flags_by_kind(table, reported, beyond),
        "ways": flags_by_kind(table, ways, beyond, nodules.patient[test]),
        "drawn": flags_by_kind(table, {DRAWN: known[DRAWN]}, beyond)[DRAWN],
        "agreement": agreement(table, nodules, features, train, test),
    }


def ship(
    nodules: Nodules,
    outlines: Outlines,
    made: dict[str, dict[str, np.ndarray]],
    weights: Path,
    kept: Path,
    stretch: float,
) -> dict:
    """Write ``cases.npz`` of all nodules by the shipped networks; returns what ``cases.json`` says of it.

    Nobody is left whom the shipped networks never saw, but their table knows how far its own nodules are from
    those of other patients. What only 1 % of these exceed, times `stretch`, is the threshold: with the
    held-out networks, that limit is `stretch` times as far out for unseen nodules as for the table's own.
    """
    networks = {key: weights / f"{key}.weights.h5" for key in ARCHITECTURES}
    order = np.random.default_rng(SEED).permutation(len(nodules))
    sets = {AS_IT_IS.name: patches_of(nodules, outlines, range(len(nodules)))}
    sets |= {kind: patches[:MADE_SHIPPED] for kind, patches in made["test"].items()}
    features = features_of(networks, sets, kept)
    table = table_of(nodules, features.pop(AS_IT_IS.name), order)
    usual = table.usual()
    beyond = stretch * limit(usual)
    long_seen = np.isin(order, sides_of_fold(nodules, FOLD)["train"])
    return {
        "sha256": write_table(weights / f"{KEY}.npz", table, usual, nodules, order),
        "weights": {key: read_report(weights, key)["sha256"] for key in networks},
        "threshold": beyond,
        "n_nodules": len(nodules),
        "n_patients": len(set(nodules.patient.tolist())),
        "similar": SIMILAR,
        "nearest": NEAREST,
        "recipe": described(CHOSEN),
        "shipped": {
            "train": share(usual[long_seen] > beyond, table.patients[long_seen]),
            "held_out": share(usual[~long_seen] > beyond, table.patients[~long_seen]),
            "made": flags_by_kind(table, features, beyond),
        },
    }


def write_table(path: Path, table: Table, usual: np.ndarray, nodules: Nodules, order: np.ndarray) -> str:
    """Write what `models.inference.similar_cases.CaseTable` reads; returns the file's SHA-256."""
    counts = (nodules.malignancy[order, :, None] == np.array(RATINGS)).sum(axis=1)
    arrays = {
        "places": table.embeddings.astype(np.float16),
        "ratings": counts.astype(np.uint8),
        "diameter_mm": nodules.diameter_mm[order].astype(np.float16),
        "usual": np.sort(usual).astype(np.float32),
    }
    arrays |= {f"mean_{key}": values for key, values in table.space.means.items()}
    arrays |= {f"axes_{key}": values.astype(np.float16) for key, values in table.space.axes.items()}
    np.savez_compressed(path, **arrays)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "nodules", "runs", "weights")
    parser.add_argument(
        "--series", nargs="*", default=(), help="series without nodules, PATH or PATH:FIRST-LAST"
    )
    args = parser.parse_args(argv)
    nodules, outlines = load(args.data), outline_file.load(args.data)
    runs = args.runs / f"fold-{FOLD}"
    made = made_patches(outlines, FOLD, args.series)
    measured = measure(nodules, outlines, made, runs)
    report = ship(nodules, outlines, made, args.weights, runs / KEY, measured["stretch"])
    report["measured"] = measured
    write_json(args.weights / f"{KEY}.json", report)
    for kind, row in measured["made"].items():
        print(f"{kind:44}{row['value']:7.1%} flagged of {row['n']}")
    print(f"real nodules, unseen{measured['unseen']['all']['value']:31.1%} flagged")


if __name__ == "__main__":
    main()
