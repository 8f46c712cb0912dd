"""The scores as a table, Parquet or CSV by its name; it is there whole or not at all."""

import csv
import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import IO

from training.score.manifest import Row
from training.score.rows import COLUMNS, STAMP

AT_ONCE = 1000  # rows in memory


def write_table(path: Path, rows: Iterable[Row]) -> None:
    """Write rows, in which what is lacking is empty; a table that is there is replaced in one step."""
    draft = path.with_name(path.name + ".draft")
    (_write_csv if is_csv(path) else _write_parquet)(draft, rows)
    os.replace(draft, path)


def is_csv(path: Path) -> bool:
    """Whether a table is CSV, by its name."""
    return path.suffix.lower() == ".csv"


def check_format(path: Path) -> None:
    """RuntimeError where a table of that name cannot be written."""
    if not is_csv(path):
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError:
            needs = "pyarrow is not installed: pip install -r training/score-requirements.txt"
            raise RuntimeError(f"{needs}, or write a .csv file.") from None


def read_state(path: Path) -> tuple[dict[str, str], list[str | None]]:
    """The stamp of a table's first row and the error codes of all; ValueError where it is none of scores."""
    columns = [*STAMP, "error_code"]
    if is_csv(path):
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        values = {name: [row[name] for row in rows] for name in columns if rows and name in rows[0]}
    else:
        import pyarrow.parquet

        values = pyarrow.parquet.read_table(path, columns=columns).to_pydict()
    if not all(values.get(name) for name in columns):
        raise ValueError(f"{path} holds no scores.")
    return {name: values[name][0] for name in STAMP}, [code or None for code in values["error_code"]]


def _write_csv(path: Path, rows: Iterable[Row]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
        _settle(file)


def _write_parquet(path: Path, rows: Iterable[Row]) -> None:
    import pyarrow
    import pyarrow.parquet

    types = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
    schema = pyarrow.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
    with open(path, "wb") as file:
        with pyarrow.parquet.ParquetWriter(file, schema) as writer:
            rows = iter(rows)
            while some := list(islice(rows, AT_ONCE)):
                writer.write_table(pyarrow.Table.from_pylist(some, schema))
        _settle(file)


def _settle(file: IO) -> None:
    """Have the bytes on the disk before the name points at them."""
    file.flush()
    os.fsync(file.fileno())
