"""Drawn bodies in HU for tests of what a slice shows: chest, head, legs, abdomen; each 512 x 512, 0.7 mm."""

import functools

import numpy as np
from scipy import ndimage

from models.errors import UserError

SHAPE, SPACING_MM = (512, 512), (0.7, 0.7)
AIR, TISSUE, BONE, GAS, LUNG = -1000, 40, 900, -990, -850


def paint(parts, seed=0, noise_hu=12):
    """Ellipses over air: each (row, col, row radius, col radius, HU) in shares of the image; then noise."""
    hu = np.full(SHAPE, AIR, np.float32)
    for row, col, down, across, value in parts:
        box = np.s_[_span(row, down, 0), _span(col, across, 1)]
        rows, cols = np.ogrid[box]
        inside = ((rows / 511 - row) / down) ** 2 + ((cols / 511 - col) / across) ** 2 <= 1
        hu[box][inside] = value
    blurred = ndimage.gaussian_filter(hu, 0.8)
    return blurred + np.random.default_rng(seed).normal(0, noise_hu, SHAPE).astype(np.float32)


def _span(centre, radius, axis):
    low, high = (centre - radius) * 511, (centre + radius) * 511
    return slice(max(0, int(low) - 1), min(SHAPE[axis], int(high) + 2))


TRUNK = (0.5, 0.5, 0.36, 0.46, TISSUE)
TRACHEA = (0.42, 0.5, 0.022, 0.02, GAS)


def lung_parts(left=LUNG, right=LUNG, size=1.0, seed=0):
    """Two lungs of some HU and size, with vessels; None for a lung that holds no air."""
    rng, parts = np.random.default_rng(seed), []
    for col, value in ((0.3, left), (0.7, right)):
        if value is None:
            continue
        down, across = 0.24 * size, 0.15 * size
        parts.append((0.5, col, down, across, value))
        for _ in range(max(2, round(60 * size**2))):
            angle, share = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.85)
            place = 0.5 + share * down * np.sin(angle), col + share * across * np.cos(angle)
            parts.append((*place, *[rng.uniform(0.003, 0.008)] * 2, 30))
    return parts


@functools.cache
def chest(**lungs):
    """Trunk, lungs and trachea, read-only; see `lung_parts`."""
    hu = paint([TRUNK, *lung_parts(**lungs), TRACHEA])
    hu.flags.writeable = False
    return hu


def head_with_cells():
    """A skull with sinuses and with mastoid cells, small air spaces walled by bone."""
    rng = np.random.default_rng(0)
    parts = [(0.5, 0.5, 0.30, 0.24, BONE), (0.5, 0.5, 0.27, 0.21, 35), (0.3, 0.47, 0.05, 0.03, GAS)]
    for col in (0.32, 0.68):
        parts.append((0.6, col, 0.055, 0.05, BONE))
        for _ in range(40):
            row, across = rng.uniform(-0.03, 0.03, 2)
            parts.append((0.6 + row, col + across, 0.006, 0.006, -850))
    return paint(parts)


def legs(apart):
    """Two thighs with femora; where they touch, a pocket of air is between them."""
    cols = (0.28, 0.72) if apart else (0.31, 0.69)
    parts = [part for col in cols for part in ((0.5, col, 0.25, 0.2, TISSUE), (0.5, col, 0.06, 0.05, BONE))]
    bridges = [] if apart else [(row, 0.5, 0.02, 0.1, TISSUE) for row in (0.38, 0.62)]
    return paint([*parts, *bridges])


def abdomen(seed=0):
    """A trunk with gas in the bowel."""
    rng = np.random.default_rng(seed)
    gas = [(*rng.uniform(0.3, 0.7, 2), *rng.uniform(0.01, 0.07, 2), GAS) for _ in range(8)]
    return paint([TRUNK, *gas])


def water_cylinder():
    """The scanner's test object."""
    return paint([(0.5, 0.5, 0.4, 0.4, 0)])


def hu_of(dataset):
    """HU of a file read by pydicom, without more ado."""
    return dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)


def code_of(check, *arguments):
    """The code with which a check refuses; None where it passes."""
    try:
        check(*arguments)
    except UserError as error:
        return error.code
    return None
