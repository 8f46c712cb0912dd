"""How far an outline lies from those of the readers: overlap, sizes, density."""

import numpy as np

from models.imaging.scan import Scan
from models.inference.measurement.outline import Outline, contour
from models.inference.measurement.sizes import Measurement, measure

ERRORS = {  # of an outline, against the mean over the readers' outlines in the same slice
    "diameter_error_mm": "equivalent_diameter_mm",
    "long_axis_error_mm": "long_axis_mm",
    "short_axis_error_mm": "short_axis_mm",
    "mean_diameter_error_mm": "mean_diameter_mm",
    "mean_hu_error": "mean_hu",
}


def agreed(masks: np.ndarray, n_readers: int) -> np.ndarray:
    """The pixels that at least half of a nodule's readers count to it (50 % consensus)."""
    return masks.sum(axis=0) * 2 >= n_readers


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Overlap of two masks (Dice, Ecology 26, 297, 1945)."""
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def sizes_of(mask: np.ndarray, scan: Scan) -> Measurement:
    """Measurement of a mask by the code that measures the network's outlines; no values where it is empty."""
    polygon = contour(Outline(mask.astype(np.float32), 0, 0, 0.5))
    return Measurement() if polygon is None else measure(polygon, scan, 0)


def errors_of(size: Measurement, others: list[Measurement]) -> dict[str, float | None]:
    """What a measurement has more than the mean of others has; None where either is unknown."""
    errors = {}
    for error, name in ERRORS.items():
        known = [getattr(other, name) for other in others if getattr(other, name) is not None]
        value = getattr(size, name)
        errors[error] = value - float(np.mean(known)) if known and value is not None else None
    return errors


def readers_errors(masks: np.ndarray, sizes: list[Measurement]) -> dict[str, list]:
    """Each reader against the others, where at least two outlined the slice."""
    result: dict[str, list] = {"reader_dice": [], "reader_errors": []}
    if len(masks) < 2:
        return result
    for i, mask in enumerate(masks):
        others = np.delete(masks, i, axis=0)
        result["reader_dice"].append(dice(mask, agreed(others, len(others))))
        result["reader_errors"].append(errors_of(sizes[i], sizes[:i] + sizes[i + 1 :]))
    return result


def agreement(errors: list[float]) -> dict | None:
    """Median absolute error, bias and limits of agreement (Bland and Altman, Lancet 327, 307, 1986)."""
    if len(errors) < 2:
        return None
    bias, deviation = float(np.mean(errors)), float(np.std(errors, ddof=1))
    return {
        "median": float(np.median(np.abs(errors))),
        "bias": bias,
        "limits": [bias - 1.96 * deviation, bias + 1.96 * deviation],
    }


def agreements(rows: list[dict]) -> dict:
    """The agreement of each of `ERRORS`, over the rows that have it."""
    return {name: agreement([row[name] for row in rows if row[name] is not None]) for name in ERRORS}
