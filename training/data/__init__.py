"""LIDC-IDRI, and what the other stages read of it."""

from pathlib import Path

import numpy as np

NoduleKey = tuple[str, str]  # patient and nodule


class PrepareError(Exception):
    """What is wrong with the source data, in one sentence."""


def save_arrays(path: str | Path, arrays: dict) -> None:
    """Write arrays by name as NPZ, under just this file name."""
    with open(path, "wb") as file:
        np.savez(file, **arrays)
