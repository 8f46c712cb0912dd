"""A drawn nodule on drawn lung: a sample for newcomers without data, and test data. No patient is in it."""

import numpy as np

from models.imaging.display import to_grey
from models.imaging.scan import Notice

KINDS = {"smooth": 6.0, "spiculated": 22.0}  # kind of nodule: diameter in mm
SAMPLE = Notice(
    "sample",
    "Computer-generated, not from a patient: the result shows how the app works, not how good the models "
    "are.",
)
LUNG_HU, TISSUE_HU, WALL_HU = -860.0, 40.0, 60.0


def draw_phantom(kind: str, size: int = 128, seed: int = 0, spacing_mm: float = 0.7) -> np.ndarray:
    """Draw a nodule in the middle of lung texture, with vessels and chest wall.

    Parameters
    ----------
    kind
        ``smooth`` (round, 6 mm) or ``spiculated`` (lobulated with spicules, 22 mm).
    size
        Edge of the picture in pixels.
    seed
        Of texture, vessels and shape.

    Returns
    -------
    ndarray of shape (size, size), uint8
        In a lung window.
    """
    rng = np.random.default_rng(seed)
    rows, cols = (np.mgrid[:size, :size] - (size - 1) / 2) * spacing_mm
    hu = LUNG_HU + _smooth_noise(rng, size, 60) + rng.normal(0, 25, (size, size))
    for _ in range(int(size * spacing_mm / 5)):
        hu = np.maximum(hu, _vessel(rng, rows, cols, size * spacing_mm / 2))
    hu = _blend(hu, TISSUE_HU, _nodule_edge(rng, rows, cols, KINDS[kind] / 2, kind), 0.7)
    wall = np.hypot(rows, cols + 58) - 92  # a rib cage of 92 mm radius, whose centre lies to the left
    hu = _blend(hu, WALL_HU, -wall, 1.0)
    return to_grey(hu + rng.normal(0, 12, hu.shape), is_hu=True)


def _blend(hu: np.ndarray, inside: float, distance: np.ndarray, softness: float) -> np.ndarray:
    """`inside` where the signed distance (mm) to the edge is negative, with a soft edge."""
    share = 1 / (1 + np.exp(np.clip(distance / softness * 2, -40, 40)))
    return hu + share * (inside - hu)


def _nodule_edge(
    rng: np.random.Generator, rows: np.ndarray, cols: np.ndarray, radius: float, kind: str
) -> np.ndarray:
    angle, distance = np.arctan2(rows, cols), np.hypot(rows, cols)
    if kind == "smooth":
        return distance - radius
    lobes = sum(rng.uniform(0.04, 0.09) * np.cos(k * angle + rng.uniform(0, 6.28)) for k in (2, 3, 5))
    spicules = np.zeros_like(angle)
    for direction in rng.uniform(-np.pi, np.pi, 14):
        off = np.angle(np.exp(1j * (angle - direction)))
        spicules = np.maximum(spicules, rng.uniform(0.25, 0.6) * np.exp(-((off / 0.07) ** 2)))
    return distance - radius * (0.9 + lobes + spicules)


def _vessel(rng: np.random.Generator, rows: np.ndarray, cols: np.ndarray, half: float) -> np.ndarray:
    """A straight vessel that fades at both ends, brighter where it is thick."""
    row, col = rng.uniform(-half, half, 2)
    angle, length, width = rng.uniform(0, np.pi), rng.uniform(4, 22), rng.uniform(0.5, 1.3)
    along = (rows - row) * np.sin(angle) + (cols - col) * np.cos(angle)
    across = (rows - row) * np.cos(angle) - (cols - col) * np.sin(angle)
    shape = np.exp(-((across / width) ** 2) - (along / length) ** 4)
    return LUNG_HU + (300 + 450 * (width - 0.5)) * shape


def _smooth_noise(rng: np.random.Generator, size: int, amplitude: float) -> np.ndarray:
    noise = rng.normal(0, 1, (size, size))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    smooth = np.fft.ifft2(np.fft.fft2(noise) * np.exp(-((frequency * 12) ** 2))).real
    return amplitude * smooth / smooth.std()
