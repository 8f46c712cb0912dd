"""How well nodules are found and outlined, as a table for pages and cards."""

from models.reports.tables import Cell, Row, Table, number, part, percent

COLUMNS = (
    "group",
    "nodules",
    "top_1",
    "top_3",
    "strict",
    "false_positives",
    "dice",
    "dice_readers",
    "diameter",
    "limits",
    "diameter_readers",
    "long_axis",
)


def finder_table(report):
    """The localiser's results from its report; None where it has none.

    Parameters
    ----------
    report : dict
        What ``localiser.json`` says.
    """
    groups = part(report, "measured")
    if not groups:
        return None
    rows = tuple(Row(name[0].upper() + name[1:], _cells(result)) for name, result in groups.items())
    return Table("finder", COLUMNS, rows)


def _cells(result):
    found, strict = part(result, "part"), part(result, "whole")
    error, readers = part(result, "diameter_error_mm"), part(result, "readers")
    theirs = part(readers, "diameter_error_mm")
    return (
        Cell("count_of", (result.get("nodules"), result.get("patients"))),
        _with_interval(found, "top_1"),
        _with_interval(found, "top_3"),
        percent(strict.get("top_1")),
        Cell("strict", (found.get("false_positives"), strict.get("false_positives"))),
        number(result.get("dice")),
        number(readers.get("dice")),
        number(error.get("median"), 2),
        Cell("limits", _limits(error)),
        Cell("median_and_limits", (theirs.get("median"), *_limits(theirs))),
        number(part(result, "long_axis_error_mm").get("median"), 2),
    )


def _with_interval(result, name):
    return Cell("share_interval", (result.get(name), *(result.get(f"{name}_interval") or (None, None))))


def _limits(result):
    return tuple(result.get("limits") or (None, None))
