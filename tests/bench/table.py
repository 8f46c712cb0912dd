"""What was measured, row by row: each with its bound, and whether it holds."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Row:
    """One measured value.

    Attributes
    ----------
    section, name : str
    value : float
    unit : str
        ``x`` for a ratio.
    at_most, at_least : float, optional
        The bound; a row without one is there to be read.
    detail : str
        What the value was made of.
    """

    section: str
    name: str
    value: float
    unit: str = "ms"
    at_most: float | None = None
    at_least: float | None = None
    detail: str = ""

    @property
    def holds(self):
        """Whether the bound is kept; None where there is none."""
        if self.at_most is None and self.at_least is None:
            return None
        fits_below = self.at_most is None or self.value <= self.at_most
        return fits_below and (self.at_least is None or self.value >= self.at_least)

    @property
    def bound(self):
        """The bound in words; empty where there is none."""
        words = {"at most": self.at_most, "at least": self.at_least}
        return ", ".join(f"{word} {limit:g}" for word, limit in words.items() if limit is not None)


def as_text(rows):
    """The rows as lines of a table, a heading a section."""
    width = max((len(row.name) for row in rows), default=0)
    lines, section = [], None
    for row in rows:
        if row.section != section:
            section = row.section
            lines += ["", section]
        verdict = {None: "", True: "holds", False: "MISSED"}[row.holds]
        value = f"{_rounded(row.value):>9} {row.unit:<5}"
        lines.append(f"  {row.name:<{width}} {value} {row.bound:<14} {verdict:<6} {row.detail}".rstrip())
    return "\n".join(lines)


def _rounded(value):
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}"


def as_json(rows, about):
    """The rows and what they were measured on, as the text of a JSON file; see `from_json`."""
    noted = [asdict(row) | {"holds": row.holds} for row in rows]
    return json.dumps({"about": about, "rows": noted}, indent=1) + "\n"


def from_json(text):
    """(rows, about) of a file that `as_json` made."""
    kept = json.loads(text)
    rows = [Row(**{name: row[name] for name in row if name != "holds"}) for row in kept["rows"]]
    return rows, kept["about"]
