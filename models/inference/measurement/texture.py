"""Solid, part-solid or ground glass: an impression from the HU within a nodule's outline.

A voxel above -300 HU is taken for solid: at this threshold software told part-solid from nonsolid nodules
with a sensitivity of 90 % and a specificity of 88 % (Scholten et al., Eur. Radiol. 25, 488, 2015). The shares
of solid voxels that part the three were chosen, and the answers compared with radiologists' ratings, by
`training.evaluation.texture`. No impression is given below 6 mm, where part-solid nodules cannot be told as
such (MacMahon et al., Radiology 284, 228, 2017), and where it agrees less with the ratings. Air counts as not
solid: a cavity or bubbles can make a solid nodule look part-solid.
"""

from typing import Literal

import numpy as np
from scipy.ndimage import distance_transform_edt

Texture = Literal["solid", "part-solid", "ground glass"]

SOLID_HU = -300.0
RIM_MM = 1.0  # not judged: there the nodule shares its voxels with lung
LEAST_MM = 6.0  # mean diameter
LEAST_PIXELS = 5
GROUND_GLASS_BELOW, SOLID_FROM = 0.2, 0.75  # share of solid voxels


def texture_of(
    hu: np.ndarray, inside: np.ndarray, spacing_mm: tuple[float, float], diameter_mm: float
) -> Texture | None:
    """The impression; None where the nodule is too small for one.

    Parameters
    ----------
    hu : ndarray of shape (rows, cols)
    inside : ndarray of bool of the same shape
        Which pixels are nodule.
    spacing_mm : (float, float)
        Row and column spacing.
    diameter_mm : float
        Mean diameter.
    """
    share = solid_share(hu, inside, spacing_mm)
    if diameter_mm < LEAST_MM or share is None:
        return None
    return name_of(share)


def name_of(
    share: float, ground_glass_below: float = GROUND_GLASS_BELOW, solid_from: float = SOLID_FROM
) -> Texture:
    """What a share of solid voxels is called."""
    if share < ground_glass_below:
        return "ground glass"
    return "solid" if share >= solid_from else "part-solid"


def solid_share(hu: np.ndarray, inside: np.ndarray, spacing_mm: tuple[float, float]) -> float | None:
    """Share of solid voxels in a nodule without its rim; None where less than `LEAST_PIXELS` are left."""
    depth = distance_transform_edt(np.pad(inside, 1), sampling=spacing_mm)[1:-1, 1:-1]
    core = depth > RIM_MM + min(spacing_mm) / 2  # depth is to the next pixel's centre, the edge half as near
    if core.sum() < LEAST_PIXELS:
        return None
    return float((hu[core] > SOLID_HU).mean())
