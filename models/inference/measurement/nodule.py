"""A nodule as a whole: sizes of its largest section, volume, and its solid part."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from models.imaging.scan import Scan
from models.inference.measurement.outline import Outline, area, contour, within
from models.inference.measurement.sizes import Measurement, axes, measure
from models.inference.measurement.texture import SOLID_HU
from models.inference.measurement.volume import is_too_thick, sphere_diameter_mm, volume_mm3

AIR_HU = -1000.0
Outlines = Mapping[int, np.ndarray]  # polygons (n, 2) in the file's pixels, by slice


def measure_nodule(outlines: Outlines, largest: int, scan: Scan) -> Measurement:
    """Measure a nodule outlined in one or several slices.

    Beside what `measure` gives of the largest section: the volume, None where the distance of slices is not
    known, there is one slice alone, or slices are farther apart than half of the long axis; and of
    part-solid nodules the long axis of the solid part.

    Parameters
    ----------
    outlines : mapping of int to ndarray of shape (n, 2)
    largest : int
        The slice in which it is largest.
    scan : Scan
    """
    found = measure(outlines[largest], scan, largest)
    volume = _volume(outlines, found.long_axis_mm, scan)
    return replace(
        found,
        volume_mm3=volume,
        volume_diameter_mm=None if volume is None else sphere_diameter_mm(volume),
        solid_long_axis_mm=_solid_long_axis(outlines, scan) if found.texture == "part-solid" else None,
    )


def _volume(outlines: Outlines, long_axis_mm: float | None, scan: Scan) -> float | None:
    positions = scan.depths_mm
    if long_axis_mm is None or positions is None or len(positions) < 2:
        return None
    if is_too_thick(positions, (min(outlines), max(outlines)), long_axis_mm):
        return None
    areas = {index: area(polygon * scan.spacing_mm) for index, polygon in outlines.items()}
    return volume_mm3(areas, positions)


def _solid_long_axis(outlines: Outlines, scan: Scan) -> float | None:
    """Of the largest connected piece above `SOLID_HU`, in the slice where that is largest; in mm."""
    pieces = [_solid_part(polygon, scan.slices[index]) for index, polygon in outlines.items()]
    solid = [piece * scan.spacing_mm for piece in pieces if piece is not None]
    return axes(max(solid, key=area))[0] if solid else None


def _solid_part(polygon: np.ndarray, pixels: np.ndarray) -> np.ndarray | None:
    """The polygon (n, 2) around it, interpolated between pixels; beyond the nodule's outline all is air."""
    top, left = np.clip(np.floor(polygon.min(axis=0)).astype(int), 0, None)
    bottom, right = np.ceil(polygon.max(axis=0)).astype(int) + 1
    hu = np.asarray(pixels[top:bottom, left:right], np.float32)
    inside = within(polygon - (top, left), hu.shape)
    density = np.where(inside, np.clip(hu, AIR_HU, 0) - AIR_HU, 0)
    return contour(Outline(density, int(top), int(left), SOLID_HU - AIR_HU))
