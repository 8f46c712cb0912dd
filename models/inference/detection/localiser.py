"""The segmentation network at work: maps of probability, and the outline of one nodule."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from models.imaging.field import GRID_MM, Grid, field_at
from models.imaging.scan import Roi, Scan
from models.inference.detection.candidates import best_mean
from models.inference.measurement.outline import Outline
from models.inference.runtime.parallel import shares, side_by_side
from models.inference.runtime.weights import load_answering
from models.inference.views import VIEWS, eight_views, turned_back
from models.weights import read_report

KEY = "localiser"
OUTPUT = "nodule"  # layer
AROUND = 96  # pixels of the grid a side: 72 mm around a chosen location
LEVEL = 0.5
READERS_LEVEL = 0.8  # of the level at which a nodule is recognised: so large is it to the readers on average
STEP_ODDS = 3.0  # by which the odds of that level change where a reader asks for a smaller outline
FAINTEST = 0.03  # where nothing reaches this at the location, there is no outline
NEAR_MM = 5.0  # a click may miss the nodule by so much
COARSE_MM = 2 * GRID_MM  # a grid on which lesions of up to 80 mm look as nodules do, and are outlined as well
LARGE_MM = 30.0  # what is at least as large on the coarse grid is outlined there
GLANCE = 0.8  # of that size, in one view: worth a look


@dataclass(frozen=True)
class OutlinedNodule:
    """One nodule on the grid around a location.

    Attributes
    ----------
    probability : ndarray of shape ``grid.size``
        Without other nodules.
    level : float
        Inside is what reaches it.
    grid : Grid
    """

    probability: np.ndarray
    level: float
    grid: Grid

    @property
    def inside(self) -> np.ndarray:
        """Which pixels of the grid are nodule, shape ``grid.size``."""
        return self.probability >= self.level

    @property
    def score(self) -> float:
        """How sure the network is, 0 to 1."""
        return best_mean(self.probability)

    @property
    def middle(self) -> tuple[float, float]:
        """(row, col) of the middle in the file's pixels."""
        row, col = self.grid.to_file(*ndimage.center_of_mass(self.inside))
        return float(row), float(col)

    @property
    def area_mm2(self) -> float:
        """Of the pixels inside."""
        return float(self.inside.sum() * self.grid.pixel_mm**2)

    @property
    def diameter_mm(self) -> float:
        """Of a disc of the same area."""
        return float(2 * np.sqrt(self.area_mm2 / np.pi))

    def in_file(self, shape: tuple[int, int], larger: int = 0) -> Outline:
        """`Outline` in the file's pixels, cut at the edges of the image of `shape`.

        Its level is that at which volumes of validation patients agreed best with those of their readers;
        `larger` is by how many steps a reader wants the outline to be larger, or smaller where it is below 0.
        """
        low, high = self.grid.box[:2], self.grid.box[2:]
        top, left = (max(0, int(np.floor(edge))) for edge in low)
        last = [min(n, int(np.ceil(edge))) for edge, n in zip(high, shape, strict=True)]
        pixels = np.meshgrid(*map(np.arange, (top, left), last), indexing="ij")
        grid = self.grid.from_file(*pixels)
        values = ndimage.map_coordinates(self.probability, grid, order=1, mode="constant")
        return Outline(values.astype(np.float32), top, left, self._outline_level(larger))

    def _outline_level(self, larger: int) -> float:
        level = READERS_LEVEL * self.level
        odds = level / (1 - level) / STEP_ODDS**larger
        return odds / (1 + odds)


