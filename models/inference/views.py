"""What the networks see of a nodule: its patch, also mirrored and turned."""

import numpy as np

from models.imaging.patch import PATCH, PatchSpec, Spacing, cut_patch

VIEWS = 8  # of a patch: its mirror images and right-angle turns


def views(
    pixels: np.ndarray, spacing_mm: Spacing, row: float, col: float, spec: PatchSpec = PATCH
) -> np.ndarray:
    """All patches whose answers are averaged.

    Averaging over the eight mirror images and right-angle turns costs time only and makes the answer
    independent of how the scan was mirrored or turned (test-time augmentation, Krizhevsky et al. 2012,
    section 4.1).

    Parameters
    ----------
    pixels : ndarray of shape (rows, cols)
        One slice.
    spacing_mm : float or (float, float)
    row, col : float
        Centre of the nodule in pixels.
    spec : PatchSpec

    Returns
    -------
    ndarray of shape (8, pixels, pixels, fields), float32
    """
    return eight_views(cut_patch(pixels, spacing_mm, row, col, spec)[None])


def eight_views(patches: np.ndarray) -> np.ndarray:
    """Patches (n, rows, cols, channels) as they are, mirrored and turned: (8 n, rows, cols, channels)."""
    mirrored = np.concatenate([patches, patches[:, :, ::-1]])
    mirrored = np.concatenate([mirrored, mirrored[:, ::-1]])
    return np.concatenate([mirrored, mirrored.swapaxes(1, 2)])


def turned_back(maps: np.ndarray) -> np.ndarray:
    """Maps of the `VIEWS` of one slice, (8, rows, cols), in their order, each turned as the first view is."""
    maps = maps.reshape(2, 2, 2, *maps.shape[1:]).copy()  # transposed, upside down, mirrored
    maps[1] = maps[1].swapaxes(-1, -2)
    maps[:, 1] = maps[:, 1, :, ::-1]
    maps[:, :, 1] = maps[:, :, 1, :, ::-1]
    return maps.reshape(VIEWS, *maps.shape[3:])
