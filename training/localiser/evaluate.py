"""How well the localiser finds and outlines the nodules of patients who did not train.

    python -m training.localiser.evaluate --data nodules.npz [--side validation] [--weights weights]

Each nodule is looked for in a window of its crop that is shifted at random (the nodule lies anywhere in it,
at its edge too), through the same code as an upload, in its middle slice. Then it is outlined from a click
up to `CLICK_MM` beside its centre. The readers are measured alike: each against the mean of the others. With
``--side test`` (the default) the results go to ``localiser.json`` and the table to the screen.
"""

import json

import numpy as np
from numpy.random import Generator

from models.imaging.field import adjacent_slices
from models.imaging.scan import Roi, Scan
from models.inference.detection.localiser import Localiser
from models.inference.measurement.outline import contour, within
from models.inference.measurement.sizes import measure
from training.arguments import parser_of
from training.data.outlines import Outlines, load
from training.data.splits import side_of
from training.intervals import bootstrap_by_patient
from training.localiser.outlining import ERRORS, agreed, agreements, dice, errors_of, readers_errors, sizes_of

CLICK_MM = 2.0
LARGE_MM = 6.0
GROUPS = {
    "all": lambda row: True,
    "6 mm or more": lambda row: row["size_mm"] >= LARGE_MM,
    "below 6 mm": lambda row: row["size_mm"] < LARGE_MM,
    "3 or more readers": lambda row: row["n_readers"] >= 3,
}


def measure_nodule(outlines: Outlines, nodule: int, localiser: Localiser, rng: Generator) -> dict | None:
    """Everything about one nodule's middle slice; None where its readers do not agree on a pixel."""
    masks = outlines.masks(_middle(outlines, nodule))
    truth = agreed(masks, outlines.n_outlines[nodule])
    if not truth.any():
        return None
    hu = _slice_in_hu(outlines, nodule)
    sizes = [sizes_of(mask, hu) for mask in masks]
    row: dict = {
        "patient": str(outlines.patient[nodule]),
        "n_readers": int(outlines.n_readers[nodule]),
        "size_mm": float(outlines.diameter_mm[nodule]),
        "diameter_mm": float(np.mean([size.equivalent_diameter_mm for size in sizes])),
    }
    polygon = _polygon(outlines, nodule, localiser, truth, rng)
    if polygon is None:
        row |= {"dice": 0.0, **dict.fromkeys(ERRORS)}
    else:
        row |= {"dice": dice(within(polygon, truth.shape), truth)}
        row |= errors_of(measure(polygon, hu, 0), sizes)
    return row | readers_errors(masks, sizes)


def _middle(outlines: Outlines, nodule: int) -> int:
    return outlines.first[nodule] + outlines.n_slices[nodule] // 2


def _scan(outlines: Outlines, nodule: int, window: tuple[slice, slice] = (slice(None), slice(None))) -> Scan:
    """The middle slice and the adjacent ones, or a window of them, as an uploaded stack of pictures."""
    first, n = outlines.first[nodule], outlines.n_slices[nodule]
    stack = outlines.grey[[first + i for i in adjacent_slices(n, n // 2)]]
    spacing = float(outlines.spacing_mm[nodule])
    return Scan(stack[:, *window].astype(np.float32), (spacing, spacing), False, False)


def _slice_in_hu(outlines: Outlines, nodule: int) -> Scan:
    """The middle slice in estimated HU, the same for all outlines: so their densities can be compared."""
    spacing = float(outlines.spacing_mm[nodule])
    return Scan(outlines.slice_hu(_middle(outlines, nodule))[None], (spacing, spacing), False, True)


def _polygon(
    outlines: Outlines, nodule: int, localiser: Localiser, truth: np.ndarray, rng: Generator
) -> np.ndarray | None:
    """The outline after a click near the nodule's centre; None where there is none."""
    scan = _scan(outlines, nodule)
    angle, far = rng.uniform(0, 2 * np.pi), CLICK_MM * np.sqrt(rng.random()) / scan.spacing_mm[0]
    row, col = np.array(np.nonzero(truth)).mean(axis=1) + far * np.array([np.sin(angle), np.cos(angle)])
    outline = localiser.outline(scan, Roi(row, col, 1, "given"))
    return None if outline is None else contour(outline)


def summary(rows: list[dict]) -> dict:
    """The results over some nodules."""
    patients = np.array([row["patient"] for row in rows])
    result: dict = {"nodules": len(rows), "patients": len(set(patients.tolist()))}
    overlap = np.array([row["dice"] for row in rows])
    result |= {
        "dice": float(overlap.mean()),
        "dice_interval": bootstrap_by_patient(np.mean, patients, overlap),
    }
    result["not_outlined"] = float(np.mean([row["diameter_error_mm"] is None for row in rows]))
    readers = [value for row in rows for value in row["reader_dice"]]
    theirs = [errors for row in rows for errors in row["reader_errors"]]
    return (
        result
        | agreements(rows)
        | {"readers": {"dice": float(np.mean(readers)) if readers else None} | agreements(theirs)}
    )


def evaluate(
    outlines: Outlines, localiser: Localiser, side: str, split_seed: int, seed: int = 0
) -> list[dict]:
    """Rows of all nodules of a side of the split."""
    rng = np.random.default_rng(seed)
    rows = [measure_nodule(outlines, i, localiser, rng) for i in side_of(outlines, side, split_seed)]
    return [row for row in rows if row is not None]


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "nodules", "weights")
    parser.add_argument("--side", choices=("validation", "test"), default="test")
    args = parser.parse_args(argv)
    localiser = Localiser(args.weights)
    seed = localiser.report["training"]["split_seed"]
    rows = evaluate(load(args.data), localiser, args.side, seed)
    groups = {name: [row for row in rows if belongs(row)] for name, belongs in GROUPS.items()}
    results = {name: summary(group) for name, group in groups.items() if group}
    print(json.dumps(results, indent=2))
    if args.side == "test":
        path = args.weights / "localiser.json"
        path.write_text(json.dumps(localiser.report | {"measured": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
