"""A reader's correction of an outline: another level, or other axes; all that is measured follows from it."""

from dataclasses import replace

import numpy as np

from models.errors import UserError
from models.imaging.scan import Scan
from models.inference.classifier import ModelRegistry
from models.inference.detection.section import largest_section
from models.inference.measurement.nodule import measure_nodule
from models.inference.measurement.sizes import Measurement, axis_ends
from models.inference.pipeline import notices_of
from models.inference.reading import AxisEnds, Correction, Reading, outlines_of, vertices_of
from models.messages import Message

MOST_STEPS = 4  # of a larger outline, and as many of a smaller one
LEAST_MM, MOST_MM = 1.0, 200.0  # of an axis
AXIS_BOUNDS = Message("An axis must be {least:g} to {most:g} mm long.", least=LEAST_MM, most=MOST_MM)
Polygons = dict[int, np.ndarray]


def corrected(scan: Scan, reading: Reading, correction: Correction, registry: ModelRegistry) -> Reading:
    """A reading whose outline a reader has corrected; what the networks said stays.

    Axes count as the reader set them; the outlines of all slices are moved, turned and stretched with them,
    and the volume follows.

    Parameters
    ----------
    scan : Scan
    reading : Reading
        As it was computed, not corrected before.
    correction : Correction
    registry : ModelRegistry

    Raises
    ------
    UserError
        ``bad_number``: there is no outline, nothing would be left of it, or an axis is impossible;
        ``model_unavailable`` without the localiser.
    """
    largest = reading.roi.slice
    outlines = _at_level(scan, reading, correction.larger, registry)
    if correction.ends is not None:
        check_ends(correction.ends, scan)
        outlines = with_axes(outlines, largest, correction.ends, scan.spacing_mm)
    measurement = measure_nodule(outlines, largest, scan)
    if correction.ends is not None and not scan.spacing_assumed:
        measurement = _with_lengths(measurement, correction.ends, scan.spacing_mm)
    return replace(
        reading,
        outline=vertices_of(outlines[largest]),
        outlines=outlines_of(outlines),
        slices=(min(outlines), max(outlines)),
        measurement=measurement,
        notices=notices_of(registry, scan, reading.roi, outlines, measurement, reading.similar_cases),
        corrected=correction,
    )


def _at_level(scan: Scan, reading: Reading, larger: int, registry: ModelRegistry) -> Polygons:
    """The outlines by slice, each vertex (row, col), at another level of probability."""
    if not reading.outlines:
        raise UserError("bad_number", "There is no outline to correct.")
    if larger == 0:
        return {one.slice: one.polygon for one in reading.outlines}
    if registry.localiser is None:
        raise UserError("model_unavailable", "The outline cannot be changed: the localiser is unavailable.")
    section = largest_section(scan, reading.given or reading.roi, registry.localiser, larger)
    outlines = {} if section is None else dict(section.outlines)
    if reading.roi.slice not in outlines:
        raise UserError("bad_number", "The outline cannot be made smaller than it is.")
    return outlines


def with_axes(outlines: Polygons, largest: int, ends: AxisEnds, spacing_mm: tuple[float, float]) -> Polygons:
    """Outlines moved, turned and stretched so that the axes of the largest section come to lie on `ends`.

    One affine map for all slices, in mm: where no such map takes all four ends exactly to where they are
    wanted, that with the least squares.
    """
    before = axis_ends(outlines[largest] * spacing_mm)
    after = np.array(ends) * spacing_mm
    start = np.column_stack([before, np.ones(len(before))])
    turned, *_ = np.linalg.lstsq(start, after, rcond=None)
    return {
        index: (polygon * spacing_mm @ turned[:2] + turned[2]) / spacing_mm
        for index, polygon in outlines.items()
    }


def scaled_ends(
    reading: Reading, long_mm: float, short_mm: float, spacing_mm: tuple[float, float]
) -> AxisEnds:
    """Ends of axes of other lengths, about the middle of the long one and in the same directions."""
    ends = ends_of(reading, spacing_mm) * spacing_mm
    middle = ends[:2].mean(axis=0)
    along = (ends[1] - ends[0]) / np.hypot(*(ends[1] - ends[0]))
    across = np.array([-along[1], along[0]])
    frame = np.stack([along, across])  # each row a direction
    scales = long_mm / np.hypot(*(ends[1] - ends[0])), short_mm / np.hypot(*(ends[3] - ends[2]))
    moved = middle + ((ends - middle) @ frame.T * scales) @ frame
    return tuple((float(row), float(col)) for row, col in moved / spacing_mm)  # type: ignore[return-value]


def ends_of(reading: Reading, spacing_mm: tuple[float, float]) -> np.ndarray:
    """The ends (row, col) of the long and then of the short axis in the file's pixels, shape (4, 2)."""
    if reading.corrected is not None and reading.corrected.ends is not None:
        return np.array(reading.corrected.ends)
    return axis_ends(np.array(reading.outline) * spacing_mm) / spacing_mm


def check_ends(ends: AxisEnds, scan: Scan) -> None:
    """Refuse axes that no nodule has: beyond the image, too short or too long, the short one the longer."""
    points = np.array(ends)
    if not ((points >= -0.5) & (points <= np.array([scan.rows, scan.cols]) - 0.5)).all():
        raise UserError("bad_number", "The axes must end within the image.")
    long, short = lengths_mm(ends, scan.spacing_mm)
    if not LEAST_MM <= min(long, short) <= max(long, short) <= MOST_MM:
        raise UserError("bad_number", AXIS_BOUNDS)
    if short > long:
        raise UserError("bad_number", "The short axis cannot be longer than the long axis.")


def lengths_mm(ends: AxisEnds, spacing_mm: tuple[float, float]) -> tuple[float, float]:
    """Lengths of the long and of the short axis."""
    a, b, c, d = np.array(ends) * spacing_mm
    return float(np.hypot(*(b - a))), float(np.hypot(*(d - c)))


def _with_lengths(found: Measurement, ends: AxisEnds, spacing_mm: tuple[float, float]) -> Measurement:
    long, short = lengths_mm(ends, spacing_mm)
    return replace(found, long_axis_mm=long, short_axis_mm=short, mean_diameter_mm=(long + short) / 2)
