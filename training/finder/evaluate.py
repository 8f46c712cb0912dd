r"""Calibrate the finder, and measure what it marks in whole scans and pictures that trained nothing.

    python -m training.finder.evaluate --data nodules.npz --series SERIES.zip@FOLD ... \
        --leave-out LIDC-IDRI-0001 ... --nodules whole/nodules.csv --pictures DIR --runs runs

No series here trained the first network. Each is judged by the second network of ``runs/judge-FOLD``, which
left out its fold, and by the calibration and threshold that the other patients' series give. What ships is
fitted to all of them.

``nodules.csv`` lists what LIDC's readers outlined. A mark is a hit inside the box around all outlines, 2 mm
wider all round; nodules that count are those of two or more readers and `LEAST_MM` or more (mean of the
readers' extents), others are neither missed nor false. A series that is not in it has none. FROC as in LUNA16
(Setio et al., Med. Image Anal. 42, 1, 2017): sensitivity at 1/8 to 8 false marks a scan, all series together.
Intervals are exact (Clopper and Pearson, Biometrika 26, 404, 1934).

The threshold of single pictures comes from healthy ones that trained neither network; each of these is judged
by the threshold that the others give. Writes ``weights/finder.json``.
"""

import csv
import json
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import UserError
from models.imaging.candidate_fields import SHAPE
from models.imaging.scan import Scan
from models.inference.detection.candidates import Candidate
from models.inference.detection.finder import JUDGE, KEY, Finder, probability
from models.inference.detection.search import MOST, Proposal, as_candidates, as_searched
from models.ingest.read import read_scan
from models.networks.recognition import build_recognition
from training.arguments import parser_of
from training.data.outlines import load
from training.data.splits import FOLDS, SEED, side_of
from training.finder.calibrate import (
    Features,
    Seen,
    features_of,
    fit,
    nodules_in_crops,
    picture_threshold,
    proposals_of,
    series_threshold,
)
from training.intervals import clopper_pearson
from training.publish.export import export_weights

AXES = ("row", "col", "slice")
LEAST_MM, MARGIN_MM = 6.0, 2.0
RATES = (0.125, 0.25, 0.5, 1, 2, 4, 8)  # false marks a scan
SIZES_MM = (6, 10, 20, 1000)


@dataclass(frozen=True)
class Marked:
    """A nodule that readers outlined: the box around all outlines (rows, cols, slices), and its size."""

    box: tuple[tuple[float, float], ...]
    n_readers: int
    size_mm: float

    @property
    def counts(self) -> bool:
        """Whether missing it is a miss."""
        return self.n_readers >= 2 and round(self.size_mm) >= LEAST_MM

    def hit_by(self, mark: Candidate, scan: Scan) -> bool:
        """Whether a mark lies in the box."""
        margins = [MARGIN_MM / mm for mm in (*scan.spacing_mm, scan.slice_spacing_mm or 1)]
        at = (mark.row, mark.col, mark.slice)
        return all(low - m <= x <= high + m for x, (low, high), m in zip(at, self.box, margins, strict=True))


@dataclass(frozen=True)
class Searched:
    """A series and all that is proposed in it."""

    name: str
    patient: str
    scan: Scan
    proposals: list[Proposal]
    features: Features
    nodules: list[Marked]

    def marks(self, calibration: dict[str, float]) -> list[Candidate]:
        """All candidates, the most probable first."""
        return list(as_candidates(self.scan, self.proposals, probability(self.features, calibration)))

    def hits(self, marks: list[Candidate]) -> np.ndarray:
        """Which mark hits which nodule, (marks, nodules) bool."""
        rows = [[nodule.hit_by(mark, self.scan) for nodule in self.nodules] for mark in marks]
        return np.array(rows, bool).reshape(len(marks), len(self.nodules))

    @property
    def others(self) -> Features:
        """The features of what is proposed and is no nodule."""
        plain = [as_candidates(self.scan, [one], np.ones(1))[0] for one in self.proposals]
        is_other = ~self.hits(plain).any(axis=1)
        return {name: values[is_other] for name, values in self.features.items()}


