"""How well the localiser finds and outlines the nodules of patients who did not train.

    python -m training.localiser.evaluate --data outlines.npz [--side validation] [--weights weights]

Each nodule is looked for in a window of its crop that is shifted at random (the nodule lies anywhere in it,
at its edge too), through the same code as an upload, in its middle slice. Then it is outlined from a click
up to `CLICK_MM` beside its centre. The readers are measured alike: each against the mean of the others. With
``--side test`` (the default) the results go to ``localiser.json`` and the table to the screen.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from models.imaging.patch import neighbours
from models.imaging.scan import Roi, Scan
from models.inference.localiser import Localiser
from models.inference.measure import Measurement, measure
from models.inference.outline import Outline, contour, within
from models.inference.search import search
from training.localiser.outlines import load
from training.metrics import bootstrap_by_patient
from training.splits import side_of

WINDOW = 80  # of the crop's 128 pixels a side
CLICK_MM = 2.0
LARGE_MM = 6.0
GROUPS = {
    "all": lambda row: True,
    "6 mm or more": lambda row: row["size_mm"] >= LARGE_MM,
    "below 6 mm": lambda row: row["size_mm"] < LARGE_MM,
    "3 or more readers": lambda row: row["n_readers"] >= 3,
}


def agreed(masks, n_readers):
    """The pixels that at least half of a nodule's readers count to it (50 % consensus)."""
    return masks.sum(axis=0) * 2 >= n_readers


def dice(a, b):
    """Overlap of two masks (Dice, Ecology 26, 297, 1945)."""
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def sizes_of(mask, scan):
    """Measurement of a mask by the code that measures the network's outlines; no values where it is empty."""
    polygon = contour(Outline(mask.astype(np.float32), 0, 0, 0.5))
    return Measurement() if polygon is None else measure(polygon, scan, 0)


def measure_nodule(outlines, nodule, localiser, rng):
    """Everything about one nodule's middle slice; None where its readers do not agree on a pixel."""
    masks = outlines.masks(_middle(outlines, nodule))
    truth = agreed(masks, outlines.n_readers[nodule])
    if not truth.any():
        return None
    scan = _scan(outlines, nodule)
    sizes = [sizes_of(mask, scan) for mask in masks]
    row = {
        "patient": str(outlines.patient[nodule]),
        "n_readers": int(outlines.n_readers[nodule]),
        "size_mm": float(outlines.diameter_mm[nodule]),
        "diameter_mm": float(np.mean([size.equivalent_diameter_mm for size in sizes])),
        "long_axis_mm": float(np.mean([size.long_axis_mm for size in sizes])),
    }
    row |= _search(outlines, nodule, localiser, truth, rng)
    row |= _outline(outlines, nodule, localiser, truth, row, rng)
    return row | _readers(masks, sizes)


def _middle(outlines, nodule):
    return outlines.first[nodule] + outlines.n_slices[nodule] // 2


