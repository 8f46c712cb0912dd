"""Shapes of known size, as a perfect network would see them: how much of each pixel they cover."""

import numpy as np

from models.inference.outline import Outline

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


class DiscLocaliser:
    """Sees a disc at every place."""

    def __init__(self, diameter_mm):
        self.diameter_mm = diameter_mm

    def outline(self, scan, roi):
        shape = (scan.rows, scan.cols)
        return disc_outline(self.diameter_mm, scan.spacing_mm, (roi.row, roi.col), shape)


class BlindLocaliser:
    """Sees no nodule anywhere."""

    def outline(self, scan, roi):
        return None
