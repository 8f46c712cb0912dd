"""How far off the spacing is that is estimated from the width of the thorax, on scans whose spacing is known.

    python -m training.evaluation.spacing_estimate SCAN.zip FOLDER ...

Each scan (a ZIP or a folder of DICOM files, a file alone) is turned into grey pictures in the lung window,
as people send them. Of each of up to 30 slices the spacing is estimated as that of a single picture. Printed
are, for each scan and over all scans (each with the same weight), the number of slices that show both lungs,
the median inner width of the thorax in mm, and quantiles of the absolute relative error; and of the fixed
spacing that is assumed where nothing can be estimated.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.imaging.display import to_grey
from models.imaging.scan import ASSUMED_SPACING_MM, Scan
from models.ingest.ct_check.check import evenly_chosen
from models.ingest.read import read_scan
from models.ingest.source import Source
from models.ingest.spacing_estimate import THORAX_MM, thorax_pixels

SLICES = 30


def widths_mm(scan: Scan) -> np.ndarray:
    """Inner width of the thorax in each slice that shows both lungs, measured on grey pictures, in mm."""
    pictures = (to_grey(hu.astype(np.float32), scan.is_hu) for hu in evenly_chosen(scan.slices, SLICES))
    found = [thorax_pixels(picture, is_hu=False) for picture in pictures]
    return np.array([width * scan.spacing_mm[1] for width in found if width is not None])


def errors(widths: np.ndarray) -> np.ndarray:
    """Absolute relative error of the spacing that follows from each width."""
    return np.abs(THORAX_MM / widths - 1)


def quantiles(values: np.ndarray, weights: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Weighted quantiles."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) / weights.sum()
    return values[order][[min(int(np.searchsorted(reached, share)), len(values) - 1) for share in shares]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("scans", nargs="+", type=Path)
    found: list[np.ndarray] = []
    fixed: list[float] = []
    for path in parser.parse_args().scans:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        scan = read_scan([Source.of_bytes(file.name, file.read_bytes()) for file in files])
        widths = widths_mm(scan)
        if len(widths):
            found.append(widths)
            fixed.append(abs(ASSUMED_SPACING_MM / scan.spacing_mm[1] - 1))
            print(
                f"{path.name}: {len(widths)} slices, {np.median(widths):.0f} mm "
                f"({widths.min():.0f} to {widths.max():.0f}), error {np.median(errors(widths)):.1%}, "
                f"of {ASSUMED_SPACING_MM} mm {fixed[-1]:.1%}"
            )
    weights = np.concatenate([np.full(len(widths), 1 / len(widths)) for widths in found])
    pooled = np.concatenate(found)
    median = quantiles(pooled, weights, [0.5])[0]
    half, most = quantiles(errors(pooled), weights, [0.5, 0.9])
    print(
        f"All {len(found)}: {median:.0f} mm; error {half:.1%} (median), {most:.1%} (ninth decile); ", end=""
    )
    print(f"of {ASSUMED_SPACING_MM} mm {np.median(fixed):.1%} (median), {max(fixed):.1%} (largest)")


if __name__ == "__main__":
    main()
