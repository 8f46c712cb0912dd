"""Tables of figures. They name things by key: words, and how a figure is written, are the templates' part."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Report = Mapping[str, Any]  # of a JSON file in weights/, or a part of one; may be empty
Number = float | None


@dataclass(frozen=True)
class Cell:
    """Figures that are written together: their kind, and their values, None where not measured."""

    kind: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Row:
    """A line of a table: what it is about, its cells, a remark, and the group of lines it belongs to.

    Note and group are keys of words, or names that stand for themselves; the heading is one, or figures.
    """

    heading: str | Cell
    cells: tuple[Cell, ...]
    note: str = ""
    key: str = ""
    group: str = ""


@dataclass(frozen=True)
class Table:
    """A table by name; the first column heads the rows, and `facts` are what captions and columns mention."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    facts: dict[str, Any] = field(default_factory=dict)


EMPTY = Cell("empty")


def part(content: Any, *names: str) -> dict[str, Any]:
    """The dict at a path of names; empty where there is none."""
    for name in names:
        content = content.get(name) if isinstance(content, dict) else None
    return content if isinstance(content, dict) else {}


def number(value: Number, digits: int = 3) -> Cell:
    """A figure with that many decimals."""
    return Cell("number", (value, digits))


def count(value: int | None) -> Cell:
    """A whole number."""
    return Cell("count", (value,))


def percent(value: Number) -> Cell:
    """A share, in %."""
    return Cell("percent", (value,))


def interval(result: Report, name: str = "auc") -> Cell:
    """A figure with its 95 % interval, where it has one."""
    return Cell("interval", _with_ends(result, name))


def difference(result: Report) -> Cell:
    """A difference with its 95 % interval; its result has ``value``, ``low`` and ``high``."""
    return Cell("interval", tuple(result.get(name) for name in ("value", "low", "high")))


def share_interval(result: Report, name: str) -> Cell:
    """A share, in %, with its 95 % interval, where it has one."""
    return Cell("share_interval", _with_ends(result, name))


def _with_ends(result: Report, name: str) -> tuple[Number, ...]:
    return tuple(result.get(f"{name}{end}") for end in ("", "_low", "_high"))
