"""Rows that are finished, so that a stopped run goes on where it was."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from training.score.manifest import Group, Row


class JournalError(Exception):
    """Why a run cannot go on from what another one left."""


class Journal:
    """An SQLite file with the rows of a run and what the run is; one run at a time has it.

    Parameters
    ----------
    path : Path
        Made where missing.
    stamp : mapping
        What the run is; see `training.score.rows.STAMP`.

    Attributes
    ----------
    done : set of int
        Numbers of the finished rows.

    Raises
    ------
    JournalError
        The file is of another run, in use, or no journal.
    """

    def __init__(self, path: Path, stamp: Mapping[str, str]) -> None:
        self._path = path
        self._database = sqlite3.connect(path, timeout=0)
        try:
            self._begin(stamp)
        except sqlite3.OperationalError as error:
            raise JournalError(f"Another run is writing {path}, or it cannot be written: {error}.") from None
        except sqlite3.DatabaseError:
            raise JournalError(f"{path} is not of a run; --restart begins anew.") from None
        self.done = {number for (number,) in self._database.execute("SELECT number FROM rows")}

    def _begin(self, stamp: Mapping[str, str]) -> None:
        with self._database as database:
            database.execute("PRAGMA locking_mode = EXCLUSIVE")  # until it is closed
            database.execute("BEGIN EXCLUSIVE")
            database.execute("CREATE TABLE IF NOT EXISTS run (stamp TEXT)")
            database.execute("CREATE TABLE IF NOT EXISTS rows (number INTEGER PRIMARY KEY, row TEXT)")
            found = database.execute("SELECT stamp FROM run").fetchone()
            if found:
                refuse_other(json.loads(found[0]), stamp, self._path)
            else:
                database.execute("INSERT INTO run VALUES (?)", [json.dumps(dict(stamp))])

    def add(self, group: Group, rows: list[Row]) -> None:
        """Keep the rows of a group: all of them or, where the run is killed meanwhile, none."""
        numbers = [nodule.index for nodule in group.nodules]
        with self._database as database:
            values = zip(numbers, map(json.dumps, rows), strict=True)
            database.executemany("INSERT INTO rows VALUES (?, ?)", values)
        self.done.update(numbers)

    def rows(self) -> Iterator[Row]:
        """The finished rows in the order of the list."""
        for (row,) in self._database.execute("SELECT row FROM rows ORDER BY number"):
            yield json.loads(row)

    def close(self, remove: bool = False) -> None:
        """Close the file; `remove` it where it is no longer needed."""
        self._database.close()
        if remove:
            self._path.unlink()


def forget(path: Path) -> None:
    """Remove the journal of an earlier run, if any, and what SQLite keeps beside one that was killed."""
    for each in (path, path.with_name(path.name + "-journal")):
        each.unlink(missing_ok=True)


def refuse_other(found: Mapping[str, str], stamp: Mapping[str, str], path: Path) -> None:
    """JournalError where what lies at `path` is of another run: other list, weights or version."""
    names = {"manifest": "another list", "app": "another version of the app"}
    other = [names.get(name, "other weights") for name in stamp if found.get(name) != stamp[name]]
    if other:
        what = " and of ".join(dict.fromkeys(other))
        raise JournalError(f"{path} is of {what}; --restart begins anew, or choose another --out.")
