"""The volume of a nodule from its outlines in the slices that show it."""

from collections.abc import Mapping, Sequence

import numpy as np

TOO_THICK = 0.5  # of the nodule's long axis: slices farther apart say too little of its third dimension


def extents_mm(positions_mm: Sequence[float]) -> np.ndarray:
    """How much of the scan's length each slice stands for: half of what lies between it and its neighbours.

    Beyond the first and the last slice lies as much as within.

    Parameters
    ----------
    positions_mm : sequence of float
        Of all slices of the scan (not of the nodule's alone), along the normal, ascending; at least two.

    Returns
    -------
    ndarray of shape (slices,)
    """
    steps = np.diff(np.asarray(positions_mm, float))
    return (np.concatenate([steps[:1], steps]) + np.concatenate([steps, steps[-1:]])) / 2


def volume_mm3(areas_mm2: Mapping[int, float], positions_mm: Sequence[float]) -> float:
    """The sum over slices of area times extent (Cavalieri's principle).

    Parameters
    ----------
    areas_mm2 : mapping of int to float
        Area of the nodule by the slices that show it.
    positions_mm : sequence of float
        As of `extents_mm`.
    """
    extents = extents_mm(positions_mm)
    return float(sum(area * extents[index] for index, area in areas_mm2.items()))


def sphere_diameter_mm(volume: float) -> float:
    """Diameter of the sphere of a volume."""
    return float(np.cbrt(6 * volume / np.pi))


def is_too_thick(positions_mm: Sequence[float], slices: tuple[int, int], long_axis_mm: float) -> bool:
    """Whether slices about a nodule are farther apart than half its length, so that it has no volume.

    Parameters
    ----------
    positions_mm : sequence of float
        As of `extents_mm`.
    slices : (int, int)
        The first and the last slice that show the nodule.
    long_axis_mm : float
    """
    first, last = max(0, slices[0] - 1), min(len(positions_mm) - 1, slices[1] + 1)
    return bool(np.diff(positions_mm[first : last + 1]).max() > TOO_THICK * long_axis_mm)
