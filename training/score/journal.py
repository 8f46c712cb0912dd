"""Rows that are finished, in the order in which they were, so that a stopped run goes on where it was."""

import json
import os

try:
    import fcntl
except ImportError:  # Windows, where nothing keeps two runs from one file
    fcntl = None


class JournalError(Exception):
    """Why a run cannot go on from what another one left."""


class Journal:
    """A file with a line for what the run is, and one for the rows of each group.

    A line is written whole or, by a run that is killed at that moment, cut short: then it does not count.

    Parameters
    ----------
    path : Path
        Made where missing.
    stamp : dict
        What the run is; see `training.score.rows.STAMP`.

    Attributes
    ----------
    done : dict of int to (int, int)
        The line of each finished row, and the row's place in it.

    Raises
    ------
    JournalError
        The file is of another run, or in use.
    """

    def __init__(self, path, stamp):
        self.done, self._path = {}, path
        self._file = open(path, "a+b")  # noqa: SIM115 (closed by `close`)
        self._lock()
        self._file.seek(0)
        head, end = self._file.readline(), 0
        if head.endswith(b"\n"):
            refuse_other(json.loads(head), stamp, path)
            end = self._find_rows()
        self._file.truncate(end)
        if not end:
            self._append(stamp)

    def add(self, group, rows):
        """Keep the rows of a group."""
        at = self._append([[nodule.index for nodule in group.nodules], rows])
        self.done |= {nodule.index: (at, n) for n, nodule in enumerate(group.nodules)}

    def row(self, index):
        """A finished row."""
        at, n = self.done[index]
        self._file.seek(at)
        return json.loads(self._file.readline())[1][n]

    def close(self, remove=False):
        """Close the file; `remove` it where it is no longer needed."""
        if remove:
            self._path.unlink()
        self._file.close()

    def _append(self, content):
        at = self._file.seek(0, os.SEEK_END)
        self._file.write(json.dumps(content).encode() + b"\n")
        self._file.flush()
        return at

    def _find_rows(self):
        """Fill `done`; returns where the last whole line ends."""
        while (line := self._file.readline()).endswith(b"\n"):
            at = self._file.tell() - len(line)
            self.done |= {index: (at, n) for n, index in enumerate(json.loads(line)[0])}
        return self._file.tell() - len(line)

    def _lock(self):
        if fcntl is not None:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise JournalError(f"Another run is writing {self._path}.") from None


def refuse_other(found, stamp, path):
    """JournalError where what lies at `path` is of another run: other list, weights or version."""
    names = {"manifest": "another list", "app": "another version of the app"}
    other = [names.get(name, "other weights") for name in stamp if found.get(name) != stamp[name]]
    if other:
        what = " and of ".join(dict.fromkeys(other))
        raise JournalError(f"{path} is of {what}; --restart begins anew, or choose another --out.")
