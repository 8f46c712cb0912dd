"""What was measured, row by row, each with its bound; and times side by side."""

import time
from itertools import groupby
from statistics import median
from typing import NamedTuple

PAUSE_S = 0.1  # between two turns: threads of ONNX Runtime spin for work some time after their last
WARM = 3  # turns before the first that counts


class Row(NamedTuple):
    """One measured value; without a bound it is there to be read. The unit of a ratio is ``x``."""

    section: str
    name: str
    value: float
    unit: str = "ms"
    at_most: float | None = None
    at_least: float | None = None
    detail: str = ""


def is_missed(row):
    """Whether a value is beyond its bound."""
    too_much = row.at_most is not None and row.value > row.at_most
    return too_much or (row.at_least is not None and row.value < row.at_least)


def as_text(rows):
    """The rows as lines of a table, a heading a section."""
    width, lines = max((len(row.name) for row in rows), default=0), []
    for section, those in groupby(rows, lambda row: row.section):
        lines += ["", section]
        for row in those:
            bound = "" if row.at_most is None else f"at most {row.at_most:g}"
            bound = bound if row.at_least is None else f"at least {row.at_least:g}"
            verdict = "" if not bound else "MISSED" if is_missed(row) else "holds"
            value = f"{row.value:.0f}" if abs(row.value) >= 100 else f"{row.value:.2f}"
            line = f"  {row.name:<{width}} {value:>9} {row.unit:<5} {bound:<14} {verdict:<6} {row.detail}"
            lines.append(line.rstrip())
    return "\n".join(lines)


def medians_ms(sides, repeats):
    """Median milliseconds of each of `sides` (functions by name), which take turns, so many each.

    A side may return its own seconds; else the call is timed. The order rotates from turn to turn.
    """
    names, seconds = list(sides), {name: [] for name in sides}
    for turn in range(-WARM, repeats):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            time.sleep(PAUSE_S)
            start = time.perf_counter()
            own = sides[name]()
            taken = time.perf_counter() - start
            if turn >= 0:
                seconds[name].append(own if isinstance(own, float) else taken)
    return {name: 1000 * median(taken) for name, taken in seconds.items()}
