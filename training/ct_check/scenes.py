"""More that is no CT, drawn: landscapes, plants, cloth, rooms, and other medical pictures.

Families as in `training.ct_check.patterns`.
"""

import numpy as np
from scipy import ndimage

from training.ct_check.strokes import canvas, cloud_noise, grid, unit


def landscape(rng, size):
    """Sky, hills one behind another, perhaps water that mirrors them."""
    rows, cols = grid(size)
    values = 0.7 + rng.uniform(-0.4, 0.4) * rows + 0.2 * cloud_noise(rng, size, 1.8)
    texture = cloud_noise(rng, size, rng.uniform(0.8, 1.3))
    for level in np.sort(rng.uniform(-0.3, 0.3, rng.integers(2, 6))):
        ridge = level + 0.25 * (cloud_noise(rng, size, 1.4)[size // 2] - 0.5)
        hill = rng.uniform(0.1, 0.7) + rng.uniform(0.1, 0.5) * (texture - 0.5)
        values = np.where(rows > ridge, hill, values)
    if rng.random() < 0.3:
        half = size // 2
        values[half:] = 0.7 * values[:half][::-1][: size - half] if size % 2 == 0 else values[half:]
    return values + rng.uniform(0, 0.03) * rng.normal(size=values.shape)


def plant(rng, size):
    """A branching tree before the sky or a dark ground."""
    image, draw = canvas(size, 255)
    ends = [(size / 2, size * 0.98, -np.pi / 2, size * 0.22, size * 0.05)]
    while ends:
        col, row, angle, length, width = ends.pop()
        tip = col + length * np.cos(angle), row + length * np.sin(angle)
        draw.line((col, row, *tip), fill=int(rng.integers(0, 80)), width=max(1, int(width)))
        if length > size * 0.025:
            for turn in rng.normal(0, 0.5, rng.integers(2, 4)):
                ends.append((*tip, angle + turn, length * rng.uniform(0.6, 0.8), width * 0.65))
    tree = ndimage.gaussian_filter(np.asarray(image) / 255.0, rng.choice([0, 0.7, 1.5]))
    sky = 0.6 + 0.4 * cloud_noise(rng, size, rng.uniform(1, 2))
    values = tree * sky + 0.1 * (1 - tree)
    values = 1 - values if rng.random() < 0.4 else values
    return values + rng.uniform(0, 0.04) * rng.normal(size=values.shape)


def cloth(rng, size):
    """A weave with folds."""
    rows, cols = grid(size)
    fold = cloud_noise(rng, size, rng.uniform(1.6, 2.4))
    count, bend = rng.uniform(8, size / 4), rng.uniform(0, 0.1)
    threads = np.sin(2 * np.pi * count * (rows + bend * fold)) * np.sin(
        2 * np.pi * count * (cols - bend * fold)
    )
    values = fold + rng.uniform(0.05, 0.4) * threads
    return values + rng.uniform(0, 0.05) * rng.normal(size=values.shape)


def room(rng, size):
    """Walls, floor and boxes in perspective, lit from one side."""
    rows, cols = grid(size)
    row, col = rng.uniform(-0.15, 0.15, 2)
    down, across = rows - row, cols - col
    side = np.where(np.abs(down) > np.abs(across), (down > 0).astype(int), 2 + (across > 0))
    depth = np.maximum(np.abs(down), np.abs(across))
    values = rng.uniform(0.2, 0.9, 4)[side] * (0.4 + depth)
    values = np.where(depth < rng.uniform(0.05, 0.2), rng.random(), values)
    if rng.random() < 0.6:
        tiles = (np.floor(6 * across / np.maximum(down, 0.02)) + np.floor(1.5 / np.maximum(down, 0.02))) % 2
        values = np.where(side == 1, values * (0.6 + 0.4 * tiles), values)
    for _ in range(rng.integers(1, 6)):
        top, left = rng.uniform(-0.4, 0.4, 2)
        box = (np.abs(rows - top) < rng.uniform(0.03, 0.15)) & (np.abs(cols - left) < rng.uniform(0.03, 0.15))
        values = np.where(box, rng.random() * (0.7 + 0.3 * unit(cols)), values)
    return values + 0.1 * cloud_noise(rng, size, 1) + rng.uniform(0, 0.04) * rng.normal(size=values.shape)


def portrait(rng, size):
    """Soft lit solids before a blurred ground, as a head and shoulders in a photograph."""
    rows, cols = grid(size)
    values = ndimage.gaussian_filter(cloud_noise(rng, size, 1), size / rng.uniform(10, 40))
    values = unit(values) * rng.uniform(0.2, 0.9)
    for row, high, wide in ((0.42, 0.3, 0.4), (-0.05, 0.27, 0.2)):
        down, across = (rows - row) / high, (cols - rng.uniform(-0.05, 0.05)) / wide
        inside = 1 - down**2 - across**2
        shade = 0.45 + rng.uniform(-0.3, 0.3) * across + 0.3 * np.sqrt(np.maximum(inside, 0))
        cover = 1 / (1 + np.exp(np.clip(-inside * rng.uniform(20, 80), -30, 30)))
        values = values * (1 - cover) + cover * (shade + 0.15 * cloud_noise(rng, size, 1.2))
    hair = (rows < -0.12 + 0.1 * np.cos(8 * cols)) & (np.hypot(rows + 0.08, cols) < 0.27)
    strands = ndimage.uniform_filter1d(rng.normal(size=(size, size)), 9, axis=0)
    return np.where(hair, rng.uniform(0, 0.3) + 0.15 * strands, values) + 0.02 * rng.normal(size=values.shape)


def emission(rng, size):
    """Hot spots in a blurred body: scintigraphy, PET."""
    rows, cols = grid(size)
    values = 0.15 * (np.hypot(rows / rng.uniform(0.3, 0.5), cols / rng.uniform(0.2, 0.5)) < 1)
    for _ in range(rng.integers(2, 12)):
        row, col = rng.uniform(-0.3, 0.3, 2)
        values = values + rng.random() * (np.hypot(rows - row, cols - col) < rng.uniform(0.02, 0.12))
    values = ndimage.gaussian_filter(values, rng.uniform(1.5, 5))
    counts = rng.uniform(10, 200)
    return ndimage.gaussian_filter(rng.poisson(values * counts) / counts, rng.uniform(0, 2))


def layers(rng, size):
    """Bands of speckle that undulate: optical coherence tomography."""
    rows, _ = grid(size)
    bend = 0.2 * (cloud_noise(rng, size, 2.2)[size // 2] - 0.5)
    values = np.full(rows.shape, 0.05)
    for low, tone in zip(np.sort(rng.uniform(-0.35, 0.3, 7)), rng.uniform(0.1, 0.9, 7), strict=True):
        values = np.where(rows - bend > low, tone, values)
    values = np.where(rows - bend > 0.32, 0.1, values)
    speckle = rng.gamma(rng.uniform(2, 12), size=values.shape)
    return ndimage.gaussian_filter(values * speckle / speckle.mean(), (0.4, rng.uniform(0.4, 1.5)))


def mammogram(rng, size):
    """A bright half disc of strands against a wall, the rest black."""
    rows, cols = grid(size)
    shape = np.hypot(rows / rng.uniform(0.35, 0.48), (cols + 0.5) / rng.uniform(0.5, 0.9))
    strands = cloud_noise(rng, size, rng.uniform(1.0, 1.6))
    values = np.clip((1 - shape) * 3, 0, 1) * (0.3 + 0.6 * strands)
    return ndimage.gaussian_filter(values, rng.uniform(0, 1)) + rng.uniform(0, 0.02) * rng.normal(
        size=values.shape
    )


def joint(rng, size):
    """Radiograph of long bones: bright rims, soft shadow, black beyond."""
    rows, cols = grid(size)
    values = 0.35 * np.sqrt(np.maximum(0, 1 - (cols / rng.uniform(0.25, 0.45)) ** 2))
    for _ in range(rng.integers(1, 5)):
        middle = rng.uniform(-0.2, 0.2) + rng.uniform(-0.3, 0.3) * rows
        wide = rng.uniform(0.04, 0.12) * (1 + 2 * rows**2)
        inside = np.maximum(0, 1 - ((cols - middle) / wide) ** 2)
        part = (rows > rng.uniform(-0.6, 0)) & (rows < rng.uniform(0.1, 0.6))
        values += np.where(
            part, 0.5 * np.sqrt(inside) + 0.3 * np.exp(-((inside - 0.15) ** 2) / 0.02) * (inside > 0), 0
        )
    values = ndimage.gaussian_filter(values, rng.uniform(0.5, 2)) * (0.9 + 0.2 * cloud_noise(rng, size, 1))
    return values + rng.uniform(0.003, 0.04) * rng.normal(size=values.shape)
