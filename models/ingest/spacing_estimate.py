"""The size of a pixel, estimated from the width of the thorax where a whole slice shows both lungs.

The width is the inner one, from the outer edge of one lung to that of the other: the skin is cut off by the
field of view in most chest CT, the lungs hardly ever. Published inner widths of adults, at their widest, are
251 to 296 mm by age and sex (303 chest radiographs, which enlarge a little: Transverse thoracic diameter in
frontal chest radiographs of an adult Nigerian population, West African Journal of Medicine 25, 186, 2006). A
slice at any level shows less; `training.evaluation.spacing_estimate` measures how much, and the error.
"""

import numpy as np

from models.imaging.grey import picture_as_hu
from models.imaging.lung import lung_mask
from models.imaging.scan import CROP_AT_MOST, SPACING_BOUNDS_MM
from models.ingest.ct_check.check import evenly_chosen
from models.ingest.ct_check.silhouette import shows_lungs

THORAX_MM = 230.0  # inner width in a slice with both lungs; see `training.evaluation.spacing_estimate`
ERROR, LARGE_ERROR = 0.06, 0.26  # of the estimate: median and ninth decile, measured there, too
FIELD_MM = 350.0  # a usual field of view, to begin with
SHARES = (0.4, 0.95)  # of the image's width, what the thorax may take
LOOKED_AT = 5  # slices of a stack
ROUNDS = 2  # the lungs are found again with the spacing that the first round gave


def estimated_spacing_mm(slices: np.ndarray, is_hu: bool) -> float | None:
    """mm per pixel, alike along rows and columns; None where no slice shows both lungs from side to side.

    Parameters
    ----------
    slices : ndarray of shape (n, rows, cols)
        Axial slices in HU, or pictures in any grey scale; displayed upright, as pictures are.
    """
    if max(slices.shape[1:]) <= CROP_AT_MOST:
        return None
    found = [thorax_pixels(pixels, is_hu) for pixels in evenly_chosen(slices, LOOKED_AT)]
    widths = [width for width in found if width is not None]
    if not widths:
        return None
    spacing = round(THORAX_MM / float(np.median(widths)), 3)
    low, high = SPACING_BOUNDS_MM
    return spacing if low <= spacing <= high else None


def thorax_pixels(pixels: np.ndarray, is_hu: bool) -> float | None:
    """Inner width of the thorax in pixels; None where a slice does not show both lungs from side to side."""
    pixels = np.asarray(pixels, np.float32)
    if not shows_lungs(np.clip(pixels, -1350, 150) if is_hu else pixels):
        return None
    hu = pixels if is_hu else picture_as_hu(pixels, whole_slice=True)
    spacing, width = FIELD_MM / max(pixels.shape), 0.0
    for _ in range(ROUNDS):
        filled = np.flatnonzero(lung_mask(hu, (spacing, spacing)).any(axis=0))
        if not len(filled):
            return None
        width = float(filled[-1] - filled[0] + 1)
        spacing = THORAX_MM / width
    low, high = SHARES
    return width if low <= width / pixels.shape[1] <= high else None
