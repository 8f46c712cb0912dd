"""What the recognition network says of patients, series and pictures that it has never seen.

    python -m training.recognition.evaluate --data outlines.npz --series ... --pictures DIR [--out runs]

Each fold's network (`training.recognition.train`) answers for what that fold held out, as the app asks: in
eight views. A nodule is asked for in its largest section, about the middle of its outlines; every `EVERY`-th
location without a nodule takes part. The thresholds of a fold are those of the other two, so that what is
reported chose nothing; the shipped ones are those of all three. Writes thresholds and results into
``weights/recognition.json``, beside what `training.recognition.export` wrote.

The localiser, whose outline lowers the threshold, is the shipped one, which has learnt from the same crops:
on nodules of other patients it fails more often, and a few more are refused than is reported here.
"""

import json
from argparse import Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path

import keras
import numpy as np

from models.imaging.field import to_unit
from models.imaging.scan import Scan
from models.imaging.two_fields import SHAPE, cut_fields
from models.inference.detection.localiser import Localiser
from models.inference.detection.recognition import KEY
from models.inference.views import eight_views
from models.networks.recognition import build_recognition
from training.arguments import parser_of
from training.data.outlines import Outlines, load
from training.intervals import bootstrap_by_patient
from training.recognition.locations import KINDS
from training.recognition.sources import (
    FOLDS,
    Source,
    fold_of_patients,
    locations_in_crops,
    locations_in_sources,
    read_sources,
)
from training.recognition.train import add_sources, scores_of

Query = tuple[list[np.ndarray], tuple[float, float], float, float]  # three slices in HU, spacing, row, col
Columns = dict[str, np.ndarray]  # one value a nodule or location
EVERY = 6
SMALL_MM = 4.0
REFUSED = {  # share of nodules of `SMALL_MM` or more, and of smaller ones, below each threshold
    "outlined": (0.005, 0.01),
    "not_outlined": (0.025, 0.05),
}
SIZES_MM = (0, 4, 6, 8, 10, 15, 20, 30, np.inf)
TEXTURES = (("ground glass", 0, 2.5), ("part-solid", 2.5, 4), ("solid", 4, 5.1))


def at_nodules(outlines: Outlines, nodules: np.ndarray) -> Iterator[Query]:
    """Slices in HU, spacing, row, col and slice of each nodule: the middle of its largest section."""
    for nodule in nodules:
        first, n = outlines.first[nodule], outlines.n_slices[nodule]
        outlined = outlines.readers[first : first + n] > 0
        index = int(outlined.sum(axis=(1, 2)).argmax())
        slices = outlines.slices_hu(nodule, index)
        yield slices, (float(outlines.spacing_mm[nodule]),) * 2, *np.argwhere(outlined[index]).mean(axis=0)


def at_crop_locations(outlines: Outlines, locations: np.ndarray) -> Iterator[Query]:
    """The same of each location beside a nodule."""
    for location in locations:
        slices = outlines.slices_hu(location["source"], int(location["slice"]))
        yield slices, (float(outlines.spacing_mm[location["source"]]),) * 2, location["row"], location["col"]


def at_source_locations(sources: list[Source], locations: np.ndarray) -> Iterator[Query]:
    """The same of each location in a series or picture."""
    for location in locations:
        source = sources[location["source"]]
        yield source.slices(int(location["slice"])), source.spacing_mm, location["row"], location["col"]


def asked(
    model: keras.Model, localiser: Localiser, locations: Iterable[Query]
) -> tuple[np.ndarray, np.ndarray]:
    """What the app would see of each location.

    Returns
    -------
    score : ndarray of shape (n,)
        The mean over the eight views.
    outlined : ndarray of bool, shape (n,)
        Whether the localiser sees a nodule there.
    """
    fields, outlined = [], []
    for slices, spacing_mm, row, col in locations:
        fields.append(to_unit(cut_fields(slices, spacing_mm, row, col)))
        scan = Scan(np.stack(slices), spacing_mm, False, True)
        outlined.append(localiser.look_at(scan, row, col, 1) is not None)
    views = (view for field in fields for view in eight_views(field[None]))
    return scores_of(model, views).reshape(-1, 8).mean(axis=1), np.array(outlined)


