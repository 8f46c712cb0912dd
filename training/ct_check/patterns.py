"""Patterns that are no CT: noise, gradients, lattices, textures.

Each family is a function of a random generator and an edge in pixels. Values are floats, roughly 0 to 1;
`training.ct_check.sets` varies contrast, size and file format.
"""

import numpy as np
from scipy import ndimage, spatial

from training.ct_check.strokes import cloud_noise, grid, unit


def clouds(rng, size):
    return cloud_noise(rng, size, rng.uniform(0.6, 2.4))


def clouds_cut(rng, size):
    """Clouds divided in two tones, with or without clouds on them."""
    mask = clouds(rng, size) > rng.uniform(0.3, 0.7)
    soft = ndimage.gaussian_filter(mask.astype(float), rng.uniform(0.3, 3))
    return soft + rng.choice([0, 0.1, 0.3]) * clouds(rng, size)


def white_noise(rng, size):
    kind = rng.integers(4)
    if kind == 0:
        return rng.random((size, size))
    if kind == 1:
        return rng.normal(size=(size, size))
    if kind == 2:
        return (rng.random((size, size)) < rng.uniform(0.02, 0.5)).astype(float)
    return rng.exponential(size=(size, size))


def blurred_noise(rng, size):
    return unit(ndimage.gaussian_filter(rng.normal(size=(size, size)), rng.uniform(0.5, size / 12)))


