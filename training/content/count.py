"""Real slices that the check of uploads refuses: `python -m training.content.count --slices FOLDER`.

Every PNG as it is, and every whole slice of the given DICOM series in the windows of the viewer.
"""

import argparse

from models.errors import ScanError
from models.imaging.content import refuse_other_pictures
from training.content.ct import WINDOWS, windowed
from training.content.train import read_volumes
from training.pictures import Slices

FULL = (500.0, 3000.0)  # level and width of a window that holds all HU of a body


def refused(pictures):
    """Number of pictures, and how many of them are refused."""
    counts = [0, 0]
    for pixels in pictures:
        counts[0] += 1
        try:
            refuse_other_pictures(pixels)
        except ScanError:
            counts[1] += 1
    return tuple(counts)


def main(arguments=None):
    """Print a line for the crops, and one for each series and window."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", required=True, help="LIDC-IDRI-slices, a folder or its tar file")
    parser.add_argument("--whole", nargs="*", default=[], help="DICOM series of whole slices")
    options = parser.parse_args(arguments)
    slices = Slices(options.slices)
    found, lost = refused(pixels for key in sorted(slices.index) for pixels in slices.read(key))
    print(f"crops: {lost} of {found} refused ({lost / found:.2%})")
    for name, volume in read_volumes(options.whole).items():
        for title, window in (WINDOWS | {"full": FULL}).items():
            found, lost = refused(windowed(hu, *window) for hu in volume)
            print(f"{name}, {title} window: {lost} of {found} refused")


if __name__ == "__main__":
    main()
