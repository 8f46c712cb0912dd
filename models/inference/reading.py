"""What was computed on one nodule: the answer of each model follows from it without another forward pass.

Plain values and no network: what is kept between requests is made of these types.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from models.imaging.scan import Notice, Roi
from models.imaging.side import Side
from models.inference.measurement.sizes import Measurement
from models.inference.similar_cases import SimilarCases


@dataclass(frozen=True)
class Prediction:
    """One network's answer on one nodule.

    Attributes
    ----------
    score : float
        In [0, 1].
    probability : float
        The score, calibrated.
    descriptors : dict of str to float
        On LIDC's scales.
    features : ndarray of shape (channels,), float32, optional
        The last feature map's mean, over the views; None once similar cases were found.
    """

    score: float
    probability: float
    descriptors: dict[str, float]
    features: np.ndarray | None = None


@dataclass(frozen=True)
class Recognition:
    """What the recognition network says of one location.

    Attributes
    ----------
    probability : float
        That there is a nodule, in [0, 1].
    threshold : float
        Below it there is none.
    """

    probability: float
    threshold: float

    @property
    def is_nodule(self) -> bool:
        """Whether a nodule is recognised."""
        return self.probability >= self.threshold


@dataclass(frozen=True)
class SliceOutline:
    """A nodule's outline in one slice; the vertices are (row, col) in the file's pixels."""

    slice: int
    vertices: tuple[tuple[float, float], ...]

    @property
    def polygon(self) -> np.ndarray:
        """The vertices as an array (n, 2)."""
        return np.array(self.vertices)


Point = tuple[float, float]  # row, col
AxisEnds = tuple[Point, Point, Point, Point]  # both ends of the long axis, then of the short one


@dataclass(frozen=True)
class Correction:
    """What a reader changed of an outline.

    Attributes
    ----------
    larger : int
        Steps by which the outline is larger (below 0: smaller), by the level of probability.
    ends : tuple of four (float, float), optional
        Of the axes, in the file's pixels, as the reader set them.
    """

    larger: int = 0
    ends: AxisEnds | None = None


def vertices_of(polygon: np.ndarray) -> tuple[tuple[float, float], ...]:
    """A polygon (n, 2) as plain values."""
    return tuple((float(row), float(col)) for row, col in polygon)


def outlines_of(polygons: Mapping[int, np.ndarray]) -> tuple[SliceOutline, ...]:
    """The outlines of polygons by slice, to a thousandth of a pixel."""
    return tuple(SliceOutline(index, vertices_of(polygons[index].round(3))) for index in sorted(polygons))


@dataclass(frozen=True)
class Reading:
    """All that was computed on one nodule of a scan, whichever model is asked for.

    Attributes
    ----------
    roi : Roi
        What was read: the middle of the nodule's largest section, or the location as given.
    predictions : dict of str to Prediction
        By model; only of those that are available.
    notices : tuple of Notice
        On image and nodule.
    weights : str
        Start of the checksum over all weights.
    outline : tuple of (float, float), optional
        Vertices (row, col) of the nodule's outline in the file's pixels, the last joined to the first; None
        where it was not outlined.
    outlines : tuple of SliceOutline
        Of all slices that show the nodule, from the first; empty where it was not outlined.
    slices : (int, int), optional
        The first and the last that show the outlined nodule.
    given : Roi, optional
        What was asked for; None where that was read.
    measurement : Measurement, optional
        Of the outlined nodule; None where it was not outlined.
    similar_cases : SimilarCases, optional
        The most similar training nodules; None where they cannot be told.
    recognition : Recognition, optional
        Whether there is a nodule at all; None where that cannot be told.
    side : str, optional
        The patient's side in which it lies; None where that cannot be told.
    corrected : Correction, optional
        What a reader changed; None where the outline is as it was drawn.
    """

    roi: Roi
    predictions: dict[str, Prediction]
    notices: tuple[Notice, ...]
    weights: str
    outline: tuple[tuple[float, float], ...] | None = None
    slices: tuple[int, int] | None = None
    given: Roi | None = None
    measurement: Measurement | None = None
    similar_cases: SimilarCases | None = None
    recognition: Recognition | None = None
    outlines: tuple[SliceOutline, ...] = ()
    side: Side | None = None
    corrected: Correction | None = None

    @property
    def volume_mm3(self) -> float | None:
        """Of the nodule in all slices; None where it was not measured."""
        return self.measurement.volume_mm3 if self.measurement else None

    @property
    def long_axis_mm(self) -> float | None:
        """The size by which nodules are sorted, as LIDC's diameter; None where it was not measured."""
        return self.measurement.long_axis_mm if self.measurement else None

    @property
    def is_nodule(self) -> bool:
        """False where none is recognised."""
        return self.recognition is None or self.recognition.is_nodule

    def without_nodule(self) -> Self:
        """The location alone: nothing of what was computed on a nodule there."""
        return replace(
            self,
            predictions={},
            outline=None,
            outlines=(),
            slices=None,
            side=None,
            measurement=None,
            similar_cases=None,
        )
