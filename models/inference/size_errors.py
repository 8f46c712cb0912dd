"""How far sizes are off at a size of the nodule, as measured against the readers' outlines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FEW = 10  # nodules, whose median says little
SIZES_MM = ((0, 6), (6, 10), (10, 20), (20, None))  # by long axis; from the first on and below the second


@dataclass(frozen=True)
class SizeError:
    """The error of one size; of a volume a share of it, of lengths in mm.

    Attributes
    ----------
    median : float
        Of the absolute error.
    readers : float, optional
        Median of the absolute error of one reader, against the mean of the others.
    """

    median: float
    readers: float | None


@dataclass(frozen=True)
class SizeErrors:
    """The errors at a size.

    Attributes
    ----------
    nodules : int
        Measured nodules of the size.
    size_mm : (float, float or None)
        From the first on, and below the second or without end.
    unseen : bool
        Whether the measured network had not learnt from these patients.
    errors : dict of str to SizeError
        By name of `models.inference.measurement.sizes.Measurement`; only what was measured.
    """

    nodules: int
    size_mm: tuple[float, float | None]
    unseen: bool
    errors: dict[str, SizeError]


def size_errors_of(report: Mapping[str, Any], long_axis_mm: float | None) -> SizeErrors | None:
    """What ``volumes.json`` says of nodules of a length; None where fewer than `FEW` were measured."""
    if long_axis_mm is None:
        return None
    low, high = next(size for size in reversed(SIZES_MM) if long_axis_mm >= size[0])
    row = next((row for row in report.get("sizes", ()) if row["size_mm"] == [low, high]), None)
    if row is None or row["nodules"] < FEW:
        return None
    errors = {name: _error(found, row["readers"].get(name)) for name, found in row["errors"].items() if found}
    return SizeErrors(row["nodules"], (low, high), report["unseen"], errors)


def _error(found: Mapping[str, Any], readers: Mapping[str, Any] | None) -> SizeError:
    return SizeError(found["median"], readers["median"] if readers else None)
