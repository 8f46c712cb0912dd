"""What was trained, in its folder: all files listed with their checksums, all reports of a known form.

``manifest.json`` holds the SHA-256 of all other files; `training.publish.manifest` makes it. What is not
listed, not as listed or of another form is not used, and the sentence says which file it was.
"""

import functools
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec

from models.messages import Message, as_message

MANIFEST = "manifest.json"
FOLDER = Path(__file__).resolve().parents[1] / "weights"  # of the repository
Loaded = TypeVar("Loaded")
Checksum = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


class WeightsError(Exception):
    """Why something in the folder cannot be used, in one sentence."""

    def __init__(self, message: str | Message) -> None:
        self.text = as_message(message)
        super().__init__(str(self.text))


class Manifest(msgspec.Struct):
    """What ``manifest.json`` says: the SHA-256 of each file by its name."""

    sha256: dict[str, Checksum]


def read_file(folder: str | Path, name: str) -> bytes:
    """Bytes of a file that is as the manifest says.

    What was checked is what is used: a file that changes later changes nothing.

    Raises
    ------
    WeightsError
        The file or the manifest is missing or damaged, or the one is not in the other.
    """
    data, known = bytes_of(Path(folder) / name), listed(folder)
    if name not in known:
        raise WeightsError(Message("{name} is not listed in {manifest}.", name=name, manifest=MANIFEST))
    if hashlib.sha256(data).hexdigest() != known[name]:
        raise is_not_as_listed(name, MANIFEST)
    return data


def is_not_as_listed(name: str, where: str) -> WeightsError:
    """The refusal of a file whose checksum is another than the one in the file `where`."""
    return WeightsError(
        Message("{name} is damaged: its checksum is not the one in {where}.", name=name, where=where)
    )


def listed(folder: str | Path) -> dict[str, str]:
    """The checksums in the manifest, by file; WeightsError where it is missing or damaged."""
    return as_report(bytes_of(Path(folder) / MANIFEST), MANIFEST, Manifest)["sha256"]


def is_absent(folder: str | Path, name: str) -> bool:
    """Whether a file is neither in the folder nor missing from it: the manifest does not list it."""
    try:
        return name not in listed(folder) and not (Path(folder) / name).exists()
    except WeightsError:
        return False


def read_as(folder: str | Path, key: str, form: type) -> dict[str, Any]:
    """What ``<key>.json`` says, if it is as the manifest says and of a form; see `read_file`, `as_report`."""
    return as_report(read_file(folder, f"{key}.json"), f"{key}.json", form)


def read_report(folder: str | Path, key: str) -> dict[str, Any]:
    """What ``<key>.json`` says, whatever that is; WeightsError where it is missing or damaged.

    For the training, which writes these files; the application uses `read_as`.
    """
    return as_report(bytes_of(Path(folder) / f"{key}.json"), f"{key}.json", dict[str, Any])


def as_report(data: bytes, name: str, form: type | GenericAlias) -> dict[str, Any]:
    """JSON as a dict, if it is of a form.

    Parameters
    ----------
    name
        Of the file, for the sentence.
    form
        A `msgspec.Struct`: its fields must be there and of their types; further ones may be.

    Returns
    -------
    dict
        All that was there.

    Raises
    ------
    WeightsError
    """
    try:
        report = json.loads(data, parse_constant=_refuse)
        if not isinstance(report, dict):
            raise ValueError("No object.")
    except (ValueError, RecursionError) as error:
        raise WeightsError(Message("{name} is damaged.", name=name)) from error
    try:
        msgspec.convert(report, form)
    except (msgspec.ValidationError, RecursionError) as error:
        message = Message("{name} is not as this version needs it: {error}.", name=name, error=str(error))
        raise WeightsError(message) from error
    return report


def bytes_of(path: Path) -> bytes:
    """What a file holds, a `Path`; WeightsError where it is missing."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(Message("{name} is missing.", name=path.name)) from error


def _refuse(constant: str) -> NoReturn:
    """NaN and Infinity are not JSON."""
    raise ValueError(constant)


_folder = FOLDER


def use(folder: str | Path) -> None:
    """Let this process find what it needs for decoding in another folder; see `here`."""
    global _folder
    _folder = Path(folder)
    loaded.cache_clear()


@functools.cache
def loaded(load: Callable[[dict[str, Any]], Loaded], key: str, form: type) -> Loaded:
    """``load`` of what `read_as` gives of this process's folder, kept from then on."""
    return load(read_as(_folder, key, form))