def nodules_of(path: Path, series: str) -> list[Marked]:
    """What a nodules.csv says of a series."""
    with open(path, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["series"] == series]
    return [
        Marked(
            tuple(
                (float(row[f"first_{axis}"]), float(row[f"last_{axis}"])) for axis in ("row", "col", "slice")
            ),
            int(row["n_readers"]),
            float(np.mean([float(x) for x in row["extent_mm"].split("|")])),
        )
        for row in rows
    ]


def search_series(finder: Finder, path: Path, nodules: Path) -> Searched:
    """All that is proposed in a series."""
    scan = read_scan([(path.name, path.read_bytes())])
    proposals = proposals_of(scan, finder)
    features = features_of(finder, scan, proposals)
    patient = "-".join(path.stem.split("-")[:2])  # lidc-0132-a and lidc-0132-b are one
    return Searched(path.stem, patient, scan, proposals, features, nodules_of(nodules, path.stem))


def froc(hits: np.ndarray, false: np.ndarray, n_scans: int) -> list[dict[str, Any]]:
    """Nodules found at each of `RATES`.

    Parameters
    ----------
    hits : ndarray
        Of each nodule the best probability of a mark that hits it, -1 without one.
    false : ndarray
        The probabilities of all false marks.
    """
    ordered, rows = np.sort(false)[::-1], []
    for rate in RATES:
        allowed = int(rate * n_scans)
        limit = ordered[allowed] if allowed < len(ordered) else -0.5
        found = int((hits > limit).sum())
        low, high = clopper_pearson(found, len(hits))
        rows.append({"false_marks": rate, "found": found, "low": low, "high": high})
    return rows


def in_series(series: list[Searched], nodules: Features, n_patients: int) -> dict[str, Any]:
    """FROC over all series, and what is found at the threshold; each fitted without its patient."""
    hits: list[float] = []
    sizes: list[float] = []
    found: list[bool] = []
    false: list[float] = []
    shown, shown_healthy = 0, 0
    for one in series:
        seen = Seen.joined(nodules, n_patients, [two.others for two in series if two.patient != one.patient])
        calibration = fit(seen)
        least, marks = series_threshold(seen, calibration), one.marks(calibration)
        p, hit = np.array([mark.probability for mark in marks]), one.hits(marks)
        wrong = ~hit.any(axis=1)
        is_shown = (p >= least) & (np.arange(len(p)) < MOST)
        false += p[wrong].tolist()
        shown += int((is_shown & wrong).sum())
        shown_healthy += 0 if one.nodules else int((is_shown & wrong).sum())
        best = [float(max(p[hit[:, i]], default=-1)) for i in range(len(one.nodules))]
        for i, nodule in enumerate(one.nodules):
            if nodule.counts:
                hits.append(best[i])
                sizes.append(nodule.size_mm)
                found.append(bool((is_shown & hit[:, i]).any()))
        print(
            f"{one.name}: {int((is_shown & wrong).sum())} false from {least:.2f} on, {p[wrong][:4].round(2)}"
        )
        known = zip(one.nodules, best, strict=True)
        print(
            "    ",
            [(round(nodule.size_mm), nodule.n_readers, round(b, 2)) for nodule, b in known],
            flush=True,
        )
    size, is_found, rows = np.array(sizes), np.array(found), []
    for low, high in zip(SIZES_MM[:-1], SIZES_MM[1:], strict=True):
        some = (size.round() >= low) & (size.round() < high)
        rows.append({"size_mm": [low, high], "nodules": int(some.sum()), "found": int(is_found[some].sum())})
    return {
        "scans": len(series),
        "healthy": sum(not one.nodules for one in series),
        "nodules": len(hits),
        "found": int(is_found.sum()),
        "false_marks": shown,
        "false_marks_healthy": shown_healthy,
        "froc": froc(np.array(hits), np.array(false), len(series)),
        "sizes": rows,
    }


