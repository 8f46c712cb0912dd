"""Other kinds of medical imaging, drawn roughly: each family as in `training.ct_check.patterns`."""

import numpy as np
from scipy import ndimage

from training.ct_check.strokes import cloud_noise, grid, unit


def radiograph(rng, size):
    """Sums of thicknesses: two lungs, heart, ribs and spine, or a limb, through a smooth film."""
    rows, cols = grid(size)
    values = _thickness(rows, cols, 0, 0, 0.6, 0.5)
    for side in (-1, 1):
        values -= 0.5 * _thickness(rows, cols, -0.02, side * rng.uniform(0.18, 0.25), 0.35, 0.15)
    values += rng.uniform(0.2, 0.5) * _thickness(rows, cols, 0.12, rng.uniform(-0.1, 0.1), 0.2, 0.16)
    values += 0.3 * np.exp(-((cols / 0.04) ** 2))
    for number in range(rng.integers(0, 12)):
        arch = rows + 0.4 - number * 0.085 - rng.uniform(0.3, 0.9) * cols**2
        values += 0.12 * np.exp(-((np.abs(arch) - 0.012) ** 2) / 0.0001)
    values = ndimage.gaussian_filter(values, rng.uniform(0.3, 2)) + 0.15 * cloud_noise(rng, size, 1.5)
    return values + rng.uniform(0.005, 0.05) * rng.normal(size=values.shape)


def _thickness(rows, cols, row, col, high, wide):
    return np.sqrt(np.maximum(0, 1 - ((rows - row) / high) ** 2 - ((cols - col) / wide) ** 2))


def ultrasound(rng, size):
    """Speckle in a sector or a box, cysts without echo, brighter interfaces, darker with depth."""
    rows, cols = grid(size)
    spread = rng.uniform(0.6, 2.5)
    echo = np.abs(
        ndimage.gaussian_filter(rng.normal(size=(size, size)), (0.7, spread))
        + 1j * ndimage.gaussian_filter(rng.normal(size=(size, size)), (0.7, spread))
    )
    tissue = 0.3 + cloud_noise(rng, size, rng.uniform(1.2, 2))
    for _ in range(rng.integers(0, 5)):
        row, col = rng.uniform(-0.4, 0.4, 2)
        tissue *= np.hypot((rows - row) / rng.uniform(0.04, 0.15), (cols - col) / rng.uniform(0.04, 0.2)) > 1
    for _ in range(rng.integers(0, 4)):
        arch = rows - rng.uniform(-0.4, 0.4) - rng.uniform(-0.6, 0.6) * cols**2
        tissue += rng.uniform(0.5, 3) * np.exp(-((arch / 0.012) ** 2))
    values = np.log1p(rng.uniform(5, 30) * unit(echo) * tissue * np.exp(-rng.uniform(0, 2) * rows))
    if rng.random() < 0.7:
        depth, angle = np.hypot(rows + 0.6, cols), np.arctan2(cols, rows + 0.6)
        values = np.where(
            (np.abs(angle) < rng.uniform(0.4, 0.8)) & (depth > 0.12) & (depth < 1.05), values, 0
        )
    return values


def magnetic(rng, size):
    """Rings and lobes of many greys in a dark surround, coil shading, noise that is never negative."""
    rows, cols = grid(size)
    shape = np.hypot(rows / rng.uniform(0.35, 0.55), cols / rng.uniform(0.3, 0.55))
    shape = shape + 0.1 * (cloud_noise(rng, size, 2) - 0.5)
    values = (shape < 1) * rng.uniform(0.4, 1.0)
    values = np.where(shape < 0.92, rng.uniform(0.0, 0.4), values)
    folds = cloud_noise(rng, size, rng.uniform(1.3, 2))
    for level in np.sort(rng.uniform(0.2, 0.8, rng.integers(1, 4))):
        values = np.where((shape < 0.85) & (folds > level), rng.uniform(0.2, 1), values)
    for _ in range(rng.integers(0, 6)):
        row, col = rng.uniform(-0.25, 0.25, 2)
        inside = np.hypot((rows - row) / rng.uniform(0.02, 0.12), (cols - col) / rng.uniform(0.02, 0.12)) < 1
        values = np.where(inside & (shape < 0.85), rng.random(), values)
    values = ndimage.gaussian_filter(values, rng.uniform(0.4, 1.5)) * (
        1 + 0.6 * (cloud_noise(rng, size, 2.5) - 0.5)
    )
    noise = rng.uniform(0.005, 0.06)
    return np.hypot(values + noise * rng.normal(size=values.shape), noise * rng.normal(size=values.shape))


def fundus(rng, size):
    """A disc with branching vessels and a bright optic disc."""
    rows, cols = grid(size)
    values = 0.4 + 0.3 * cloud_noise(rng, size, 1.8) - 0.4 * np.hypot(rows, cols)
    col = rng.choice([-1, 1]) * 0.18
    for _ in range(rng.integers(6, 16)):
        path = np.cumsum(rng.normal(rng.normal(0, 0.006, 2), 0.004, (90, 2)), axis=0) + (0, col)
        places = np.clip(((path + 0.5) * size).astype(int), 0, size - 1)
        line = np.ones(values.shape, bool)
        line[tuple(places.T)] = False
        values -= 0.15 * np.exp(
            -((ndimage.distance_transform_edt(line) / (size * rng.uniform(0.004, 0.012))) ** 2)
        )
    values += 0.5 / (1 + np.exp((np.hypot(rows, cols - col) - 0.06) * 150))
    values = np.where(np.hypot(rows, cols) < rng.uniform(0.42, 0.6), values, 0)
    return values + rng.uniform(0, 0.03) * rng.normal(size=values.shape)


def histology(rng, size):
    """Dark nuclei on paler, cloudy tissue with clefts."""
    tissue = 0.7 + 0.25 * cloud_noise(rng, size, rng.uniform(0.8, 1.6))
    tissue = np.where(cloud_noise(rng, size, 1.8) > rng.uniform(0.6, 0.9), 0.95, tissue)
    rows, cols = np.mgrid[:size, :size]
    for _ in range(rng.integers(20, 120)):
        (row, col), radius = rng.uniform(0, size, 2), size * rng.uniform(0.008, 0.03)
        near = (np.abs(rows - row) < 4 * radius) & (np.abs(cols - col) < 4 * radius)
        distance = np.hypot(rows[near] - row, (cols[near] - col) * rng.uniform(0.6, 1.6)) - radius
        tissue[near] -= 0.4 / (1 + np.exp(np.clip(distance * 1.5, -30, 30)))
    return tissue + rng.uniform(0, 0.05) * rng.normal(size=tissue.shape)


def uniform_phantom(rng, size):
    """Discs of plain tones in a cylinder, as in quality control; sharper and emptier than a body."""
    rows, cols = grid(size)
    values = np.where(np.hypot(rows, cols) < rng.uniform(0.3, 0.48), rng.uniform(0.4, 0.8), 0.0)
    for angle in np.linspace(0, 2 * np.pi, rng.integers(2, 12), endpoint=False):
        row, col = rng.uniform(0.1, 0.3) * np.array([np.sin(angle), np.cos(angle)])
        values = np.where(np.hypot(rows - row, cols - col) < rng.uniform(0.01, 0.06), rng.random(), values)
    values = ndimage.gaussian_filter(values, rng.uniform(0, 1.2))
    return values + rng.choice([0, 0.01, 0.03]) * rng.normal(size=values.shape)
