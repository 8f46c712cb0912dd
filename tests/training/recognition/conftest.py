"""What the recognition network can learn from in a test: made crops, and drawn chests."""

import numpy as np
import pytest

from training.recognition.sources import Source

SPACING = (1.4, 1.4)


def drawn_chest(rng, size=256):
    """A slice in HU: air, a body with two lungs, vessels in them, a spine between them."""
    rows, cols = np.indices((size, size))
    hu = np.full((size, size), -1000.0)
    hu[_ellipse(rows, cols, size / 2, size / 2, 0.38 * size, 0.45 * size)] = 40
    for side in (0.3, 0.7):
        hu[_ellipse(rows, cols, size / 2, side * size, 0.28 * size, 0.15 * size)] = -860
        for _ in range(12):
            row, col = rng.uniform(0.35, 0.65) * size, (side + rng.uniform(-0.08, 0.08)) * size
            hu[np.hypot(rows - row, cols - col) < 2] = 20
    hu[_ellipse(rows, cols, 0.75 * size, size / 2, 0.06 * size, 0.06 * size)] = 300
    return np.round(hu + rng.normal(0, 10, hu.shape)).astype(np.int16)


def _ellipse(rows, cols, row, col, down, across):
    return ((rows - row) / down) ** 2 + ((cols - col) / across) ** 2 <= 1


@pytest.fixture(scope="session")
def sources():
    """A series with one marked nodule, and a picture of each fold."""
    rng = np.random.default_rng(0)
    series = np.stack([drawn_chest(rng) for _ in range(6)])
    marked = [(2, 3, 128.0, 77.0, 5.0)]
    pictures = [
        Source(f"normal-{fold}", fold, drawn_chest(rng)[None], SPACING, None, lungs=fold != 1)
        for fold in range(3)
    ]
    return [Source("series", 0, series, SPACING, 4.0, marked), *pictures]
