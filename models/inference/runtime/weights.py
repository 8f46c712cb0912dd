"""Weights that are what their report says."""

import hashlib
import io
from pathlib import Path

from models.trained import WeightsError, bytes_of


class _Named(io.BytesIO):
    """The bytes of a file under its name, by which Keras tells what is in them."""

    def __init__(self, name, content):
        super().__init__(content)
        self._name = name

    def __str__(self):
        return self._name


def read_checked(path, report):
    """Bytes of a file; WeightsError where it is missing or not the one of the report ``<key>.json``.

    What was checked is what is used: a file that changes later changes nothing.
    """
    content = bytes_of(path)
    if hashlib.sha256(content).hexdigest() != report.get("sha256"):
        name = path.name.partition(".")[0]
        raise WeightsError(f"{path.name} is damaged: its checksum is not the one in {name}.json.")
    return content


def fill(model, folder, key, report):
    """Load ``<key>.weights.h5`` into a model; WeightsError where the file is not the one of the report.

    The file holds arrays and no code, and nothing else is taken from it.
    """
    path = Path(folder) / f"{key}.weights.h5"
    content = read_checked(path, report)
    try:
        model.load_weights(_Named(path.name, content))
    except Exception as error:  # h5py and Keras raise many kinds
        raise WeightsError(f"{path.name} does not fit this version's network.") from error