def held_out(args: Namespace) -> tuple[Columns, Columns]:
    """Each network's answers for what it has not seen.

    Returns
    -------
    nodules : dict of str to ndarray
        One value a nodule: ``score``, ``outlined``, ``fold``, ``patient``, ``diameter_mm``, ``texture`` and
        ``readers``.
    locations : dict of str to ndarray
        One value a location: ``score``, ``outlined``, ``fold``, ``patient`` (or series, or picture), ``kind``
        and ``picture``.
    """
    outlines, localiser = load(args.data), Localiser(args.weights)
    patients = fold_of_patients(outlines)
    sources = read_sources(args.series, args.pictures, patients)
    crop_locations, source_locations = (
        locations_in_crops(outlines)[::EVERY],
        locations_in_sources(sources)[::EVERY],
    )
    fold = np.array([patients[str(patient)] for patient in outlines.patient])
    source_fold = np.array([source.fold for source in sources])
    parts = {  # fold of each, and what is asked of some of them
        "nodules": (fold, lambda own: at_nodules(outlines, np.flatnonzero(own))),
        "crops": (
            fold[crop_locations["source"]],
            lambda own: at_crop_locations(outlines, crop_locations[own]),
        ),
        "sources": (
            source_fold[source_locations["source"]],
            lambda own: at_source_locations(sources, source_locations[own]),
        ),
    }
    score = {name: np.zeros(len(folds)) for name, (folds, _) in parts.items()}
    outlined = {name: np.zeros(len(folds), bool) for name, (folds, _) in parts.items()}
    for number in range(FOLDS):
        model = build_recognition(SHAPE)
        model.load_weights(Path(args.out) / KEY / f"fold-{number}" / "final.weights.h5")
        for name, (folds, queries) in parts.items():
            own = folds == number
            score[name][own], outlined[name][own] = asked(model, localiser, queries(own))
    nodules = {
        "score": score["nodules"],
        "outlined": outlined["nodules"],
        "fold": fold,
        "patient": outlines.patient,
        "diameter_mm": outlines.diameter_mm,
        "texture": outlines.texture,
        "readers": np.minimum(outlines.n_readers, 4),
    }
    names = np.array([source.name for source in sources])[source_locations["source"]]
    is_picture = np.array([source.step_mm is None for source in sources])[source_locations["source"]]
    locations = {
        "score": np.concatenate([score["crops"], score["sources"]]),
        "outlined": np.concatenate([outlined["crops"], outlined["sources"]]),
        "fold": np.concatenate([parts["crops"][0], parts["sources"][0]]),
        "patient": np.concatenate([outlines.patient[crop_locations["source"]], names]),
        "kind": np.array(KINDS)[np.concatenate([crop_locations["kind"], source_locations["kind"]])],
        "picture": np.concatenate([np.zeros(len(crop_locations), bool), is_picture]),
    }
    return nodules, locations


def thresholds_of(nodules: Columns, chosen: np.ndarray) -> dict[str, float]:
    """The largest thresholds that refuse no more real nodules than `REFUSED` allows.

    Returns
    -------
    dict of str to float
        ``outlined``, and ``not_outlined`` for locations where the localiser outlines nothing.
    """
    small, score = nodules["diameter_mm"] < SMALL_MM, nodules["score"]
    return {
        kind: float(
            min(
                np.quantile(score[some], share, method="lower")
                for some, share in ((chosen & ~small, large), (chosen & small, little))
                if some.any()
            )
        )
        for kind, (large, little) in REFUSED.items()
    }


def rates(nodules: Columns, locations: Columns) -> dict:
    """How many nodules and locations are refused, by kind; each fold's thresholds come from the others."""
    thresholds = [thresholds_of(nodules, nodules["fold"] != fold) for fold in range(FOLDS)]
    size, texture = nodules["diameter_mm"], nodules["texture"]
    groups = {"all": size > 0, f"{SMALL_MM:g} mm or more": size >= SMALL_MM}
    for low, high in zip(SIZES_MM[:-1], SIZES_MM[1:], strict=True):
        name = f"{low:g} to {high:g} mm" if high < np.inf else f"more than {low:g} mm"
        groups[name] = (size >= low) & (size < high)
    groups |= {name: (texture >= low) & (texture < high) for name, low, high in TEXTURES}
    groups |= {f"seen by {n} of four readers": nodules["readers"] == n for n in (1, 2, 3, 4)}
    series = {kind: (locations["kind"] == kind) & ~locations["picture"] for kind in KINDS}
    pictures = {kind: (locations["kind"] == kind) & locations["picture"] for kind in KINDS}
    return {
        "thresholds": thresholds,
        "nodules": _rates(nodules, thresholds, groups),
        "locations": _rates(locations, thresholds, series),
        "locations_in_pictures": _rates(locations, thresholds, pictures),
    }


def _rates(rows: Columns, thresholds: list[dict[str, float]], groups: dict[str, np.ndarray]) -> list[dict]:
    limits = np.array([[one["not_outlined"], one["outlined"]] for one in thresholds])
    refused = rows["score"] < limits[rows["fold"], rows["outlined"].astype(int)]
    return [
        {"kind": name, "n": int(some.sum()), "refused": int(refused[some].sum())}
        | dict(
            zip(
                ("low", "high"),
                bootstrap_by_patient(np.mean, rows["patient"][some], refused[some]),
                strict=True,
            )
        )
        for name, some in groups.items()
        if some.any()
    ]


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "outlines", "weights")
    add_sources(parser)
    parser.add_argument("--out", default="runs", help="folder of the runs (default: runs)")
    args = parser.parse_args(argv)
    nodules, locations = held_out(args)
    measured = rates(nodules, locations)
    path = args.weights / f"{KEY}.json"
    everyone = np.ones(len(nodules["score"]), bool)
    report = json.loads(path.read_text()) | {
        "thresholds": thresholds_of(nodules, everyone),
        "measured": measured,
    }
    path.write_text(json.dumps(report, indent=2) + "\n")
    for group, rows in list(measured.items())[1:]:
        for row in rows:
            print("{}, {kind}: {refused} of {n} refused, {low:.1%} to {high:.1%}".format(group, **row))


if __name__ == "__main__":
    main()
