"""Nodules that were shifted at random inside the patch, with their readers' outline on its grid.

A map that always points at the middle must not score well, so the nodule's centre lies anywhere in the
middle half of the close field. Else everything is as in serving: the slice of the largest section, the same
resampling, the same eight views.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from models.imaging.patch import CLOSE_MM, PATCH
from models.imaging.two_fields import cut_close
from models.inference.views import views
from training.data.outlines import Outlines, largest_section
from training.localiser.outlining import agreed

SHIFT = 0.25  # of the close field's width, each way
LARGE_MM = 6.0


@dataclass(frozen=True)
class Case:
    """One shifted nodule."""

    patches: np.ndarray  # views of its slice, first as it is; (8, pixels, pixels, fields), float32
    inside: np.ndarray  # what at least half of its readers count to it; (pixels, pixels), bool
    patient: str
    diameter_mm: float  # mean of the readers


def shifted_case(outlines: Outlines, nodule: int, rng: Generator) -> Case | None:
    """A nodule shifted at random; None where half of its readers agree on no pixel of the slice."""
    index, _, _ = largest_section(outlines, nodule)
    shift = rng.uniform(-SHIFT, SHIFT, 2) * CLOSE_MM
    truth = agreed(outlines.masks(index), outlines.n_outlines[nodule])
    if not truth.any():
        return None
    spacing = float(outlines.spacing_mm[nodule])
    row, col = np.array(np.nonzero(truth)).mean(axis=1) + shift / spacing
    return Case(
        views(outlines.grey[index], spacing, row, col),
        on_grid(truth, spacing, row, col),
        str(outlines.patient[nodule]),
        float(outlines.diameter_mm[nodule]),
    )


def on_grid(mask: np.ndarray, spacing_mm: float, row: float, col: float) -> np.ndarray:
    """A mask of a slice on the grid of the close field that `cut_patch` cuts there, bool."""
    return cut_close(mask.astype(np.float32), (spacing_mm, spacing_mm), row, col, PATCH.pixels) >= 0.5


def shifted_cases(outlines: Outlines, nodules: Iterable[int], seed: int = 0) -> list[Case]:
    """The cases of some nodules; a nodule's shift depends on the seed and itself only."""
    cases = [shifted_case(outlines, i, np.random.default_rng((seed, int(i)))) for i in nodules]
    return [case for case in cases if case is not None]
