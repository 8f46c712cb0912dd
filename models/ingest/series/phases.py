"""Several phases of one region in one series: scans before and after contrast, or repeated in time."""

from collections import defaultdict

import numpy as np

from models.errors import UserError

OVERLAP = 0.5  # of the shorter acquisition's length: more is a second phase
FEW = 3  # slices: fewer make no phase
REPEATED = 0.1  # of the positions: more slices in one place are a second phase, not a slip
SAMPLED = 4  # pairs of slices whose pixels are compared
HOW_TO = "Send the slices of one phase only, exported as a series of their own."


def refuse_phases(slices, positions, new, same_contents):
    """Raise `mixed_series` where the same places were scanned more than once.

    Parameters
    ----------
    slices : list of SliceHeader
        In order of their positions.
    positions : ndarray of shape (n,)
        In mm, ascending.
    new : ndarray of shape (n,), bool
        False for a slice in the place of the one before it.
    same_contents : callable
        Whether two slices hold equal pixels; asked of a few pairs, and only where many places repeat. A
        series that was copied twice into one folder is no second phase.
    """
    n_places, twins = int(new.sum()), np.flatnonzero(~new)
    n_repeated = len(set((np.cumsum(new) - 1)[twins]))
    if n_repeated == n_places or n_repeated > max(1, REPEATED * n_places):
        sample = twins[:: max(1, len(twins) // SAMPLED)]
        if not all(same_contents(slices[i - 1], slices[i]) for i in sample):
            places = f"{n_repeated} of {n_places} positions"
            message = f"The series holds several phases: {places} were scanned more than once. {HOW_TO}"
            raise UserError("mixed_series", message)
    ranges = _ranges(slices, positions)
    for i, (low, high) in enumerate(ranges):
        for other_low, other_high in ranges[:i]:
            shared = min(high, other_high) - max(low, other_low)
            if shared > OVERLAP * min(high - low, other_high - other_low):
                message = "The series holds several phases: acquisitions that cover the same region."
                raise UserError("mixed_series", f"{message} {HOW_TO}")


def _ranges(slices, positions):
    """Lowest and highest position of each acquisition that has some slices."""
    by_acquisition = defaultdict(list)
    for header, position in zip(slices, positions, strict=True):
        by_acquisition[header.acquisition].append(float(position))
    return [(min(group), max(group)) for group in by_acquisition.values() if len(group) >= FEW]
