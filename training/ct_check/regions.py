"""Fit what tells lung from other air.

    python -m training.ct_check.regions --chest SERIES --elsewhere SERIES

Boosted trees judge the features of `models.ingest.ct_check.air`; they become the part ``air`` of
weights/content.json. For the report, each source (a series, a kind of drawing) is judged by a fit that saw
nothing of it.
"""

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import ContentDoubted
from models.imaging.scan import Scan
from models.ingest.ct_check.check import WEIGHTS
from models.ingest.ct_check.trees import Classifier
from models.ingest.read import read_scan
from training.ct_check.air import DRAWN_MM, Pieces, View, drawn_gas, drawn_lung, lungs_of, pieces, views
from training.ct_check.fit import as_report, fit_trees, written
from training.data.splits import SEED

TREES = 60
DRAWN = {"drawn gas": (drawn_gas, 600), "drawn lung": (drawn_lung, 300)}
LIMIT = -1.2  # log odds; lung that is lost counts for more than gas that is taken for lung
LEAST = 60  # pieces of a source that weigh as much as all of a larger one


def fit_air(found: Pieces) -> Classifier:
    """Trees that tell lung from other air; sources weigh alike."""
    weights = np.zeros(len(found.is_lung))
    for side in (False, True):
        for source in np.unique(found.source[found.is_lung == side]):
            chosen = (found.is_lung == side) & (found.source == source)
            weights[chosen] = 1 / max(LEAST, chosen.sum())
        weights[found.is_lung == side] /= weights[found.is_lung == side].sum()
    weights *= len(weights) / 2
    return Classifier(
        found.names, *fit_trees(found.features, found.is_lung.astype(int), weights, TREES), limit=LIMIT
    )


def unseen_odds(found: Pieces) -> np.ndarray:
    """Log odds that each piece is lung, by a fit that saw nothing of its source."""
    odds = np.zeros(len(found.is_lung))
    for source in np.unique(found.source):
        unseen = found.source == source
        odds[unseen] = fit_air(found[~unseen]).log_odds(found.features[unseen])
    return odds


def shares(found: Pieces, odds: np.ndarray) -> dict[str, dict[str, dict[str, float]]]:
    """By source, of the pieces that pass the rules: how many are lung or not, and the shares believed."""
    report: dict[str, dict[str, dict[str, float]]] = {}
    for source in np.unique(found.source):
        lines = report[str(source)] = {}
        for name, side in (("lung", True), ("other", False)):
            chosen = (found.source == source) & (found.is_lung == side) & found.by_rules
            if chosen.any():
                believed = odds[chosen] > LIMIT
                lines[name] = {"n": int(chosen.sum()), "believed": float(believed.mean())}
    return report


def gather(chests: Mapping[str, Scan], elsewhere: Mapping[str, Scan], rng: np.random.Generator) -> Pieces:
    """All pieces of air of the scans, which are by their source."""
    seen = _seen(chests, elsewhere, rng)
    return Pieces.of((name, *piece) for name, view in seen for piece in pieces(*view))


def _seen(
    chests: Mapping[str, Scan], elsewhere: Mapping[str, Scan], rng: np.random.Generator
) -> Iterator[tuple[str, View]]:
    """Source and view of each slice and part."""
    for name, scan in elsewhere.items():
        none = np.zeros(scan.slices.shape, bool)
        for view in views(scan.slices, none, scan.spacing_mm, 1, 40, rng):
            yield name, view
    for name, scan in chests.items():
        lung = lungs_of(scan.slices, scan.spacing_mm)
        free = ~lung.any(axis=(1, 2))
        for chosen, every, count in ((free, 1, 12), (~free, 2, 6)):
            if chosen.any():
                for view in views(scan.slices[chosen], lung[chosen], scan.spacing_mm, every, count, rng):
                    yield name, view
    for name, (draw, count) in DRAWN.items():
        for _ in range(count):
            hu, lung = draw(rng)
            spacing_mm = DRAWN_MM * rng.uniform(0.5, 1.2)
            yield name, (hu, lung, (spacing_mm, spacing_mm))


def read(paths: Iterable[str]) -> dict[str, Scan]:
    """A scan a path: a folder, a ZIP or a file of DICOM."""
    scans = {}
    for path in map(Path, paths):
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        try:
            scans[path.stem] = read_scan([(file.name, file.read_bytes()) for file in files])
        except ContentDoubted as doubt:
            scans[path.stem] = doubt.scan
    return scans


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, measure, and write into weights/content.json beside what it holds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--chest", nargs="+", required=True, help="DICOM series of the chest")
    parser.add_argument("--elsewhere", nargs="*", default=[], help="DICOM series that show no lung")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args(arguments)
    began = time.time()
    found = gather(read(options.chest), read(options.elsewhere), np.random.default_rng(SEED))
    air: dict[str, Any] = as_report(fit_air(found))
    air |= {"measured": shares(found, unseen_odds(found)), "seed": SEED}
    air["minutes"] = round((time.time() - began) / 60, 1)
    report = json.loads(options.out.read_text()) | {"air": air}
    options.out.write_text(json.dumps(written(report), separators=(",", ":")) + "\n")
    print(json.dumps(written(air["measured"]), indent=1))


if __name__ == "__main__":
    main()
