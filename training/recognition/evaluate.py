"""What the recognition network says of patients, series and pictures that it has never seen.

    python -m training.recognition.evaluate --data nodules.npz --series ...
        --pictures DIR [--out runs] [--fold 0]

Each fold's network (`training.recognition.train`) answers for what that fold held out, as the app asks: where
the localiser outlines something, at the middle of its largest section. A nodule is clicked in its largest
section, about the middle of its outlines, once in the stack of its slices and once in that slice alone, as
in a picture; every `EVERY`-th location without a nodule takes part. The thresholds of a fold are those of
the other two, so that what is reported chose nothing; the shipped ones are those of all three. Writes
thresholds and results into ``weights/recognition.json``, beside what `training.recognition.export` wrote.

Answers are kept beside each fold's weights. With ``--fold`` those of one fold are made and nothing else, so
that folds can run side by side; a measurement that was stopped goes on with the next part.

The localiser, which snaps the clicks, is the shipped one, which has learnt from the same crops: on nodules of
other patients it fails more often, and a few more are refused than is reported here.
"""

import json
from argparse import Namespace
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from models.imaging.scan import Roi, Scan
from models.imaging.two_fields import SHAPE, fields_at
from models.inference.detection.localiser import Localiser
from models.inference.detection.recognition import KEY
from models.inference.detection.section import largest_section
from models.inference.views import eight_views
from models.networks.recognition import build_recognition
from training.arguments import parser_of
from training.data import outlines as outline_file
from training.data.outlines import load, scan_of
from training.data.splits import FOLDS, fold_of_patients
from training.intervals import bootstrap_by_patient
from training.recognition.locations import KINDS
from training.recognition.sources import (
    Source,
    locations_in_crops,
    locations_in_sources,
    read_sources,
)
from training.recognition.train import add_sources, scores_of

Click = tuple[Scan, Roi]
Columns = dict[str, np.ndarray]  # one value a nodule or location
EVERY = 12
SMALL_MM = 4.0
REFUSED = {  # share of nodules of `SMALL_MM` or more, and of smaller ones, below each threshold
    "outlined": (0.005, 0.01),
    "not_outlined": (0.1, 0.2),
}
SIZES_MM = (0, 4, 6, 8, 10, 15, 20, 30, np.inf)
TEXTURES = (("ground glass", 0, 2.5), ("part-solid", 2.5, 4), ("solid", 4, 5.1))


class Material:
    """What the networks are asked about, and in which fold each is held out."""

    def __init__(self, args: Namespace) -> None:
        self.outlines = load(args.data)
        patients = fold_of_patients(self.outlines)
        self.sources = read_sources(args.series, args.pictures, patients)
        self.in_crops = locations_in_crops(self.outlines)[::EVERY]
        self.in_sources = locations_in_sources(self.sources)[::EVERY]
        self.fold = np.array([patients[str(patient)] for patient in self.outlines.patient])
        source_fold = np.array([source.fold for source in self.sources])
        self.folds = {
            "nodules": self.fold,
            "nodules-alone": self.fold,
            "crops": self.fold[self.in_crops["source"]],
            "sources": source_fold[self.in_sources["source"]],
        }

    def clicks(self, part: str, own: np.ndarray) -> Iterator[Click]:
        """Where the app is clicked, for those of a part that `own` names by number."""
        if part == "crops":
            yield from (self._in_crop(location) for location in self.in_crops[own])
        elif part == "sources":
            yield from (self._in_source(location) for location in self.in_sources[own])
        else:
            yield from (self._on_nodule(nodule, part == "nodules-alone") for nodule in own)

    def _on_nodule(self, nodule: int, is_alone: bool) -> Click:
        number, row, col = outline_file.largest_section(self.outlines, nodule)
        index = number - int(self.outlines.first[nodule])
        scan = scan_of(self.outlines, nodule)
        if is_alone:
            scan, index = replace(scan, slices=scan.slices[[index]], positions_mm=None), 0
        return scan, Roi(row, col, index, "given")

    def _in_crop(self, location: np.void) -> Click:
        return scan_of(self.outlines, location["source"]), _roi(location)

    def _in_source(self, location: np.void) -> Click:
        return scan_of_source(self.sources[location["source"]]), _roi(location)


def _roi(location: np.void) -> Roi:
    return Roi(float(location["row"]), float(location["col"]), int(location["slice"]), "given")


def scan_of_source(source: Source) -> Scan:
    """A series or picture as a scan in HU."""
    positions = None
    if source.step_mm is not None:
        positions = tuple(source.step_mm * i for i in range(len(source.hu)))
    return Scan(source.hu, source.spacing_mm, True, True, (), positions_mm=positions)


def asked(model: keras.Model, localiser: Localiser, clicks: Iterable[Click]) -> tuple[np.ndarray, np.ndarray]:
    """What the app would see at each click.

    Returns
    -------
    score : ndarray of shape (n,)
        The mean over the eight views.
    outlined : ndarray of bool, shape (n,)
        Whether the localiser outlines a nodule there.
    """
    fields, outlined = [], []
    for scan, roi in clicks:
        section = largest_section(scan, roi, localiser)
        outlined.append(section is not None)
        at, shown = (roi, None) if section is None else (section.roi, section.slices)
        fields.append(fields_at(scan, at.row, at.col, at.slice, shown))
    views = (view for field in fields for view in eight_views(field[None]))
    return scores_of(model, views).reshape(-1, 8).mean(axis=1), np.array(outlined)


