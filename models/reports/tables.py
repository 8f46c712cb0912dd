"""Tables and figures as ready-made text; what is missing becomes a dash."""

from dataclasses import dataclass

DASH = "–"


@dataclass(frozen=True)
class Row:
    """A line of a table: what it is about, its cells, a remark, and the group of lines it belongs to."""

    heading: str
    cells: tuple[str, ...]
    note: str = ""
    key: str = ""
    group: str = ""


@dataclass(frozen=True)
class Table:
    """A table of text; the first column heads the rows."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def part(content, *names):
    """The dict at a path of names; empty where there is none."""
    for name in names:
        content = content.get(name) if isinstance(content, dict) else None
    return content if isinstance(content, dict) else {}


def number(value, digits=3):
    """A figure with that many decimals."""
    return DASH if value is None else f"{value:.{digits}f}"


def count(value):
    """A whole number with commas between thousands."""
    return DASH if value is None else f"{value:,}"


def percent(value):
    """A share in %, with a decimal where it would otherwise be rounded to nothing or to all."""
    if value is None:
        return DASH
    digits = 1 if 0 < value <= 0.005 or 0.995 <= value < 1 else 0
    return f"{100 * value:.{digits}f} %"


def interval(result, name="auc", form=number):
    """A figure with its 95 % interval, where it has one: ``0.933 (0.900 to 0.961)``."""
    low, high = result.get(f"{name}_low"), result.get(f"{name}_high")
    if low is None or high is None:
        return form(result.get(name))
    return f"{form(result[name])} ({form(low).removesuffix(' %')} to {form(high)})"