def gradient(rng, size):
    rows, cols = grid(size)
    angle, (row, col) = rng.uniform(0, 2 * np.pi), rng.uniform(-0.5, 0.5, 2)
    kind = rng.integers(3)
    if kind == 0:
        ramp = rows * np.sin(angle) + cols * np.cos(angle)
    elif kind == 1:
        ramp = np.hypot(rows - row, cols - col)
    else:
        ramp = np.arctan2(rows - row, cols - col)
    ramp = unit(ramp) ** rng.uniform(0.4, 2.5)
    if rng.random() < 0.4:
        top, left = rng.integers(0, size // 2, 2)
        ramp[top : top + size // 3, left : left + size // 3] = rng.random()
    return ramp + rng.choice([0, 0.01, 0.05]) * rng.normal(size=ramp.shape)


def stripes(rng, size):
    rows, cols = grid(size)
    angle, count = rng.uniform(0, np.pi), rng.uniform(2, size / 5)
    wave = np.sin(2 * np.pi * count * (rows * np.sin(angle) + cols * np.cos(angle)))
    if rng.random() < 0.4:
        wave = np.sign(wave)
    if rng.random() < 0.3:
        wave = wave * np.sin(2 * np.pi * count * (rows * np.cos(angle) - cols * np.sin(angle)))
    return wave + rng.choice([0, 0.1, 0.4]) * rng.normal(size=wave.shape)


def rings(rng, size):
    rows, cols = grid(size)
    row, col = rng.uniform(-0.5, 0.5, 2)
    return np.cos(rng.uniform(10, size / 2) * np.hypot(rows - row, cols - col) ** rng.uniform(0.7, 2))


def checkerboard(rng, size):
    rows, cols = np.mgrid[:size, :size] // rng.integers(2, max(3, size // 4))
    board = ((rows + cols) % 2).astype(float)
    board = ndimage.rotate(board, rng.choice([0, rng.uniform(0, 90)]), reshape=False, mode="reflect", order=1)
    return board + rng.choice([0, 0.05, 0.3]) * rng.normal(size=board.shape)


def voronoi(rng, size):
    count = int(rng.integers(4, 120))
    tree = spatial.cKDTree(rng.uniform(0, size, (count, 2)))
    places = np.stack(np.mgrid[:size, :size], axis=-1).reshape(-1, 2)
    distance, nearest = tree.query(places, k=2)
    tones = rng.random(count)[nearest[:, 0]]
    walls = distance[:, 1] - distance[:, 0] < rng.uniform(0, 4)
    kind = rng.integers(3)
    values = tones if kind == 0 else walls.astype(float) if kind == 1 else distance[:, 0]
    values = np.where(walls, 0, values) if kind == 0 and rng.random() < 0.5 else values
    values = unit(values.reshape(size, size))
    return values + rng.choice([0, 0.03, 0.1]) * rng.normal(size=values.shape)


def bricks(rng, size):
    high = max(4, int(size * rng.uniform(0.04, 0.15)))
    wide, joint = int(high * rng.uniform(1.5, 3)), max(1, high // 7)
    rows, cols = np.mgrid[:size, :size]
    course = rows // high
    cols = cols + (course % 2) * (wide // 2)
    tone = rng.random((size // high + 2, size // wide + 4))[course, cols // wide]
    mortar = (rows % high < joint) | (cols % wide < joint)
    values = np.where(mortar, rng.random(), 0.3 + 0.4 * tone) + 0.15 * cloud_noise(rng, size, 0.8)
    return values + rng.choice([0, 0.03, 0.08]) * rng.normal(size=values.shape)


def wood(rng, size):
    rows, cols = grid(size)
    bend = rng.uniform(0.02, 0.15) * cloud_noise(rng, size, 1.8)
    grain = np.sin(2 * np.pi * rng.uniform(4, 30) * (cols + bend + 0.2 * rows**2))
    fibres = ndimage.uniform_filter1d(rng.normal(size=(size, size)), max(3, size // 6), axis=0)
    return unit(grain) + rng.uniform(0.2, 1.5) * fibres


def starfield(rng, size):
    values = np.zeros((size, size))
    count = int(rng.integers(10, 400) * size**2 / 256**2) + 3
    rows, cols = rng.integers(0, size, (2, count))
    values[rows, cols] = rng.pareto(1.5, count) + 0.2
    values = np.clip(ndimage.gaussian_filter(values, rng.uniform(0.4, 1.5)) * 5, 0, 1)
    return (
        values
        + 0.1 * rng.random() * cloud_noise(rng, size, 1.5)
        + rng.uniform(0, 0.05) * rng.normal(size=values.shape)
    )


def fractal(rng, size):
    """Julia sets."""
    rows, cols = grid(size) * rng.uniform(1, 3.2)
    z, c = cols + 1j * rows, rng.uniform(0.3, 0.9) * np.exp(1j * rng.uniform(0, 2 * np.pi))
    count = np.zeros(z.shape)
    for _ in range(40):
        z = np.where(np.abs(z) < 4, z**2 + c, z)
        count += np.abs(z) < 4
    return count ** rng.uniform(0.4, 1)


def leaves(rng, size):
    """Dead leaves: opaque discs of all sizes over one another, with the statistics of photographs."""
    rows, cols = np.mgrid[:size, :size]
    values, texture = np.zeros((size, size)), cloud_noise(rng, size, 1.0)
    for _ in range(150):
        radius = size * 0.02 / max(rng.random(), 0.02) ** 0.7
        row, col = rng.uniform(0, size, 2)
        inside = (rows - row) ** 2 + (cols - col) ** 2 < radius**2
        values[inside] = rng.random() + rng.uniform(0, 0.4) * texture[inside]
    return values + rng.choice([0, 0.02, 0.05]) * rng.normal(size=values.shape)


def maze(rng, size):
    """Reaction and diffusion: labyrinths and spots."""
    values = rng.normal(size=(size, size))
    fine, coarse = rng.uniform(1, 2.5), rng.uniform(3, 6)
    for _ in range(6):
        values = ndimage.gaussian_filter(values, fine, mode="wrap") - ndimage.gaussian_filter(
            values, coarse, mode="wrap"
        )
        values = np.tanh(values / values.std() * 1.5 + rng.uniform(-0.3, 0.3))
    return values + rng.choice([0, 0.05, 0.2]) * rng.normal(size=values.shape)