def pictures_of(finder: Finder, folder: Path, kind: str, fold: int | None = None) -> list[Features]:
    """The features of what is proposed in each picture of a kind, of one fold or of all."""
    paths = sorted(folder.glob(f"{kind}-*.jpg"))
    chosen = [p for i, p in enumerate(paths) if fold is None or i * FOLDS // len(paths) == fold]
    found = []
    for path in chosen:
        try:
            scan = as_searched(read_scan([(path.name, path.read_bytes())]))
        except UserError:  # not taken for a CT
            continue
        found.append(features_of(finder, scan, proposals_of(scan, finder)))
    return found


def first_marks(pictures: list[Features], calibration: dict[str, float]) -> np.ndarray:
    """The probability of the first mark in each picture; 0 without one."""
    return np.array([float(probability(one, calibration).max(initial=0.0)) for one in pictures])


def of_pictures(nodules: Features, normal: list[Features]) -> tuple[dict[str, float], float]:
    """Calibration and threshold that nodules, one a picture, and healthy pictures give."""
    calibration = fit(Seen.joined(nodules, len(nodules["finder"]), normal))
    return calibration, picture_threshold(first_marks(normal, calibration))


def in_pictures(nodules: Features, normal: list[Features], malignant: list[Features]) -> dict[str, Any]:
    """How many pictures have a mark; a healthy one by what the others give."""
    marked = []
    for i, one in enumerate(normal):
        calibration, least = of_pictures(nodules, normal[:i] + normal[i + 1 :])
        marked.append(first_marks([one], calibration)[0] >= least)
    calibration, least = of_pictures(nodules, normal)
    return {
        "normal": _marked(np.array(marked)),
        "malignant": _marked(first_marks(malignant, calibration) >= least),
    }


def _marked(which: np.ndarray) -> dict[str, float]:
    low, high = clopper_pearson(int(which.sum()), len(which))
    return {"n": len(which), "marked": int(which.sum()), "low": low, "high": high}


def finder_of(weights: Path, run: Path, folder: Path) -> Finder:
    """The shipped first network with the second one of a run; `folder` takes its weights."""
    report = json.loads((weights / f"{KEY}.json").read_text())
    judge = export_weights(build_recognition(SHAPE), JUDGE, run, folder)
    (folder / f"{KEY}.weights.h5").write_bytes((weights / f"{KEY}.weights.h5").read_bytes())
    return Finder(folder, report | {"judge_sha256": judge["sha256"]})


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "nodules", "weights", "runs")
    parser.add_argument("--series", nargs="+", required=True, help="PATH@FOLD")
    parser.add_argument("--nodules", type=Path, required=True, help="nodules.csv of the series")
    parser.add_argument("--pictures", type=Path, help="folder of normal-NNN.jpg and malignant-NNN.jpg")
    parser.add_argument("--picture-fold", type=int, default=2, help="of the pictures that trained nothing")
    parser.add_argument("--leave-out", nargs="*", default=[], help="patients of the series")
    args: Namespace = parser.parse_args(argv)
    outlines, path = load(args.data), args.weights / f"{KEY}.json"
    report = json.loads(path.read_text())
    chosen = side_of(outlines, "validation", SEED)
    chosen = chosen[~np.isin(outlines.patient[chosen], args.leave_out)]
    n_patients = len(set(outlines.patient[chosen]))
    nodules = nodules_in_crops(Finder(args.weights, report), outlines, chosen)
    print(f"{len(nodules['finder'])} of {len(chosen)} nodules in crops are proposed", flush=True)
    series: list[Searched] = []
    of_fold: dict[int, Finder] = {}
    for entry in args.series:
        name, _, fold = entry.partition("@")
        if int(fold) not in of_fold:
            folder = args.runs / f"judge-{fold}"
            of_fold[int(fold)] = finder_of(args.weights, folder, folder)
        series.append(search_series(of_fold[int(fold)], Path(name), args.nodules))
    seen = Seen.joined(nodules, n_patients, [one.others for one in series])
    calibration = fit(seen)
    report["calibration"] |= {"series": calibration}
    report["thresholds"] |= {"series": series_threshold(seen, calibration)}
    report["measured"] = {"series": in_series(series, nodules, n_patients)}
    if args.pictures:
        judge = of_fold[args.picture_fold]
        alone = nodules_in_crops(judge, outlines, chosen, single=True)
        normal = pictures_of(judge, args.pictures, "normal", args.picture_fold)
        malignant = pictures_of(judge, args.pictures, "malignant")
        report["calibration"]["picture"], report["thresholds"]["picture"] = of_pictures(alone, normal)
        report["measured"]["pictures"] = in_pictures(alone, normal, malignant)
    path.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps({name: report[name] for name in ("calibration", "thresholds", "measured")}, indent=1))


if __name__ == "__main__":
    main()
