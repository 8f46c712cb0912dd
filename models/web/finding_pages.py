"""The table of a scan's findings, and what a reader does to one: name, mark as leading, delete, undo."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from urllib.parse import urlencode

from flask import redirect, request
from flask.typing import ResponseReturnValue

from models.errors import UserError
from models.inference.finding import Finding
from models.reports.as_page import View
from models.reports.finding_table import FindingRow, bare_row, row_of
from models.web.application import current_app
from models.web.comparison_pages import each_with_earlier
from models.web.finding_list import FindingGone, FindingList
from models.web.visitor import browser

VIEW = tuple(field.name for field in fields(View))  # what of the scan was shown: goes along


def rows_of(token: str) -> list[FindingRow]:
    """The table of a kept scan's findings.

    Of one that would have to be read anew, and cannot be at the moment, the row says little.
    """
    listed = _findings().shown(token, browser())
    read: list[tuple[int, Finding]] = []
    for found in listed:
        with _where_ready():
            read.append((found.index, current_app.answers.again(token, browser(), found.index)))
    with _where_ready():
        read = each_with_earlier(token, read)
    rows = {index: row_of(index, finding) for index, finding in read}
    return [rows.get(found.index) or bare_row(found) for found in listed]


def rename(token: str, index: int) -> ResponseReturnValue:
    """Give a finding the name that was typed."""
    name = request.form.get("name", "")
    return _done(token, f"finding-{index}", lambda: _findings().rename(token, browser(), index, name))


def lead(token: str, index: int) -> ResponseReturnValue:
    """Mark a finding as the leading one of its scan, or take that back."""
    if (asked := request.form.get("leading", "")) not in ("0", "1"):
        raise UserError("bad_field", "The field leading must be 0 or 1.")
    return _done(token, f"finding-{index}", lambda: _findings().lead(token, browser(), index, asked == "1"))


def delete(token: str, index: int) -> ResponseReturnValue:
    """Delete a finding; the page that follows offers to undo that."""
    return _done(token, f"undo-delete-{index}", lambda: _findings().delete(token, browser(), index))


def restore(token: str, index: int) -> ResponseReturnValue:
    """Bring a deleted finding back, where it is not too late."""
    return _done(token, f"finding-{index}", lambda: _findings().restore(token, browser(), index))


@contextmanager
def _where_ready() -> Iterator[None]:
    """Pass over a finding that was deleted meanwhile, or cannot be read now; not that the scan is gone."""
    try:
        yield
    except FindingGone:
        pass
    except UserError as error:
        if error.code == "scan_gone":
            raise


def _findings() -> FindingList:
    return current_app.answers.findings


def _done(token: str, element: str, act: Callable[[], None]) -> ResponseReturnValue:
    """Do it, and go back to the view that was left, and to an element of the table."""
    act()
    query = urlencode({name: value for name in VIEW if (value := request.form.get(name))})
    return redirect(f"/scan/{token}{query and '?'}{query}#{element}", 303)
