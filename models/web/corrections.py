"""The fields with which a reader corrects an outline. ``fields`` maps names to texts, as a form."""

from collections.abc import Mapping

from models.errors import UserError
from models.imaging.scan import Scan
from models.inference.correction import AXIS_BOUNDS, LEAST_MM, MOST_MM, MOST_STEPS, check_ends, scaled_ends
from models.inference.reading import AxisEnds, Correction, Reading
from models.ingest.fields import bad_number, number
from models.messages import Message
from models.reports.viewport import from_click, shown_box

STEPS = {"larger": 1, "smaller": -1}
AT_THE_END = {
    "larger": Message("The outline cannot be made larger than that."),
    "smaller": Message("The outline cannot be made smaller than that."),
}


def asked_correction(fields: Mapping[str, str], scan: Scan, reading: Reading) -> Correction | None:
    """The correction that a form asks for; None where the outline is to be as it was drawn.

    ``outline`` is ``larger``, ``smaller``, ``axes`` or ``reset``. Axes come as their ends in the shown slice
    (``ends``: x and y of four points, parted by blanks), or else as ``long_axis_mm`` and ``short_axis_mm``.

    Parameters
    ----------
    fields : mapping of str to str
    scan : Scan
    reading : Reading
        As it is shown, which may have been corrected before.

    Raises
    ------
    UserError
        ``bad_field`` or ``bad_number``.
    """
    asked, before = fields.get("outline", ""), reading.corrected or Correction()
    if asked == "reset":
        return None
    if asked in STEPS:
        larger = before.larger + STEPS[asked]
        if abs(larger) > MOST_STEPS:
            raise UserError("bad_number", AT_THE_END[asked])
        return Correction(larger) if larger else None
    if asked != "axes":
        raise UserError("bad_field", "The field outline must be larger, smaller, axes or reset.")
    if not reading.outlines:
        raise UserError("bad_number", "There is no outline to correct.")
    ends = _dragged(fields["ends"], scan) if fields.get("ends", "").strip() else _typed(fields, scan, reading)
    check_ends(ends, scan)
    return Correction(before.larger, ends)


def _dragged(text: str, scan: Scan) -> AxisEnds:
    parts = text.split()
    if len(parts) != 8:
        raise UserError("bad_number", "The axes arrived incomplete; drag their ends again.")
    values = [number({"ends": part}, "ends") or 0.0 for part in parts]
    a, b, c, d = (
        from_click(scan, x - 0.5, y - 0.5, shown_box(scan))  # of the picture's corner, not of a pixel
        for x, y in zip(values[::2], values[1::2], strict=True)
    )
    return a, b, c, d


def _typed(fields: Mapping[str, str], scan: Scan, reading: Reading) -> AxisEnds:
    long, short = number(fields, "long_axis_mm"), number(fields, "short_axis_mm")
    if long is None or short is None:
        raise bad_number("long_axis_mm" if long is None else "short_axis_mm")
    if not LEAST_MM <= min(long, short) <= max(long, short) <= MOST_MM:
        raise UserError("bad_number", AXIS_BOUNDS)
    if scan.spacing_assumed:
        raise UserError("bad_number", "The pixel size is not known, so axes cannot be given in mm.")
    return scaled_ends(reading, long, short, scan.spacing_mm)
