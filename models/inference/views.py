"""What the networks see of a nodule: several slices, each also mirrored and turned."""

from collections.abc import Sequence

import numpy as np

from models.imaging.patch import PATCH, PatchSpec, adjacent_slices, cut_patch

Spacing = float | tuple[float, float]

VIEWS = 8  # of a slice: its mirror images and right-angle turns
SLICES = 5  # at most so many slices around the chosen one are read; their answers are averaged


def slices_to_read(n_slices: int, at_most: int = SLICES, middle: int | None = None) -> range:
    """Indices of up to `at_most` adjacent slices around `middle` (default: of the stack)."""
    middle = n_slices // 2 if middle is None else middle
    first = min(max(0, middle - at_most // 2), max(0, n_slices - at_most))
    return range(first, min(n_slices, first + at_most))


def patch_at(
    slices: Sequence[np.ndarray] | np.ndarray,
    spacing_mm: Spacing,
    row: float,
    col: float,
    index: int,
    spec: PatchSpec = PATCH,
) -> np.ndarray:
    """The patch of one slice of a stack (n, rows, cols), with the adjacent ones as channels."""
    channels = [slices[i] for i in adjacent_slices(len(slices), index)]
    return cut_patch(channels, spacing_mm, row, col, spec)


def views(
    slices: Sequence[np.ndarray] | np.ndarray,
    spacing_mm: Spacing,
    row: float,
    col: float,
    index: int,
    spec: PatchSpec = PATCH,
) -> np.ndarray:
    """All patches whose answers are averaged.

    Averaging over the eight mirror images and right-angle turns of each slice costs time only and makes
    the answer independent of how the scan was mirrored or turned (test-time augmentation, Krizhevsky et
    al. 2012, section 4.1).

    Parameters
    ----------
    slices : ndarray of shape (n, rows, cols)
    spacing_mm : float or (float, float)
    row, col : float
        Centre of the nodule in pixels.
    index : int
        The chosen slice.
    spec : PatchSpec
        See `models.imaging.patch.patch_of`.

    Returns
    -------
    ndarray of shape (views, pixels, pixels, 3), float32
    """
    read = slices_to_read(len(slices), middle=index)
    return eight_views(np.stack([patch_at(slices, spacing_mm, row, col, i, spec) for i in read]))


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


def views_of_chosen(n_slices: int, index: int) -> slice:
    """Which of the patches that `views` gives show the chosen slice: its eight views, in their order."""
    read = slices_to_read(n_slices, middle=index)
    return slice(read.index(index), None, len(read))
