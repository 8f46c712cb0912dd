"""Small scans for tests, and a look at what a store keeps."""

import os
import time

import numpy as np

from models.imaging.scan import Notice, Orientation, Reference, Scan

OWNER = "the-cookie-of-one-browser"
OTHER = "the-cookie-of-another-browser"


def make_scan(seed=0, shape=(3, 8, 10), dtype=np.int16):
    """A small scan with a value in every field."""
    slices = np.random.default_rng(seed).integers(-1000, 1000, shape).astype(dtype)
    return Scan(
        slices=slices,
        spacing_mm=(0.7, 0.1 + 0.2),
        spacing_assumed=False,
        is_hu=True,
        notices=(Notice("gap", "A slice is missing between 10 mm and 15 mm."), Notice("tilt", "Tilt: 5°.")),
        orientation=Orientation(transpose=True, flip_cols=True),
        positions_mm=(-1.5, 1.0 / 3, 5.0),
        thickness_mm=2.5,
        references=tuple(
            Reference("1.2", "1.2.3", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.3.4", i) for i in (3, 2, 1)
        ),
        contrast=True,
        given_step_mm=1.25,
        spacing_source="given",
        day=738945,
    )


def scans_on_disk(folder):
    """Sub-folders of scans, whatever their state."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name != "jobs")


def grow_old(path, seconds):
    """Let the last use of a scan's folder, or of a file, have been so long ago."""
    then = time.time() - seconds
    for each in [*(path.iterdir() if path.is_dir() else ()), path]:
        os.utime(each, (then, then))
