"""The segmentation network at work: maps of probability, and the outline of one nodule."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from scipy import ndimage

from models.imaging.field import GRID_MM, Grid, field_at
from models.inference.detection.candidates import best_mean
from models.inference.measurement.outline import Outline
from models.inference.runtime.folded_graph import FoldedGraph, compiled
from models.inference.runtime.parallel import shares, side_by_side
from models.inference.runtime.weights import fill
from models.networks.localiser import FILTERS, build_localiser
from models.trained import read_report

KEY = "localiser"
OUTPUT = "nodule"  # layer
AROUND = 96  # pixels of the grid a side: 72 mm around a chosen place
LEVEL = 0.5
FAINTEST = 0.03  # where nothing reaches this at the place, there is no outline
NEAR_MM = 5.0  # a click may miss the nodule by so much
COARSE = 2.0  # times the grid's spacing: lesions of up to 80 mm look as nodules do, and are outlined as well
LARGE_MM = 30.0  # what is at least as large on the coarse grid is outlined there
GLANCE = 0.8  # of that size, in one view: worth a look


@dataclass(frozen=True)
class OutlinedNodule:
    """One nodule on the grid around a place.

    Attributes
    ----------
    probability : ndarray of shape ``grid.size``
        Without other nodules.
    level : float
        Inside is what reaches it.
    grid : Grid
    scale : float
        Of the grid: `COARSE` where the lesion is too large for `GRID_MM`.
    """

    probability: np.ndarray
    level: float
    grid: Grid
    scale: float = 1.0

    @property
    def inside(self):
        """Which pixels of the grid are nodule, shape ``grid.size``."""
        return self.probability >= self.level

    @property
    def score(self):
        """How sure the network is, 0 to 1."""
        return best_mean(self.probability)

    @property
    def place(self):
        """(row, col) of the middle in the file's pixels."""
        return self.middle_of(self.inside)

    def middle_of(self, part):
        """(row, col) in the file's pixels of the middle of some pixels of the grid."""
        return tuple(map(float, self.grid.to_file(*ndimage.center_of_mass(part))))

    @property
    def diameter_mm(self):
        """Of a disc of the same area."""
        return self.diameter_of(self.inside)

    def diameter_of(self, part):
        """Diameter in mm of a disc as large as some pixels of the grid."""
        return float(2 * np.sqrt(part.sum() / np.pi) * GRID_MM * self.scale)

    def in_file(self, shape):
        """`Outline` in the file's pixels, cut at the edges of the image of `shape`."""
        low, high = self.grid.box[:2], self.grid.box[2:]
        first = [max(0, int(np.floor(edge))) for edge in low]
        last = [min(n, int(np.ceil(edge))) for edge, n in zip(high, shape, strict=True)]
        places = np.meshgrid(*map(np.arange, first, last), indexing="ij")
        grid = self.grid.from_file(*places)
        values = ndimage.map_coordinates(self.probability, grid, order=1, mode="constant")
        return Outline(values.astype(np.float32), *first, self.level)


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
    thresholds : dict of str to float
        Least score of a candidate: ``whole`` in whole slices, where there is much to mistake for a nodule,
        and ``part`` in smaller fields, which somebody has chosen.

    Raises
    ------
    WeightsError
        Why the weights cannot be used.
    """

    def __init__(self, folder, report=None):
        self.report = report or read_report(folder, KEY)
        model = build_localiser(tuple(self.report.get("filters", FILTERS)))
        fill(model, folder, KEY, self.report)
        self._answer = compiled(FoldedGraph(model), [OUTPUT])
        self.thresholds = self.report["thresholds"]
        self.maps(np.zeros((8, AROUND, AROUND, 3), np.float32))

    def maps(self, fields):
        """Probability (n, rows, cols) of each pixel of fields (n, rows, cols, 3); multiples of `STRIDE`."""
        maps = side_by_side(lambda some: self._answer(tf.constant(some))[OUTPUT].numpy(), shares(fields))
        return np.concatenate(maps)[..., 0]

    def look_at(self, scan, row, col, index):
        """What the network sees at a place of a scan; `OutlinedNodule`, or None where it sees no nodule.

        Answers for the eight mirrored and turned views are averaged, as the classifiers' are. The network
        has learnt from lesions of up to 40 mm: what is larger it sees on a grid twice as coarse.
        """
        return self._large(scan, row, col, index) or self._seen(scan, row, col, index, 1.0, self._averaged)

    def _large(self, scan, row, col, index):
        """What is large on the coarse grid; a glance, without the eight views, tells whether to look."""
        glance = self._seen(scan, row, col, index, COARSE, lambda field: self.maps(field[None])[0])
        if glance is None or glance.diameter_mm < GLANCE * LARGE_MM:
            return None
        seen = self._seen(scan, row, col, index, COARSE, self._averaged)
        return seen if seen is not None and seen.diameter_mm >= LARGE_MM else None

    def _seen(self, scan, row, col, index, scale, answer):
        grid = Grid.around(row, col, AROUND, tuple(mm / scale for mm in scan.spacing_mm))
        own = component(answer(field_at(scan, index, grid)))
        return None if own is None else OutlinedNodule(*own, grid, scale)

    def outline(self, scan, roi):
        """`Outline` of the nodule at a place of a scan; None where the network sees none there."""
        seen = self.look_at(scan, roi.row, roi.col, roi.slice)
        return None if seen is None else seen.in_file((scan.rows, scan.cols))

    def _averaged(self, field):
        views = [turned(field, turns, mirror) for mirror in (False, True) for turns in range(4)]
        maps = self.maps(np.stack(views))
        return np.mean([turned_back(m, i % 4, i >= 4) for i, m in enumerate(maps)], axis=0)


def turned(field, turns, mirror):
    """A field after quarter turns and a mirror."""
    field = np.rot90(field, turns)
    return field[::-1] if mirror else field


def turned_back(field, turns, mirror):
    """What `turned` turned, as it was."""
    return np.rot90(field[::-1] if mirror else field, -turns)


def component(probability):
    """The nodule in the middle of a map.

    Where the network is less sure than `LEVEL` at the place, half of what it says there is the level: the
    user has said that there is a nodule.

    Parameters
    ----------
    probability : ndarray of shape (n, n)
        On the grid; the chosen place is its middle.

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
    part = parts == parts.flat[np.where(parts > 0, off, np.inf).argmin()]
    others = ndimage.binary_dilation((parts > 0) & ~part)
    return np.where(ndimage.binary_dilation(part, iterations=2) & ~others, probability, 0), level
