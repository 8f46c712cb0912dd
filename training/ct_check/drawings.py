"""Pictures that are no CT, drawn: what packages hardly ship, and photographs alone do not teach to refuse.

Each of `FAMILIES` is a function of a random generator and an edge in pixels. Values are roughly 0 to 1;
`training.ct_check.sets` varies contrast, size and file format.
"""

import numpy as np
from scipy import ndimage


def grid(size: int) -> np.ndarray:
    """Rows and columns from -0.5 to 0.5."""
    return np.mgrid[:size, :size] / size - 0.5


def unit(values: np.ndarray) -> np.ndarray:
    """Stretched from 0 to 1."""
    low, high = values.min(), values.max()
    return (values - low) / max(high - low, 1e-9)


def cloud_noise(rng: np.random.Generator, size: int, power: float) -> np.ndarray:
    """Noise whose amplitude falls as frequency to minus `power`: clouds, terrain."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    frequency[0, 0] = 1
    waves = np.fft.fft2(rng.normal(size=(size, size))) / frequency**power
    return unit(np.fft.ifft2(waves).real)


def ultrasound(rng: np.random.Generator, size: int) -> np.ndarray:
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


def magnetic(rng: np.random.Generator, size: int) -> np.ndarray:
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


def emission(rng: np.random.Generator, size: int) -> np.ndarray:
    """Hot spots in a blurred body: scintigraphy, PET."""
    rows, cols = grid(size)
    values = 0.15 * (np.hypot(rows / rng.uniform(0.3, 0.5), cols / rng.uniform(0.2, 0.5)) < 1)
    for _ in range(rng.integers(2, 12)):
        row, col = rng.uniform(-0.3, 0.3, 2)
        values = values + rng.random() * (np.hypot(rows - row, cols - col) < rng.uniform(0.02, 0.12))
    values = ndimage.gaussian_filter(values, rng.uniform(1.5, 5))
    counts = rng.uniform(10, 200)
    return ndimage.gaussian_filter(rng.poisson(values * counts) / counts, rng.uniform(0, 2))


def landscape(rng: np.random.Generator, size: int) -> np.ndarray:
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


def uniform_phantom(rng: np.random.Generator, size: int) -> np.ndarray:
    """Discs of plain tones in a cylinder, as in quality control; sharper and emptier than a body."""
    rows, cols = grid(size)
    values = np.where(np.hypot(rows, cols) < rng.uniform(0.3, 0.48), rng.uniform(0.4, 0.8), 0.0)
    for angle in np.linspace(0, 2 * np.pi, rng.integers(2, 12), endpoint=False):
        row, col = rng.uniform(0.1, 0.3) * np.array([np.sin(angle), np.cos(angle)])
        values = np.where(np.hypot(rows - row, cols - col) < rng.uniform(0.01, 0.06), rng.random(), values)
    values = ndimage.gaussian_filter(values, rng.uniform(0, 1.2))
    return values + rng.choice([0, 0.01, 0.03]) * rng.normal(size=values.shape)


def blobs(rng: np.random.Generator, size: int) -> np.ndarray:
    """Round blobs on a ground, as cells under a microscope or circles of a test object."""
    rows, cols = np.mgrid[:size, :size]
    values = np.full((size, size), rng.random())
    sharp, radius = rng.uniform(0.3, 4), rng.uniform(0.02, 0.12) * size
    tones = rng.normal(rng.choice([-0.6, 0.6]), 0.15, 60)
    for tone in tones[: rng.integers(3, 60)]:
        row, col = rng.uniform(0, size, 2)
        distance = np.hypot((rows - row) * rng.uniform(0.7, 1.4), cols - col) - radius * rng.uniform(0.5, 1.5)
        values = values + tone / (1 + np.exp(np.clip(distance / sharp, -30, 30)))
    return values + rng.choice([0, 0.03, 0.1]) * rng.normal(size=values.shape)


FAMILIES = {
    family.__name__: family for family in (ultrasound, magnetic, emission, landscape, uniform_phantom, blobs)
}
