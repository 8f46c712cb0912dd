"""The fields of a request: numbers, a window, a click, a view. ``fields`` maps names to texts, as a form."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from werkzeug.datastructures import MultiDict

from models.errors import UserError
from models.imaging.planes import SLABS, Slab, has_planes
from models.imaging.scan import Roi, Scan, locate
from models.inference.detection.candidates import Candidate
from models.ingest.fields import asked_location, bad_number, number
from models.messages import Message, listed
from models.reports.as_page import View, first_view
from models.reports.viewport import from_click

LEVEL_AT_MOST, WIDTH_AT_MOST = 20_000, 40_000  # HU
UID_AT_MOST = 64  # characters (PS3.5 section 9.1)
Location = tuple[float | None, float | None, int | None]  # row, col and slice, as far as they are given
FIELDS = (  # of the JSON interface
    *("image", "model", "row", "col", "slice"),
    *("spacing_mm", "slice_spacing_mm", "series", "anyway"),
)


def refuse_odd_fields(
    query: Mapping[str, str],
    form: MultiDict[str, str],
    files: Mapping[str, object],
    known: Sequence[str] = FIELDS,
) -> None:
    """Refuse what a program cannot mean: a field not `known`, one sent twice, or in the address; a comma.

    Raises
    ------
    UserError
        ``bad_field`` or ``bad_number``.
    """
    if query:
        raise UserError("bad_field", "Send all fields in the form, none in the address.")
    if not set(known).issuperset([*form, *files]) or not set(files) <= {"image"}:
        message = Message("The form has an unknown field; the fields are {names}.", names=listed(known))
        raise UserError("bad_field", message)
    for name in form:
        if len(form.getlist(name)) > 1:
            message = Message("The field {name} was sent more than once.", name=name)
            raise UserError("bad_field", message)
        if name in ("row", "col", "spacing_mm", "slice_spacing_mm") and "," in form[name]:
            raise bad_number(name)


def asked_series(fields: Mapping[str, str]) -> str | None:
    """Which of several series is asked for; None where it is not said. UserError ``bad_field``."""
    text = fields.get("series", "").strip()
    if len(text) > UID_AT_MOST:
        raise UserError(
            "bad_field", "The field series must be a number from the list, or a SeriesInstanceUID."
        )
    return text or None


def asked_anyway(fields: Mapping[str, str]) -> bool:
    """Whether scores are wanted although no nodule is recognised; raises as `asked_flag`."""
    return asked_flag(fields, "anyway")


def asked_flag(fields: Mapping[str, str], name: str) -> bool:
    """Whether a field is 1; UserError ``bad_field`` where it is neither that nor left out."""
    if (text := fields.get(name, "").strip()) not in ("", "1"):
        raise UserError("bad_field", Message("The field {name} must be 1, or left out.", name=name))
    return text == "1"


def chosen_location(fields: Mapping[str, str], scan: Scan, candidates: Iterable[Candidate]) -> Roi:
    """The location clicked on the picture, or else given in numbers; ``suggested`` if it is a candidate's.

    Raises
    ------
    UserError
        ``bad_number`` or ``roi_outside``.
    """
    row, col, index = asked_location(fields)
    if "click.x" in fields:
        row, col = _clicked(fields, scan)
    elif row is None and col is None and not scan.is_crop:
        raise UserError("nodule_not_found", "Click the nodule first, or give its row and column.")
    roi = locate(scan, row, col, index)
    suggested = any((c.row, c.col, c.slice) == (roi.row, roi.col, roi.slice) for c in candidates)
    return replace(roi, source="suggested") if suggested else roi


def _clicked(fields: Mapping[str, str], scan: Scan) -> tuple[float, float]:
    x, y = number(fields, "click.x"), number(fields, "click.y")
    width, height = number(fields, "shown_width"), number(fields, "shown_height")
    if x is None or y is None or width is None or height is None or min(width, height) <= 0:
        raise UserError("bad_number", "The click arrived incomplete; click the nodule again.")
    return from_click(scan, x, y, (width, height))


def window(fields: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Level and width in HU; None where the usual ones will do."""
    level, width = number(fields, "level", whole=True), number(fields, "width", whole=True)
    if level is None or width is None:
        return None, None
    if abs(level) > LEVEL_AT_MOST or not 1 <= width <= WIDTH_AT_MOST:
        raise UserError("bad_number", "The window must be a level and a width in Hounsfield units.")
    return level, width


def asked_slab(fields: Mapping[str, str]) -> Slab | None:
    """The slab to show, None for single slices; UserError ``bad_field`` for one that there is not."""
    name = fields.get("slab", "")
    if name and name not in SLABS:
        message = Message("There is no such slab; there are {names}.", names=", ".join(SLABS))
        raise UserError("bad_field", message)
    return SLABS.get(name)


def asked_view(fields: Mapping[str, str], scan: Scan, candidates: Sequence[Candidate], model: str) -> View:
    """The view that an address asks for: slice (from 0, or ``nth`` from 1), window, and a marked location.

    Raises
    ------
    UserError
        ``bad_number`` or ``roi_outside``.
    """
    row, col, index = asked_location(fields)
    nth, on = number(fields, "nth", whole=True), number(fields, "on", whole=True)
    index = index if nth is None else nth - 1
    view = first_view(scan, candidates, model)
    if index is not None:
        view = replace(view, slice=locate(scan, 0, 0, index).slice, row=None, col=None, on=None)
    if (row, col) != (None, None):
        roi = locate(scan, row, col, view.slice if on is None else on)
        view = replace(view, slice=roi.slice if index is None else view.slice)
        view = replace(view, row=roi.row, col=roi.col, on=roi.slice)
    if asked_slab(fields) and has_planes(scan):
        view = replace(view, slab=fields["slab"])
    level, width = window(fields)
    return view if width is None or not scan.is_hu else replace(view, level=level, width=width)
