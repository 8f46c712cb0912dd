"""A volume to slices in HU, turned as DICOM slices of a patient who lies on the back."""

from dataclasses import dataclass

import numpy as np
from nibabel import orientations

from models.errors import UserError
from models.imaging.geometry import along_normal, is_axial, tilt_degrees
from models.imaging.scan import Notice
from models.ingest.dicom.hounsfield import AIR_HU, PADDING_BELOW_HU
from models.ingest.volumes.formats import RAS_TO_LPS
from models.ingest.volumes.grid import Grid, damaged

LOWEST_HU, HIGHEST_HU = -(2**15), 2**15 - 1  # padding and metal reach as far
AIR_AT_MOST_HU = -500  # some value of a CT is as low
HU_ASSUMED = "The file does not say what its values are; they were taken for Hounsfield units."
PLACE_ASSUMED = (
    "The file does not say how the patient lies in it; it was taken for lying on the back, head first. Sides "
    "may be swapped."
)


@dataclass(frozen=True)
class Slices:
    """Slices of a volume, feet to head: rows to the back, columns to the left.

    Attributes
    ----------
    pixels : ndarray of shape (n, rows, cols)
        HU, int16 where all are whole numbers, else float32.
    spacing_mm : (float, float)
        Between rows, then between columns.
    orientation : tuple of six floats
        As Image Orientation (Patient).
    places : ndarray of shape (n, 3)
        Of each slice's first pixel, in mm.
    notices : tuple of Notice
        ``units_assumed``, and ``order_assumed`` where the file does not say how the patient lies.
    """

    pixels: np.ndarray
    spacing_mm: tuple[float, float]
    orientation: tuple[float, ...]
    places: np.ndarray
    notices: tuple[Notice, ...]

    @property
    def positions_mm(self) -> tuple[float, ...]:
        """Of each slice along the normal."""
        return tuple(map(float, along_normal(self.places, self.orientation)))

    @property
    def tilt_degrees(self) -> float:
        """See `models.imaging.geometry.tilt_degrees`."""
        return tilt_degrees(self.places, self.orientation)


def slices_of(grid: Grid) -> Slices:
    """Turn a volume, and convert it to HU.

    Raises
    ------
    UserError
        ``corrupt_file``; ``not_axial``, where its axes are far from the body's; ``not_ct``, where its values
        are no HU.
    """
    if not np.isfinite(grid.affine).all() or abs(np.linalg.det(grid.affine)) < 1e-9:
        raise damaged()
    axes = orientations.io_orientation(RAS_TO_LPS @ grid.affine)
    if np.isnan(axes).any():  # two of them run along one direction of the body
        raise damaged()
    turn = orientations.ornt_transform(axes, orientations.axcodes2ornt("LPS"))
    affine = grid.affine @ orientations.inv_ornt_aff(turn, grid.stored.shape)
    turned = orientations.apply_orientation(grid.stored, turn).transpose(2, 1, 0)
    col, row, step, origin = affine[:3].T
    spacing = float(np.linalg.norm(row)), float(np.linalg.norm(col))
    orientation = (*(col / spacing[1]), *(row / spacing[0]))
    if not is_axial(orientation):
        message = "The volume lies oblique in the body; send one whose slices are axial."
        raise UserError("not_axial", message)
    places = origin + np.arange(len(turned))[:, None] * step
    notices = [Notice("units_assumed", HU_ASSUMED)]
    if not grid.is_placed:
        notices.append(Notice("order_assumed", PLACE_ASSUMED))
    return Slices(_in_hu(turned, grid), spacing, tuple(map(float, orientation)), places, tuple(notices))


def _in_hu(turned, grid):
    pixels, low, high = np.empty(turned.shape, np.int16), np.inf, -np.inf
    for index, stored in enumerate(turned):
        values = stored * np.float64(grid.slope) + grid.intercept
        if not np.isfinite(values).all():
            raise damaged()
        low, high = min(low, values.min()), max(high, values.max())
        if low < LOWEST_HU or high > HIGHEST_HU:
            break
        values[values < PADDING_BELOW_HU] = AIR_HU
        if pixels.dtype == np.int16 and not np.array_equal(values, np.rint(values)):
            pixels = pixels.astype(np.float32)
        pixels[index] = values
    if not LOWEST_HU <= low <= AIR_AT_MOST_HU or high > HIGHEST_HU:
        raise UserError(
            "not_ct",
            "The volume's values are no Hounsfield units: in a CT of the chest, air is about -1000. Export "
            "it again, without other scaling.",
        )
    return pixels
