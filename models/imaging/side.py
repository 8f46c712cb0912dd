"""In which lung of the patient a location lies."""

from typing import Literal

import numpy as np
from scipy import ndimage

from models.imaging.field import slice_in_hu
from models.imaging.lung import lung_mask
from models.imaging.scan import Roi, Scan

Side = Literal["right", "left"]
LUNG_MM2 = 1500.0  # a piece of the lung mask this large is a lung
ONE_LUNG_MM = 200.0  # what is wider is two lungs
MIDLINE_MM = 10.0  # so near to the middle between the lungs a location has no side


def side_of(scan: Scan, roi: Roi) -> Side | None:
    """The patient's side on which a location lies.

    It is told by the middle between the lungs' outer edges: the heart shifts the inner ones. None where the
    files do not say how the patient lay (pictures may be mirrored), the image does not show the chest from
    side to side or no lungs on both sides, or the location is too central.
    """
    if scan.positions_mm is None or not scan.is_whole_slice:
        return None
    mask = lung_mask(slice_in_hu(scan, roi.slice), scan.spacing_mm)
    _, col = scan.orientation.to_shown(roi.row, roi.col, mask.shape)
    spacing = scan.orientation.shown_spacing(scan.spacing_mm)
    edges = _outer_edges(scan.orientation.shown(mask), spacing)
    if edges is None:
        return None
    from_middle = (col - sum(edges) / 2) * spacing[1]
    if abs(from_middle) < MIDLINE_MM:
        return None
    return "right" if from_middle < 0 else "left"  # as displayed, the patient's right is on the left


def _outer_edges(mask: np.ndarray, spacing_mm: tuple[float, float]) -> tuple[float, float] | None:
    """First and last column of the lungs as they are displayed; None where there are not two.

    Two lungs may be one piece of the mask, where they touch in front; then it is wider than one can be.
    """
    pieces, count = ndimage.label(mask)
    areas = np.bincount(pieces.ravel(), minlength=count + 1)[1:] * np.prod(spacing_mm)
    large = [number for number, area in enumerate(areas, start=1) if area >= LUNG_MM2]
    columns = np.flatnonzero(np.isin(pieces, large).any(axis=0))
    if not large or (len(large) == 1 and np.ptp(columns) * spacing_mm[1] < ONE_LUNG_MM):
        return None
    return float(columns[0]), float(columns[-1])