def ask_fold(args: Namespace, material: Material, number: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Score and outlined of all that a fold held out, by part; what a run before kept is not asked for."""
    folder, found = Path(args.out) / KEY / f"fold-{number}", {}
    for part, folds in material.folds.items():
        path = folder / f"asked-{part}.npz"
        if not path.exists():
            model = build_recognition(SHAPE)
            model.load_weights(folder / "final.weights.h5")
            clicks = material.clicks(part, np.flatnonzero(folds == number))
            score, outlined = asked(model, Localiser(args.weights), clicks)
            np.savez(path, score=score, outlined=outlined)
        with np.load(path) as kept:
            found[part] = kept["score"], kept["outlined"]
    return found


def held_out(args: Namespace, material: Material) -> tuple[dict[str, Columns], Columns]:
    """Each network's answers for what it has not seen.

    Returns
    -------
    nodules : dict of str to dict of str to ndarray
        In a ``series`` (all slices of their crops), and in a ``picture`` (one of them): one value a nodule:
        ``score``, ``outlined``, ``fold``, ``patient``, ``diameter_mm``, ``texture`` and ``readers``.
    locations : dict of str to ndarray
        One value a location: ``score``, ``outlined``, ``fold``, ``patient`` (or series, or picture), ``kind``
        and ``picture``.
    """
    score = {name: np.zeros(len(folds)) for name, folds in material.folds.items()}
    outlined = {name: np.zeros(len(folds), bool) for name, folds in material.folds.items()}
    for number in range(FOLDS):
        for part, (scores, outlines) in ask_fold(args, material, number).items():
            own = material.folds[part] == number
            score[part][own], outlined[part][own] = scores, outlines
    of = material.outlines
    about = {
        "fold": material.fold,
        "patient": of.patient,
        "diameter_mm": of.diameter_mm,
        "texture": of.texture,
        "readers": np.minimum(of.n_readers, 4),
    }
    nodules = {
        kind: about | {"score": score[part], "outlined": outlined[part]}
        for kind, part in (("series", "nodules"), ("picture", "nodules-alone"))
    }
    source = material.in_sources["source"]
    names = np.array([source.name for source in material.sources])[source]
    is_picture = np.array([source.step_mm is None for source in material.sources])[source]
    locations = {
        "score": np.concatenate([score["crops"], score["sources"]]),
        "outlined": np.concatenate([outlined["crops"], outlined["sources"]]),
        "fold": np.concatenate([material.folds["crops"], material.folds["sources"]]),
        "patient": np.concatenate([of.patient[material.in_crops["source"]], names]),
        "kind": np.array(KINDS)[np.concatenate([material.in_crops["kind"], material.in_sources["kind"]])],
        "picture": np.concatenate([np.zeros(len(material.in_crops), bool), is_picture]),
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


def rates(nodules: dict[str, Columns], locations: Columns) -> dict:
    """How many nodules and locations are refused, by kind; each fold's thresholds come from the others."""
    thresholds = {
        kind: [thresholds_of(rows, rows["fold"] != fold) for fold in range(FOLDS)]
        for kind, rows in nodules.items()
    }
    size, texture = nodules["series"]["diameter_mm"], nodules["series"]["texture"]
    groups = {"all": size > 0, f"{SMALL_MM:g} mm or more": size >= SMALL_MM}
    for low, high in zip(SIZES_MM[:-1], SIZES_MM[1:], strict=True):
        name = f"{low:g} to {high:g} mm" if high < np.inf else f"more than {low:g} mm"
        groups[name] = (size >= low) & (size < high)
    groups |= {name: (texture >= low) & (texture < high) for name, low, high in TEXTURES}
    groups |= {f"seen by {n} of four readers": nodules["series"]["readers"] == n for n in (1, 2, 3, 4)}
    series = {kind: (locations["kind"] == kind) & ~locations["picture"] for kind in KINDS}
    pictures = {kind: (locations["kind"] == kind) & locations["picture"] for kind in KINDS}
    return {
        "thresholds": thresholds,
        "nodules": _rates(nodules["series"], thresholds["series"], groups),
        "nodules_in_pictures": _rates(nodules["picture"], thresholds["picture"], groups),
        "locations": _rates(locations, thresholds["series"], series),
        "locations_in_pictures": _rates(locations, thresholds["picture"], pictures),
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
    parser = parser_of(__doc__, "nodules", "weights")
    add_sources(parser)
    parser.add_argument("--out", default="runs", help="folder of the runs (default: runs)")
    parser.add_argument("--fold", type=int, choices=range(FOLDS), help="ask for this fold alone, and end")
    args = parser.parse_args(argv)
    material = Material(args)
    if args.fold is not None:
        ask_fold(args, material, args.fold)
        return
    nodules, locations = held_out(args, material)
    measured = rates(nodules, locations)
    path = args.weights / f"{KEY}.json"
    thresholds = {
        kind: thresholds_of(rows, np.ones(len(rows["score"]), bool)) for kind, rows in nodules.items()
    }
    report = json.loads(path.read_text()) | {"thresholds": thresholds, "measured": measured}
    path.write_text(json.dumps(report, indent=2) + "\n")
    for group, rows in list(measured.items())[1:]:
        for row in rows:
            print("{}, {kind}: {refused} of {n} refused, {low:.1%} to {high:.1%}".format(group, **row))


if __name__ == "__main__":
    main()