class Localiser:
    """The network of ``weights/localiser.weights.h5``.

    Parameters
    ----------
    folder : str or Path
        Of the weights.
    report : dict, optional
        What ``localiser.json`` says, where that was read and checked already.

    Attributes
    ----------
    report : dict

    Raises
    ------
    WeightsError
        Why the weights cannot be used.
    """

    def __init__(self, folder: str | Path, report: dict[str, Any] | None = None):
        from models.networks.localiser import FILTERS, build_localiser  # imports Keras

        self.report = report or read_report(folder, KEY)
        filters = tuple(self.report.get("filters", FILTERS))
        self._answer = load_answering(partial(build_localiser, filters), folder, KEY, self.report, OUTPUT)
        self._answer(np.zeros((VIEWS, AROUND, AROUND, 3), np.float32))

    def maps(self, fields: np.ndarray) -> np.ndarray:
        """Probability (n, rows, cols) of each pixel of fields (n, rows, cols, 3); multiples of `STRIDE`."""
        return np.concatenate(side_by_side(self._answer, shares(fields)))[..., 0]

    def look_at(self, scan: Scan, row: float, col: float, index: int) -> OutlinedNodule | None:
        """What the network sees at a location of a scan; None where it sees no nodule.

        Answers for the eight mirrored and turned views are averaged, as the classifiers' are. The network
        has learnt from lesions of up to 40 mm: what is larger it sees on a grid twice as coarse.
        """
        return self._large(scan, row, col, index) or self._seen(
            scan, row, col, index, GRID_MM, self._averaged
        )

    def _large(self, scan: Scan, row: float, col: float, index: int) -> OutlinedNodule | None:
        """What is large on the coarse grid; a glance, without the eight views, tells whether to look."""
        glance = self._seen(scan, row, col, index, COARSE_MM, lambda field: self.maps(field[None])[0])
        if glance is None or glance.diameter_mm < GLANCE * LARGE_MM:
            return None
        seen = self._seen(scan, row, col, index, COARSE_MM, self._averaged)
        return seen if seen is not None and seen.diameter_mm >= LARGE_MM else None

    def _seen(
        self,
        scan: Scan,
        row: float,
        col: float,
        index: int,
        pixel_mm: float,
        answer: Callable[[np.ndarray], np.ndarray],
    ) -> OutlinedNodule | None:
        grid = Grid.around(row, col, AROUND, scan.spacing_mm, pixel_mm)
        own = component(answer(field_at(scan, index, grid)))
        return None if own is None else OutlinedNodule(*own, grid)

    def outline(self, scan: Scan, roi: Roi) -> Outline | None:
        """Outline of the nodule at a location of a scan; None where the network sees none there."""
        seen = self.look_at(scan, roi.row, roi.col, roi.slice)
        return None if seen is None else seen.in_file((scan.rows, scan.cols))

    def _averaged(self, field: np.ndarray) -> np.ndarray:
        return turned_back(self.maps(eight_views(field[None]))).mean(axis=0)


def component(probability: np.ndarray) -> tuple[np.ndarray, float] | None:
    """The nodule in the middle of a map.

    Where the network is less sure than `LEVEL` at the location, half of what it says there is the level: the
    user has said that there is a nodule.

    Parameters
    ----------
    probability : ndarray of shape (n, n)
        On the grid; the chosen location is its middle.

    Returns
    -------
    (ndarray of shape (n, n), float) or None
        The map without other nodules, and the level of the outline.
    """
    middle = (np.array(probability.shape) - 1) / 2
    off = np.hypot(*(np.indices(probability.shape) - middle[:, None, None])) * GRID_MM
    best = float(probability[off <= NEAR_MM].max())
    if best < FAINTEST:
        return None
    level = min(LEVEL, best / 2)
    parts, _ = ndimage.label(probability >= level)
    return without_others(probability, parts, parts.flat[np.where(parts > 0, off, np.inf).argmin()]), level


def without_others(probability: np.ndarray, parts: np.ndarray, number: int) -> np.ndarray:
    """A map with one of its labelled parts alone, and around it what says where its edge runs."""
    part = parts == number
    others = ndimage.binary_dilation((parts > 0) & ~part)
    return np.where(ndimage.binary_dilation(part, iterations=2) & ~others, probability, 0)
