"""What the recognition network says of patients, series and pictures that it has never seen.

    python -m training.recognition.evaluate --data outlines.npz --series ... --pictures DIR [--out runs]

Each fold's network (`training.recognition.train`) answers for what that fold held out, as the app asks: in
eight views. A nodule is asked for in its largest section, about the middle of its outlines; every `EVERY`-th
place without a nodule takes part. The thresholds of a fold are those of the other two, so that what is
reported chose nothing; the shipped ones are those of all three. Writes thresholds and results into
``weights/recognition.json``, beside what `training.recognition.export` wrote.

The localiser, whose outline lowers the threshold, is the shipped one, which has learnt from the same crops:
on nodules of other patients it fails more often, and a few more are refused than is reported here.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from models.imaging.field import to_unit
from models.imaging.scan import Scan
from models.imaging.two_fields import SHAPE, cut_fields
from models.inference.detection.localiser import Localiser
from models.inference.detection.recognition import KEY
from models.inference.views import eight_views
from models.networks.recognition import build_recognition
from training.data.outlines import load
from training.evaluation.metrics import bootstrap_by_patient
from training.recognition.locations import KINDS
from training.recognition.sources import FOLDS, fold_of_patients, places_of, places_of_crops, read_sources
from training.recognition.train import add_data, scores_of

EVERY = 6
SMALL_MM = 4.0
REFUSED = {  # share of nodules of `SMALL_MM` or more, and of smaller ones, below each threshold
    "outlined": (0.005, 0.01),
    "not_outlined": (0.025, 0.05),
}
SIZES_MM = (0, 4, 6, 8, 10, 15, 20, 30, np.inf)
TEXTURES = (("ground glass", 0, 2.5), ("part-solid", 2.5, 4), ("solid", 4, 5.1))


def nodule_locations(outlines, nodules):
    """Slices in HU, spacing, row, col and slice of each nodule: the middle of its largest section."""
    for nodule in nodules:
        first, n = outlines.first[nodule], outlines.n_slices[nodule]
        outlined = outlines.readers[first : first + n] > 0
        index = int(outlined.sum(axis=(1, 2)).argmax())
        slices = outlines.slices_hu(nodule, index)
        yield slices, (float(outlines.spacing_mm[nodule]),) * 2, *np.argwhere(outlined[index]).mean(axis=0)


def crop_locations(outlines, places):
    """The same of each place beside a nodule."""
    for place in places:
        slices = outlines.slices_hu(place["source"], int(place["slice"]))
        yield slices, (float(outlines.spacing_mm[place["source"]]),) * 2, place["row"], place["col"]


def source_locations(sources, places):
    """The same of each place in a series or picture."""
    for place in places:
        source = sources[place["source"]]
        yield source.slices(int(place["slice"])), source.spacing_mm, place["row"], place["col"]


def asked(model, localiser, locations):
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


def held_out(args):
    """Each network's answers for what it has not seen.

    Returns
    -------
    nodules : dict of str to ndarray
        One value a nodule: ``score``, ``outlined``, ``fold``, ``patient``, ``diameter_mm``, ``texture`` and
        ``readers``.
    places : dict of str to ndarray
        One value a place: ``score``, ``outlined``, ``fold``, ``patient`` (or series, or picture), ``kind``
        and ``picture``.
    """
    outlines, localiser = load(args.data), Localiser(args.weights)
    patients = fold_of_patients(outlines)
    sources = read_sources(args.series, args.pictures, patients)
    crop_places, source_places = places_of_crops(outlines)[::EVERY], places_of(sources)[::EVERY]
    fold = np.array([patients[str(patient)] for patient in outlines.patient])
    source_fold = np.array([source.fold for source in sources])
    parts = {  # fold of each, and what is asked of some of them
        "nodules": (fold, lambda own: nodule_locations(outlines, np.flatnonzero(own))),
        "crops": (fold[crop_places["source"]], lambda own: crop_locations(outlines, crop_places[own])),
        "sources": (
            source_fold[source_places["source"]],
            lambda own: source_locations(sources, source_places[own]),
        ),
    }
    score = {name: np.zeros(len(folds)) for name, (folds, _) in parts.items()}
    outlined = {name: np.zeros(len(folds), bool) for name, (folds, _) in parts.items()}
    for number in range(FOLDS):
        model = build_recognition(SHAPE)
        model.load_weights(Path(args.out) / KEY / f"fold-{number}" / "final.weights.h5")
        for name, (folds, locations) in parts.items():
            own = folds == number
            score[name][own], outlined[name][own] = asked(model, localiser, locations(own))
    nodules = {
        "score": score["nodules"],
        "outlined": outlined["nodules"],
        "fold": fold,
        "patient": outlines.patient,
        "diameter_mm": outlines.diameter_mm,
        "texture": outlines.texture,
        "readers": np.minimum(outlines.n_readers, 4),
    }
    names = np.array([source.name for source in sources])[source_places["source"]]
    is_picture = np.array([source.step_mm is None for source in sources])[source_places["source"]]
    places = {
        "score": np.concatenate([score["crops"], score["sources"]]),
        "outlined": np.concatenate([outlined["crops"], outlined["sources"]]),
        "fold": np.concatenate([parts["crops"][0], parts["sources"][0]]),
        "patient": np.concatenate([outlines.patient[crop_places["source"]], names]),
        "kind": np.array(KINDS)[np.concatenate([crop_places["kind"], source_places["kind"]])],
        "picture": np.concatenate([np.zeros(len(crop_places), bool), is_picture]),
    }
    return nodules, places


def thresholds_of(nodules, chosen):
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


def rates(nodules, places):
    """How many real nodules and places are refused, by kind, with each fold's threshold from the others."""
    thresholds = [thresholds_of(nodules, nodules["fold"] != fold) for fold in range(FOLDS)]
    size, texture = nodules["diameter_mm"], nodules["texture"]
    groups = {"all": size > 0, f"{SMALL_MM:g} mm or more": size >= SMALL_MM}
    for low, high in zip(SIZES_MM[:-1], SIZES_MM[1:], strict=True):
        name = f"{low:g} to {high:g} mm" if high < np.inf else f"more than {low:g} mm"
        groups[name] = (size >= low) & (size < high)
    groups |= {name: (texture >= low) & (texture < high) for name, low, high in TEXTURES}
    groups |= {f"seen by {n} of four readers": nodules["readers"] == n for n in (1, 2, 3, 4)}
    series = {kind: (places["kind"] == kind) & ~places["picture"] for kind in KINDS}
    pictures = {kind: (places["kind"] == kind) & places["picture"] for kind in KINDS}
    return {
        "thresholds": thresholds,
        "nodules": _rates(nodules, thresholds, groups),
        "places": _rates(places, thresholds, series),
        "places_in_pictures": _rates(places, thresholds, pictures),
    }


def _rates(rows, thresholds, groups):
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


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add_data(parser)
    parser.add_argument("--weights", default="weights", help="folder with recognition.json")
    args = parser.parse_args(argv)
    nodules, places = held_out(args)
    measured = rates(nodules, places)
    path = Path(args.weights) / f"{KEY}.json"
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
