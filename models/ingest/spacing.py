"""How large a pixel is: as the file says, as somebody gave or measured it, estimated, or assumed."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from models.errors import UserError
from models.imaging.scan import (
    ASSUMED_SPACING_MM,
    SPACING_BOUNDS_MM,
    STEP_BOUNDS_MM,
    Notice,
    Scan,
    SpacingSource,
)
from models.ingest.spacing_estimate import ERROR, LARGE_ERROR, estimated_spacing_mm
from models.messages import Message

LIDC_SPACING_MM = (0.46, 0.98)
CODES = ("spacing_assumed", "spacing_unusual")


class Spacing(NamedTuple):
    """Row and column spacing in mm, and where they come from."""

    mm: tuple[float, float]
    source: SpacingSource

    @property
    def is_assumed(self) -> bool:
        """Whether neither the file nor a person gave it."""
        return self.source in ("estimated", "assumed")


def check_spacing(spacing_mm: float | None, slice_spacing_mm: float | None = None) -> None:
    """Refuse (``bad_number``) a spacing of pixels or of slices that no CT has."""
    low, high = SPACING_BOUNDS_MM
    if spacing_mm is not None and not low <= spacing_mm <= high:
        message = Message("The pixel spacing must be between {low} and {high} mm.", low=low, high=high)
        raise UserError("bad_number", message)
    low, high = STEP_BOUNDS_MM
    if slice_spacing_mm is not None and not low <= slice_spacing_mm <= high:
        message = Message("The slice spacing must be between {low} and {high} mm.", low=low, high=high)
        raise UserError("bad_number", message)


def spacing_of(
    found: tuple[float, float] | None, given: float | None, shown: np.ndarray, is_hu: bool
) -> Spacing:
    """The spacing of an upload.

    Parameters
    ----------
    found
        Row and column spacing in the file.
    given
        mm per pixel, as the person says who sent it.
    shown : ndarray of shape (n, rows, cols)
        The slices as they are displayed.
    is_hu
        Whether their values are HU.
    """
    if found:
        return Spacing(found, "file")
    if given:
        return Spacing((given, given), "given")
    estimate = estimated_spacing_mm(shown, is_hu)
    if estimate:
        return Spacing((estimate, estimate), "estimated")
    return Spacing((ASSUMED_SPACING_MM, ASSUMED_SPACING_MM), "assumed")


def spacing_notices(spacing: Spacing, is_odd: bool = False) -> list[Notice]:
    """What is to be said of a spacing; `is_odd` where the file has one that is not understood."""
    if spacing.source == "assumed":
        return [Notice("spacing_assumed", _assumed(is_odd))]
    if spacing.source == "estimated":
        return [Notice("spacing_assumed", _estimated(spacing.mm[0], is_odd))]
    (down, across), (low, high) = spacing.mm, LIDC_SPACING_MM
    if not low <= min(spacing.mm) <= max(spacing.mm) <= high:
        message = Message(
            "The pixel size is {down:g} x {across:g} mm; the models were trained on {low} to {high} mm.",
            down=down,
            across=across,
            low=low,
            high=high,
        )
        return [Notice("spacing_unusual", message)]
    return []


def _assumed(is_odd: bool) -> Message:
    if is_odd:
        return Message(
            "The file does not give the pixel size in a form that can be read; {mm} mm was assumed.",
            mm=ASSUMED_SPACING_MM,
        )
    return Message("The file does not give the pixel size; {mm} mm was assumed.", mm=ASSUMED_SPACING_MM)


def _estimated(mm: float, is_odd: bool) -> Message:
    error, large = 100 * ERROR, 100 * LARGE_ERROR
    if is_odd:
        return Message(
            "The file does not give the pixel size in a form that can be read; {mm:.2f} mm was estimated "
            "from the width of the lungs. Half of such estimates are off by more than {error:.0f}%, one "
            "in ten by more than {large:.0f}%.",
            mm=mm,
            error=error,
            large=large,
        )
    return Message(
        "The file does not give the pixel size; {mm:.2f} mm was estimated from the width of the lungs. "
        "Half of such estimates are off by more than {error:.0f}%, one in ten by more than {large:.0f}%.",
        mm=mm,
        error=error,
        large=large,
    )


def with_spacing(scan: Scan, spacing_mm: float) -> Scan:
    """A scan with the spacing (mm) that somebody gave or measured afterwards.

    Raises
    ------
    UserError
        ``bad_number``, or ``bad_field`` where the file itself has the spacing.
    """
    if not scan.spacing_can_be_set:
        raise UserError("bad_field", "The file itself gives the pixel size.")
    check_spacing(spacing_mm)
    spacing = Spacing((spacing_mm, spacing_mm), "given")
    notices = [*_others(scan.notices), *spacing_notices(spacing)]
    return replace(
        scan,
        spacing_mm=spacing.mm,
        spacing_assumed=False,
        spacing_source=spacing.source,
        notices=tuple(notices),
    )


def _others(notices: Iterable[Notice]) -> list[Notice]:
    return [notice for notice in notices if notice.code not in CODES]
