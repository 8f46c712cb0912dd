"""The list of nodules that are to be scored: a CSV file with the columns file, row, col and slice."""

import codecs
import csv
import hashlib
import re
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

GIVEN = ("file", "row", "col", "slice", "series")  # which the table of scores repeats
ABOUT_FILE = ("series", "spacing_mm", "slice_spacing_mm")
COLUMNS = tuple(dict.fromkeys((*GIVEN, *ABOUT_FILE)))
SEPARATORS = (",", ";", "\t")
SEPARATOR_LINE = re.compile(r"\s*\"?sep=(.)\"?\s*", re.IGNORECASE)  # with which Excel is told
LINE_END = re.compile(r"\r\n|\r|\n")
Row = dict[str, str | int | float | None]  # of the scores; see `training.score.rows.COLUMNS`
GAPPY = re.compile(r"([+-]?[0-9]+)[.,]0+")  # tables whose column has gaps write 12 as 12.0


class ManifestError(Exception):
    """What is wrong with a list, in one sentence."""


@dataclass(frozen=True)
class Nodule:
    """A row of the list: its number from 0, and its fields as given (empty where there is nothing)."""

    index: int
    fields: dict[str, str]


@dataclass(frozen=True)
class Group:
    """Nodules of one file, which is read once for all of them."""

    path: Path
    said: dict[str, str]  # of the file, by name of `ABOUT_FILE`, as given
    nodules: tuple[Nodule, ...]


@dataclass(frozen=True)
class Manifest:
    """A list and the checksum of its file; paths are relative to `folder`."""

    folder: Path
    checksum: str
    nodules: tuple[Nodule, ...]

    def groups(self, done: Container[int] = ()) -> list[Group]:
        """The nodules whose numbers are not in `done`, in the order of the list; one group a series."""
        by_file: dict[tuple[str, ...], list[Nodule]] = {}
        for nodule in self.nodules:
            if nodule.index not in done:
                key = tuple(nodule.fields[name] for name in ("file", *ABOUT_FILE))
                by_file.setdefault(key, []).append(nodule)
        return [
            Group(self.folder / file, dict(zip(ABOUT_FILE, said, strict=True)), tuple(nodules))
            for (file, *said), nodules in by_file.items()
        ]


def read_manifest(path: Path) -> Manifest:
    """Read a list of nodules.

    Parameters
    ----------
    path : Path
        CSV with a header: file, and if wanted row, col, slice (see ``API.md``), spacing_mm (mm per pixel
        of a picture), slice_spacing_mm (mm between the pictures of a stack) and series (number or
        SeriesInstanceUID, where the file holds several). As spreadsheets and people write it: separated by
        commas, semicolons or tabs, in UTF-8 or UTF-16, names in capitals, blanks around anything, a line
        ``sep=;`` before it, empty lines.

    Raises
    ------
    ManifestError
        The file cannot be read, has no column ``file``, another column than these or one twice, no rows, or
        a row has too many fields or no file.
    """
    try:
        data = path.read_bytes()
        lines = LINE_END.split(_text(data))
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path} is neither UTF-8 nor UTF-16 text.") from error
    first = _filled(lines, 0)
    if declared := SEPARATOR_LINE.fullmatch(lines[first]):
        first = _filled(lines, first + 1)
    separator = declared[1] if declared else max(SEPARATORS, key=lines[first].count)
    reader = csv.reader(lines[first:], delimiter=separator, skipinitialspace=True)
    names = _columns(next(reader, []), path)
    nodules: list[Nodule] = []
    for values in reader:
        values = [value.strip() for value in values]
        if not any(values):
            continue
        line = first + reader.line_num
        if any(values[len(names) :]):
            raise ManifestError(f"Line {line} of {path} has more fields than there are columns.")
        given = dict(zip(names, values, strict=False))
        fields = {name: given.get(name, "") for name in COLUMNS}
        if not fields["file"]:
            raise ManifestError(f"Line {line} of {path} names no file.")
        for name in ("slice", "series"):
            if whole := GAPPY.fullmatch(fields[name]):
                fields[name] = whole[1]
        nodules.append(Nodule(len(nodules), fields))
    if not nodules:
        raise ManifestError(f"{path} lists no nodules.")
    return Manifest(path.resolve().parent, hashlib.sha256(data).hexdigest()[:12], tuple(nodules))


def _filled(lines: list[str], first: int) -> int:
    """Number of the first line from `first` on that is not empty; of the last one where all are."""
    return next((n for n in range(first, len(lines)) if lines[n].strip()), len(lines) - 1)


def _text(data: bytes) -> str:
    """Text with or without a byte order mark; UTF-16 has one, or a zero in every other byte of its names."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    if len(data) % 2 == 0 and 0 in data[:2]:
        return data.decode("utf-16-be" if data[0] == 0 else "utf-16-le")
    return data.decode("utf-8-sig")


def _columns(header: list[str], path: Path) -> list[str]:
    """The names of the columns; those without a name at the end, which spreadsheets leave, are dropped."""
    names = [name.strip().lower() for name in header]
    while names and not names[-1]:
        names.pop()
    if "file" not in names:
        raise ManifestError(f"{path} must begin with the names of its columns; one of them is file.")
    for name in names:
        if name not in COLUMNS:
            called = f"a column {name!r}" if name else "a column without a name"
            known = f"{', '.join(COLUMNS[:-1])} and {COLUMNS[-1]}"
            raise ManifestError(f"{path} has {called}, which is not known here; the columns are {known}.")
        if names.count(name) > 1:
            raise ManifestError(f"{path} has the column {name!r} twice.")
    return names
