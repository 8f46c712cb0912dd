"""What the check of uploads refuses: `python -m training.ct_check.count --slices FOLDER`.

Of real slices: every PNG as it is, every whole slice of the given DICOM series in the windows of the viewer,
and every picture of a folder. Of made pictures, which it should refuse: drawings and photographs.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from models.errors import UserError
from models.ingest.ct_check.check import refuse_other_pictures
from training.ct_check.ct import WINDOWS, windowed
from training.ct_check.sets import LEVELS, drawn, photos
from training.ct_check.train import read_volumes
from training.data.pictures import Slices
from training.data.splits import SEED

FULL = (500.0, 3000.0)  # level and width of a window that holds all HU of a body


def refused(pictures: Iterable[np.ndarray]) -> tuple[int, int]:
    """Number of pictures, and how many of them are refused."""
    found = lost = 0
    for pixels in pictures:
        found += 1
        try:
            refuse_other_pictures(pixels)
        except UserError:
            lost += 1
    return found, lost


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for the crops, and one for each series and window."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", help="LIDC-IDRI-slices, a folder or its tar file")
    parser.add_argument("--whole", nargs="*", default=[], help="DICOM series of whole slices")
    parser.add_argument("--pictures", type=Path, help="folder of pictures of whole slices")
    parser.add_argument("--made", type=int, default=0, help="so many of each drawing and photograph")
    options = parser.parse_args(arguments)
    if options.slices:
        slices = Slices(options.slices)
        found, lost = refused(pixels for key in sorted(slices.index) for pixels in slices.read(key))
        print(f"crops: {lost} of {found} refused ({lost / found:.2%})")
    if options.pictures:
        files = sorted(file for file in options.pictures.iterdir() if file.is_file())
        found, lost = refused(np.asarray(Image.open(file).convert("L")) for file in files)
        print(f"pictures: {lost} of {found} refused ({lost / found:.2%})")
    if options.made:
        for title, kind in (("drawings", drawn), ("photographs", photos)):
            made = kind(options.made, np.random.default_rng(SEED + 1))
            found, lost = refused(pixels for pixels, *_ in made if len(np.unique(pixels)) >= LEVELS)
            print(f"{title}: {lost} of {found} refused ({lost / found:.2%})")
    for name, volume in read_volumes(options.whole).items():
        for title, window in (WINDOWS | {"full": FULL}).items():
            found, lost = refused(windowed(hu, *window) for hu in volume)
            print(f"{name}, {title} window: {lost} of {found} refused")


if __name__ == "__main__":
    main()
