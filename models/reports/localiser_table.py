"""How well nodules are found, outlined and told from other places, as tables for pages and cards."""

from models.reports.tables import Cell, Row, Table, count, number, part, percent

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


def localiser_table(report):
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


def recognition_table(report: dict) -> Table | None:
    """What is refused as no nodule, from ``recognition.json``; None where that was not measured."""
    measured = part(report, "measured")
    rows = tuple(
        Row(row["kind"][0].upper() + row["kind"][1:], _refused(row), group=group)
        for group in ("nodules", "places", "places_in_pictures")
        for row in measured.get(group, ())
    )
    return Table("recognition", ("kind", "number", "refused"), rows) if rows else None


def _refused(row):
    share = row["refused"] / row["n"] if row["n"] else None
    return count(row["n"]), Cell("share_interval", (share, row["low"], row["high"]))


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
