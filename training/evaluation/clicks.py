"""How often a verdict hangs on the click or on the spacing, and what becomes of large lesions.

    python -m training.evaluation.clicks --data nodules.npz --runs runs [--at-most 100]

Asks the whole application (snapping, recognition, five networks, verdict) about nodules of the first fold: at
the middle of the largest section; anywhere in any reader's outline, in any slice; with a spacing that is 20 %
too large or too small; and malignant-rated lesions of 12 mm or more enlarged to 20 to 80 mm, those that are
smaller. The five networks are those that held these patients out, with the calibrations of weights/; the
localiser and the recognition network have learnt from them. Writes ``clicks`` of ``weights/evaluation.json``.
Two CPU cores need some 25 minutes.
"""

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.random import Generator

from models.imaging.scan import Roi, Scan
from models.inference.classifier import CONSENSUS, ModelRegistry
from models.inference.pipeline import analyse
from models.networks.registry import ARCHITECTURES
from models.weights import read_report
from training.arguments import parser_of
from training.data.outlines import Outlines, largest_section, load, scan_of
from training.data.splits import fold_of_nodules
from training.evaluation.predict import checked_run
from training.evaluation.robustness import FOLD
from training.intervals import clopper_pearson
from training.publish.export import export
from training.publish.manifest import write_manifest
from training.publish.reports import write_json, write_report

SIZES_MM = (20, 30, 45, 60, 80)
LARGE_MM = 12.0
VERDICTS = ("benign", "malignant", "indeterminate", "no_nodule")
WRONG = {"spacing 20 % too small": 0.8, "spacing 20 % too large": 1.2}
ANYWHERE = "anywhere in the outline"
FITTED = ("calibration", "threshold", "high_sensitivity_threshold", "abstention")


@dataclass
class Case:
    """A nodule's crops as the application reads them.

    Attributes
    ----------
    scan : Scan
    middle : tuple
        (row, col, slice) of the middle of the largest section.
    outlined : ndarray of bool, shape (slices, rows, cols)
        By any reader.
    """

    scan: Scan
    middle: tuple[float, float, int]
    outlined: np.ndarray

    def verdict(self, registry: ModelRegistry, row: float, col: float, index: int) -> str:
        """The consensus at a location."""
        roi = Roi(float(row), float(col), int(index), "given")
        return analyse(self.scan, roi, CONSENSUS, registry).verdict

    def with_spacing(self, factor: float) -> "Case":
        """The same slices, their pixels said to be so many times as large."""
        rows, cols = self.scan.spacing_mm
        return replace(self, scan=replace(self.scan, spacing_mm=(rows * factor, cols * factor)))

    def enlarged(self, factor: float) -> "Case":
        """The same nodule so many times as large, in all directions."""
        larger = self.with_spacing(factor)
        depths = tuple(factor * depth for depth in self.scan.positions_mm or ())
        return replace(larger, scan=replace(larger.scan, positions_mm=depths or None))

    def anywhere(self, rng: Generator) -> tuple[float, float, int]:
        """A random location in the outline of any reader: (row, col, slice)."""
        index, row, col = rng.permutation(np.argwhere(self.outlined))[0]
        return row, col, index


def case_of(outlines: Outlines, nodule: int) -> Case:
    """The `Case` of a nodule."""
    first, n = outlines.first[nodule], outlines.n_slices[nodule]
    number, row, col = largest_section(outlines, nodule)
    return Case(
        scan_of(outlines, nodule), (row, col, number - first), outlines.readers[first : first + n] > 0
    )


def held_out_weights(runs: Path, outlines: Outlines, weights: Path, folder: Path) -> None:
    """A copy of a weights folder whose five networks are those that held the fold's patients out."""
    shutil.copytree(weights, folder)
    for key in ARCHITECTURES:
        checked_run(runs / key, outlines, FOLD)
        export(key, runs, folder)
        fitted = read_report(weights, key)
        write_report(folder, key, **{name: fitted[name] for name in FITTED})
    write_manifest(folder)


def changed(registry: ModelRegistry, outlines: Outlines, nodules: np.ndarray, rng: Generator) -> dict:
    """How many verdicts differ from that at the middle: anywhere in the outline, and with wrong spacings."""
    other = dict.fromkeys((ANYWHERE, *WRONG), 0)
    for nodule in nodules:
        case = case_of(outlines, nodule)
        first = case.verdict(registry, *case.middle)
        other[ANYWHERE] += case.verdict(registry, *case.anywhere(rng)) != first
        for name, factor in WRONG.items():
            other[name] += case.with_spacing(factor).verdict(registry, *case.middle) != first
    named = other.items() if len(nodules) else ()
    rows = [{"name": name, "other": int(n), **share_of(int(n), len(nodules))} for name, n in named]
    return {"n_nodules": len(nodules), "rows": rows}


def share_of(k: int, n: int) -> dict[str, float]:
    """A share with its exact 95 % interval."""
    low, high = clopper_pearson(k, n)
    return {"share": k / n, "share_low": low, "share_high": high}


def enlarged(registry: ModelRegistry, outlines: Outlines, nodules: np.ndarray, rng: Generator) -> dict:
    """Verdicts on lesions enlarged to each of `SIZES_MM`, asked for anywhere in the outline, by size."""
    counts = [dict.fromkeys(VERDICTS, 0) for _ in SIZES_MM]
    for nodule in nodules:
        case, size = case_of(outlines, nodule), outlines.diameter_mm[nodule]
        for count, mm in zip(counts, SIZES_MM, strict=True):
            if mm > size:
                count[case.enlarged(mm / size).verdict(registry, *case.anywhere(rng))] += 1
    rows = [
        {"mm": mm, "n_nodules": sum(count.values()), **count}
        for mm, count in zip(SIZES_MM, counts, strict=True)
    ]
    return {"n_nodules": len(nodules), "rows": rows}


def measure(registry: ModelRegistry, outlines: Outlines, at_most: int, at_most_large: int) -> dict:
    """All of ``clicks`` of ``evaluation.json``, of so many nodules of the fold at most."""
    rng = np.random.default_rng(0)
    held_out = fold_of_nodules(outlines) == FOLD
    clear = rng.permutation(np.flatnonzero(held_out & (outlines.label >= 0)))[:at_most]
    result = changed(registry, outlines, clear, rng)
    is_large = held_out & (outlines.label == 1) & (outlines.diameter_mm >= LARGE_MM)
    large = rng.permutation(np.flatnonzero(is_large))[:at_most_large]
    return result | {"enlarged": enlarged(registry, outlines, large, rng)}


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "nodules", "runs", "weights")
    parser.add_argument("--at-most", type=int, default=100, help="nodules that are asked for")
    parser.add_argument("--at-most-large", type=int, default=30, help="lesions that are enlarged")
    args = parser.parse_args(argv)
    outlines = load(args.data)
    with tempfile.TemporaryDirectory() as folder:
        held_out = Path(folder) / "weights"
        held_out_weights(args.runs / f"fold-{FOLD}", outlines, args.weights, held_out)
        result = measure(ModelRegistry(held_out), outlines, args.at_most, args.at_most_large)
    write_json(args.weights / "evaluation.json", read_report(args.weights, "evaluation") | {"clicks": result})
    for row in result["rows"]:
        print(f"{row['name']}: another verdict for {row['other']} of {result['n_nodules']}")
    for row in result["enlarged"]["rows"]:
        print(", ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
