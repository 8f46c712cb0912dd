"""The slices of one series in anatomical order, feet to head, those that are there twice once."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models.errors import UserError
from models.imaging.geometry import SAME_POSITION_MM, along_normal
from models.ingest.series.headers import SliceHeader
from models.ingest.source import natural_key
from models.messages import Message

UPRIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)  # supine: rows to the patient's left, columns to the back
OVERLAP = 0.5  # of the shorter acquisition's length: more is a second phase
FEW = 3  # slices: fewer make no phase
REPEATED = 0.1  # of the positions: more slices at one of them are a second phase, not a slip
SAMPLED = 4  # pairs of slices whose pixels are compared

Slices = list[SliceHeader]
Comparison = Callable[[SliceHeader, SliceHeader], bool]  # whether two slices hold equal pixels


@dataclass(frozen=True)
class Series:
    """Slices in order.

    Attributes
    ----------
    positions_mm
        Along the normal, feet to head; None where they are unknown.
    repeated_mm
        Positions found twice.
    ordered_by
        What the order rests on: ``position`` (Image Position (Patient)), ``location`` (Slice Location), or
        ``number`` (Instance Number, then the files' names).
    n_unplaced
        Slices that do not say where they lie, and were left out.
    """

    slices: tuple[SliceHeader, ...]
    positions_mm: tuple[float, ...] | None
    repeated_mm: tuple[float, ...] = ()
    ordered_by: str = "position"
    n_unplaced: int = 0


def in_order(slices: Slices, same_contents: Comparison) -> Series:
    """Order the slices of one series from feet to head and keep those that are there twice once.

    By Image Position (Patient) where most slices have one of their own; else by Slice Location, else by
    Instance Number. Slices that lack what the others are ordered by are left out.

    Parameters
    ----------
    slices
        See `selection.one_series`.
    same_contents
        Whether two slices hold equal pixels; asked only where many lie at the same positions.

    Raises
    ------
    UserError
        ``mixed_series`` where several phases of the same region are mixed.
    """
    n_slices, slices = len(slices), sorted(slices, key=_by_number)
    ordered_by, slices, positions = _what_orders(slices)
    n_unplaced = n_slices - len(slices)
    if positions is None:
        return Series(tuple(slices), None, ordered_by=ordered_by, n_unplaced=n_unplaced)
    order = np.argsort(positions, kind="stable")
    slices, positions = [slices[i] for i in order], positions[order]
    new = np.concatenate([[True], np.diff(positions) > SAME_POSITION_MM])
    _refuse_phases(slices, positions, new, same_contents)
    kept = np.flatnonzero(new)
    repeated = sorted({float(positions[kept[index]]) for index in (np.cumsum(new) - 1)[~new]})
    return Series(
        tuple(slices[i] for i in kept),
        tuple(map(float, positions[kept])),
        tuple(repeated),
        ordered_by,
        n_unplaced,
    )


def orientation_of(slices: Sequence[SliceHeader]) -> tuple[float, ...]:
    """The slices' common orientation; upright where no file says it."""
    known = (header.frame.orientation for header in slices if header.frame.orientation)
    return next(known, UPRIGHT)


def along_normal_of(slices: Slices, orientation: tuple[float, ...]) -> np.ndarray:
    """Positions in mm, feet to head, of slices all of which have one."""
    return along_normal([header.frame.position or () for header in slices], orientation)


def _by_number(header: SliceHeader) -> tuple[bool, int, list, int]:
    number = header.instance
    return number is None, number or 0, natural_key(header.source.name), header.frame.number


def _what_orders(slices: Slices) -> tuple[str, Slices, np.ndarray | None]:
    """What the slices are ordered by (see `Series.ordered_by`), those that have it, and where these lie."""
    known = [header for header in slices if header.frame.position]
    located = [header for header in slices if header.frame.location_mm is not None]
    if 2 * len(known) > len(slices):
        positions = along_normal_of(known, orientation_of(slices))
        if len(slices) == 1 or _tell_apart(known, positions):
            return "position", known, positions
    if 2 * len(located) > len(slices):
        locations = np.array([header.frame.location_mm for header in located])
        if _n_distinct(locations) > 1:
            return "location", located, _towards_the_head(located) * locations
    return "number", slices, None


def _tell_apart(slices: Slices, positions: np.ndarray) -> bool:
    """Whether positions are to be believed: they were not overwritten, nor do others tell more apart."""
    if not any(any(header.frame.position or ()) for header in slices):
        return False
    locations = [header.frame.location_mm for header in slices]
    if None not in locations:
        return _n_distinct(np.array(locations)) <= _n_distinct(positions)
    numbers = {header.instance for header in slices} - {None}
    return _n_distinct(positions) > 1 or len(numbers) < len(slices)


def _n_distinct(positions: np.ndarray) -> int:
    return 1 + int((np.diff(np.sort(positions)) > SAME_POSITION_MM).sum())


def _towards_the_head(slices: Slices) -> int:
    """Sign of Slice Location along the normal, by slices that have a position as well; 1 where none has."""
    both = [header for header in slices if header.frame.position]
    if len(both) < 2:
        return 1
    positions = along_normal_of(both, orientation_of(both))
    locations = np.array([header.frame.location_mm for header in both])
    return -1 if (positions - positions.mean()) @ (locations - locations.mean()) < 0 else 1


def _refuse_phases(
    slices: list[SliceHeader],
    positions: np.ndarray,
    new: np.ndarray,
    same_contents: Comparison,
) -> None:
    """Raise `mixed_series` where the same positions were scanned more than once.

    Parameters
    ----------
    slices
        In order of their positions.
    positions : ndarray of shape (n,)
        In mm, ascending.
    new : ndarray of shape (n,), bool
        False for a slice at the position of the one before it.
    same_contents
        Whether two slices hold equal pixels; asked of a few pairs, and only where many positions repeat. A
        series that was copied twice into one folder is no second phase.
    """
    n_positions, twins = int(new.sum()), np.flatnonzero(~new)
    n_repeated = len(set((np.cumsum(new) - 1)[twins]))
    if n_repeated == n_positions or n_repeated > max(1, REPEATED * n_positions):
        sample = twins[:: max(1, len(twins) // SAMPLED)]
        if not all(same_contents(slices[i - 1], slices[i]) for i in sample):
            message = Message(
                "The series contains several phases: {n} of {total} positions were scanned more than "
                "once. Send the slices of one phase only, exported as a separate series.",
                n=n_repeated,
                total=n_positions,
            )
            raise UserError("mixed_series", message)
    ranges = _ranges(slices, positions)
    for i, (low, high) in enumerate(ranges):
        for other_low, other_high in ranges[:i]:
            shared = min(high, other_high) - max(low, other_low)
            if shared > OVERLAP * min(high - low, other_high - other_low):
                raise UserError(
                    "mixed_series",
                    "The series contains several phases: acquisitions that cover the same region. Send the "
                    "slices of one phase only, exported as a separate series.",
                )


def _ranges(slices: Slices, positions: np.ndarray) -> list[tuple[float, float]]:
    """Lowest and highest position of each acquisition that has some slices."""
    by_acquisition = defaultdict(list)
    for header, position in zip(slices, positions, strict=True):
        by_acquisition[header.acquisition].append(float(position))
    return [(min(group), max(group)) for group in by_acquisition.values() if len(group) >= FEW]
