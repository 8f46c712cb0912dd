"""The list of nodules that are to be scored: a CSV file with the columns file, row, col and slice."""

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

GIVEN = ("file", "row", "col", "slice")


class ManifestError(Exception):
    """What is wrong with a list, in one sentence."""


@dataclass(frozen=True)
class Nodule:
    """A row of the list: its number from 0, and its fields as given (empty where there is nothing)."""

    index: int
    fields: dict


@dataclass(frozen=True)
class Group:
    """Nodules of one file, which is read once for all of them.

    Attributes
    ----------
    path : Path
    spacing_mm : str
        As given; empty where the file carries it.
    nodules : tuple of Nodule
    """

    path: Path
    spacing_mm: str
    nodules: tuple[Nodule, ...]


@dataclass(frozen=True)
class Manifest:
    """A list and the checksum of its file; paths are relative to `folder`."""

    folder: Path
    checksum: str
    nodules: tuple[Nodule, ...]

    def groups(self, done=()):
        """The nodules whose numbers are not in `done`, by file and spacing, in the order of the list."""
        by_file = {}
        for nodule in self.nodules:
            if nodule.index not in done:
                key = self.folder / nodule.fields["file"], nodule.fields["spacing_mm"]
                by_file.setdefault(key, []).append(nodule)
        return [Group(*key, tuple(nodules)) for key, nodules in by_file.items()]


def read_manifest(path):
    """Read a list of nodules.

    Parameters
    ----------
    path : Path
        CSV with a header: file, and if wanted row, col, slice (see ``API.md``) and spacing_mm (mm per pixel
        of a picture). Other columns are left out.

    Raises
    ------
    ManifestError
        The file cannot be read, has no column ``file`` or no rows, or a row has too many fields.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")  # spreadsheets put a mark before it
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path} is not UTF-8 text.") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if "file" not in (reader.fieldnames or ()):
        raise ManifestError(f"{path} must begin with the names of its columns; one of them is file.")
    nodules = []
    for row in reader:
        if None in row:
            raise ManifestError(f"Line {reader.line_num} of {path} has more fields than there are columns.")
        fields = {name: row.get(name) or "" for name in (*GIVEN, "spacing_mm")}
        nodules.append(Nodule(len(nodules), fields))
    if not nodules:
        raise ManifestError(f"{path} lists no nodules.")
    return Manifest(path.resolve().parent, hashlib.sha256(data).hexdigest()[:12], tuple(nodules))