def _scan(outlines, nodule, window=(slice(None), slice(None))):
    """The middle slice and its neighbours, or a window of them, as an uploaded stack of pictures."""
    first, n = outlines.first[nodule], outlines.n_slices[nodule]
    stack = outlines.grey[[first + i for i in neighbours(n, n // 2)]]
    spacing = float(outlines.spacing_mm[nodule])
    return Scan(stack[:, *window].astype(np.float32), (spacing, spacing), False, False)


def _search(outlines, nodule, localiser, truth, rng):
    """Candidates in a window that holds the nodule's centre, best first: score, hit, outside all outlines."""
    n = truth.shape[0]
    centre = np.array(np.nonzero(truth)).mean(axis=1).round().astype(int)
    starts = [rng.integers(max(0, at - WINDOW + 1), min(n - WINDOW, at) + 1) for at in centre]
    window = tuple(slice(start, start + WINDOW) for start in starts)
    candidates = search(_scan(outlines, nodule, window), localiser, indices=[1])
    anyone = outlines.masks(_middle(outlines, nodule)).any(axis=0)
    return {
        "scores": [c.score for c in candidates],
        "hits": [_at(truth[window], c) for c in candidates],
        "false": [not _at(anyone[window], c) for c in candidates],
    }


def _at(mask, candidate):
    place = np.rint([candidate.row, candidate.col]).astype(int).clip(0, np.array(mask.shape) - 1)
    return bool(mask[tuple(place)])


def _outline(outlines, nodule, localiser, truth, row, rng):
    scan = _scan(outlines, nodule)
    angle, far = rng.uniform(0, 2 * np.pi), CLICK_MM * np.sqrt(rng.random()) / scan.spacing_mm[0]
    at = np.array(np.nonzero(truth)).mean(axis=1) + far * np.array([np.sin(angle), np.cos(angle)])
    outline = localiser.outline(scan, Roi(*at, 1, "given"))
    polygon = None if outline is None else contour(outline)
    if polygon is None:
        return {"dice": 0.0, "diameter_error_mm": None, "long_axis_error_mm": None}
    size = measure(polygon, scan, 1)
    return {
        "dice": dice(within(polygon, truth.shape), truth),
        "diameter_error_mm": size.equivalent_diameter_mm - row["diameter_mm"],
        "long_axis_error_mm": size.long_axis_mm - row["long_axis_mm"],
    }


def _readers(masks, sizes):
    """Each reader against the others, where at least two outlined the slice."""
    result = {"reader_dice": [], "reader_diameter_errors_mm": []}
    if len(masks) < 2:
        return result
    for i, mask in enumerate(masks):
        others = np.delete(masks, i, axis=0)
        result["reader_dice"].append(dice(mask, agreed(others, len(others))))
        rest = np.delete([size.equivalent_diameter_mm for size in sizes], i).mean()
        result["reader_diameter_errors_mm"].append(float(sizes[i].equivalent_diameter_mm - rest))
    return result


def summary(rows, thresholds):
    """The results over some nodules; the finding at each threshold on the candidates' scores."""
    patients = np.array([row["patient"] for row in rows])

    result = {"nodules": len(rows), "patients": len(set(patients.tolist()))}
    result |= {name: _finding(rows, patients, least) for name, least in thresholds.items()}
    overlap = np.array([row["dice"] for row in rows])
    result |= {
        "dice": float(overlap.mean()),
        "dice_interval": bootstrap_by_patient(np.mean, patients, overlap),
    }
    result["not_outlined"] = float(np.mean([row["diameter_error_mm"] is None for row in rows]))
    for name in ("diameter_error_mm", "long_axis_error_mm"):
        result[name] = agreement([row[name] for row in rows if row[name] is not None])
    readers = [value for row in rows for value in row["reader_dice"]]
    errors = [value for row in rows for value in row["reader_diameter_errors_mm"]]
    return result | {
        "readers": {
            "dice": float(np.mean(readers)) if readers else None,
            "diameter_error_mm": agreement(errors),
        }
    }


def _finding(rows, patients, threshold):
    result = {}
    for name, among in (("top_1", 1), ("top_3", 3)):
        hit = np.array([any(_shown(row, "hits", threshold)[:among]) for row in rows], float)
        result |= {name: float(hit.mean()), f"{name}_interval": bootstrap_by_patient(np.mean, patients, hit)}
    return result | {
        "false_positives": float(np.mean([sum(_shown(row, "false", threshold)) for row in rows]))
    }


def _shown(row, name, threshold):
    return [value for value, score in zip(row[name], row["scores"], strict=True) if score >= threshold]


def agreement(errors):
    """Median absolute error, bias and limits of agreement (Bland and Altman, Lancet 327, 307, 1986)."""
    if len(errors) < 2:
        return None
    errors = np.array(errors)
    bias, deviation = float(errors.mean()), float(errors.std(ddof=1))
    return {
        "median": float(np.median(np.abs(errors))),
        "bias": bias,
        "limits": [bias - 1.96 * deviation, bias + 1.96 * deviation],
    }


def evaluate(outlines, localiser, side, split_seed, seed=0):
    """Rows of all nodules of a side of the split."""
    rng = np.random.default_rng(seed)
    localiser.thresholds, kept = dict.fromkeys(localiser.thresholds, 0.0), localiser.thresholds
    rows = [measure_nodule(outlines, i, localiser, rng) for i in side_of(outlines, side, split_seed)]
    localiser.thresholds = kept
    return [row for row in rows if row is not None]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", required=True, help="outlines.npz from training.localiser.outlines")
    parser.add_argument("--weights", default="weights", help="folder of localiser.json (default: weights)")
    parser.add_argument("--side", choices=("validation", "test"), default="test")
    args = parser.parse_args(argv)
    localiser = Localiser(args.weights)
    seed = localiser.report["training"]["split_seed"]
    rows = evaluate(load(args.data), localiser, args.side, seed)
    groups = {name: [row for row in rows if belongs(row)] for name, belongs in GROUPS.items()}
    results = {name: summary(group, localiser.thresholds) for name, group in groups.items() if group}
    print(json.dumps(results, indent=2))
    if args.side == "test":
        path = Path(args.weights) / "localiser.json"
        path.write_text(json.dumps(localiser.report | {"measured": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
