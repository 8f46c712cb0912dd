"""A weights folder: reports, and weights that are what their report says."""

import hashlib
import json
from pathlib import Path


class WeightsError(Exception):
    """Why a model's weights cannot be used, in one sentence."""


def read_report(folder, key):
    """What ``<key>.json`` says; WeightsError where it is missing or damaged."""
    path = Path(folder) / f"{key}.json"
    try:
        report = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise WeightsError(f"{path.name} is missing.") from error
    except ValueError as error:
        raise WeightsError(f"{path.name} is damaged.") from error
    if not isinstance(report, dict):
        raise WeightsError(f"{path.name} is damaged.")
    return report


def fill(model, folder, key, report):
    """Load ``<key>.weights.h5`` into a model; WeightsError where the file is not the one of the report."""
    path = Path(folder) / f"{key}.weights.h5"
    if not path.is_file():
        raise WeightsError(f"{path.name} is missing.")
    if hashlib.sha256(path.read_bytes()).hexdigest() != report.get("sha256"):
        raise WeightsError(f"{path.name} is damaged: its checksum is not the one in {key}.json.")
    try:
        model.load_weights(path)
    except Exception as error:  # h5py and Keras raise many kinds
        raise WeightsError(f"{path.name} does not fit this version's network.") from error
