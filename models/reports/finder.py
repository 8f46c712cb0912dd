"""How well nodules are found and outlined, as a table for pages and cards."""

from models.reports.tables import DASH, Row, Table, count, number, part, percent

COLUMNS = (
    "Nodules (patients)",
    "Found: best suggestion",
    "Found: best three",
    "Strict: best suggestion",
    "False suggestions an image",
    "Dice",
    "Dice, readers",
    "Diameter error: median (mm)",
    "Diameter error: limits of agreement (mm)",
    "Diameter error, readers: median and limits (mm)",
    "Long axis error: median (mm)",
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
    return Table("Finding and outlining nodules", COLUMNS, rows)


def _cells(result):
    found, strict = part(result, "part"), part(result, "whole")
    error, readers = part(result, "diameter_error_mm"), part(result, "readers")
    theirs = part(readers, "diameter_error_mm")
    return (
        f"{count(result.get('nodules'))} ({count(result.get('patients'))})",
        _with_interval(found, "top_1"),
        _with_interval(found, "top_3"),
        percent(strict.get("top_1")),
        f"{number(found.get('false_positives'), 2)}; strict {number(strict.get('false_positives'), 2)}",
        number(result.get("dice")),
        number(readers.get("dice")),
        number(error.get("median"), 2),
        _limits(error),
        f"{number(theirs.get('median'), 2)}; {_limits(theirs)}",
        number(part(result, "long_axis_error_mm").get("median"), 2),
    )


def _with_interval(result, name):
    low, high = result.get(f"{name}_interval") or (None, None)
    if low is None:
        return percent(result.get(name))
    return f"{percent(result[name])} ({percent(low).removesuffix(' %')} to {percent(high)})"


def _limits(result):
    limits = result.get("limits")
    return f"{limits[0]:+.1f} to {limits[1]:+.1f}" if limits else DASH
