"""Shapes of known size, as a perfect network would see them: how much of each pixel they cover."""

import numpy as np

from models.imaging.field import Grid
from models.inference.detection.localiser import OutlinedNodule
from models.inference.measurement.outline import Outline

SAMPLES = 16  # a pixel side


def covered(inside, shape):
    """Share of each pixel that a shape covers; ``inside(rows, cols)`` says which points belong to it."""
    offsets = (np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5
    rows, cols = ((np.arange(n)[:, None] + offsets).ravel() for n in shape)
    samples = inside(rows[:, None], cols[None, :]).astype(np.float32)
    return samples.reshape(shape[0], SAMPLES, shape[1], SAMPLES).mean(axis=(1, 3))


def disc_outline(diameter_mm, spacing_mm, centre, shape=(40, 40), top=0, left=0):
    """Outline of a disc; its centre is in pixels of the window."""

    def inside(rows, cols):
        away = np.hypot((rows - centre[0]) * spacing_mm[0], (cols - centre[1]) * spacing_mm[1])
        return away <= diameter_mm / 2

    return Outline(covered(inside, shape), top, left, 0.5)


class SeenDisc(OutlinedNodule):
    """A disc about a location, as sharp as the file's pixels allow."""

    def __init__(self, diameter_mm, place, spacing_mm):
        super().__init__(np.ones((16, 16), np.float32), 0.5, Grid.around(*place, 16, spacing_mm))
        vars(self).update(disc_mm=diameter_mm, at=place)

    @property
    def place(self):
        return self.at

    def in_file(self, shape, larger=0):
        return disc_outline(self.disc_mm, self.grid.spacing_mm, self.at, shape)


class DiscLocaliser:
    """Sees a disc at every place, and nothing of it in the next slices."""

    def __init__(self, diameter_mm):
        self.diameter_mm = diameter_mm

    def look_at(self, scan, row, col, index):
        return SeenDisc(self.diameter_mm, (row, col), scan.spacing_mm)

    def maps(self, fields):
        return np.zeros(fields.shape[:3], np.float32)


class BlindLocaliser:
    """Sees no nodule anywhere."""

    def look_at(self, scan, row, col, index):
        return None
