"""CT of the chest as people send it: windows, sizes, turns, file formats."""

import io

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from models.imaging.display import LUNG_WINDOW
from models.imaging.grey import estimate_hu
from training.evaluation.perturb import MEDIASTINAL_WINDOW

BONE_WINDOW = (400.0, 1800.0)
WINDOWS = {"lung": LUNG_WINDOW, "mediastinal": MEDIASTINAL_WINDOW, "bone": BONE_WINDOW}
MIXED = "mixed"
KINDS = ("plain", "jpeg", "lung", "mediastinal", "bone", "resized", "turned", "deep", "noise", "part", MIXED)


def crop_view(pixels: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """One upload of a nodule crop.

    Parameters
    ----------
    pixels : ndarray of shape (rows, cols), uint8
        The crop, from its least to its greatest HU.
    kind : str
        One of `KINDS`; ``mixed`` is several of them at once.
    """
    if kind == MIXED:
        chosen = [
            name for name in ("turned", "noise", "window", "part", "resized", "jpeg") if rng.random() < 0.5
        ]
        for name in chosen:
            pixels = crop_view(pixels, name, rng)
        return pixels
    if kind == "window":
        kind = rng.choice(["lung", "lung", "random", "mediastinal", "bone"])
    if kind in WINDOWS or kind == "random":
        return windowed(_to_hu(pixels), *WINDOWS.get(kind, (rng.uniform(-650, 0), rng.uniform(700, 2200))))
    steps = {
        "jpeg": through_jpeg,
        "resized": resized,
        "turned": turned,
        "deep": deep,
        "noise": noisy,
        "part": part,
    }
    return steps[kind](pixels, rng) if kind in steps else pixels


def slice_view(hu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One upload of a whole slice in HU: perhaps varied, in a window, of some size, perhaps with letters."""
    if rng.random() < 0.6:
        hu = varied(hu, rng)
    if rng.random() < 0.3:
        hu = closer(hu, rng)
    name = rng.choice(["lung", "mediastinal", "bone", "full", "random"])
    if name == "full":
        grey = windowed(hu, (hu.max() + hu.min()) / 2, max(float(hu.max() - hu.min()), 1))
    else:
        grey = windowed(hu, *WINDOWS.get(name, (rng.uniform(-650, 100), rng.uniform(300, 2200))))
    if rng.random() < 0.3:
        grey = turned(grey, rng)
    if rng.random() < 0.2:
        grey = np.rint(255 * (grey / 255.0) ** rng.uniform(0.6, 1.6)).astype(np.uint8)
    if rng.random() < 0.4:
        grey = resized(grey, rng, (200, 1024))
    if rng.random() < 0.3:
        grey = lettered(grey, rng)
    return through_jpeg(grey, rng) if rng.random() < 0.4 else grey


def drawn_chest(rng: np.random.Generator) -> np.ndarray:
    """HU of a trunk with two lungs, vessels, a spine and perhaps a nodule, all of them ellipses."""
    hu = np.full((512, 512), -1000.0, np.float32)
    trunk, wide = rng.uniform(0.28, 0.4), rng.uniform(0.38, 0.48)
    parts = [(0.5, 0.5, trunk, wide, rng.uniform(-20, 60))]
    down, across = trunk * rng.uniform(0.3, 0.75), wide * rng.uniform(0.15, 0.4)
    for col in (0.5 - 0.45 * wide, 0.5 + 0.45 * wide):
        parts.append((0.5, col, down, across, rng.uniform(-920, -780)))
        for _ in range(rng.choice([0, 1, 1, 20, 80])):
            place = 0.5 + rng.uniform(-0.7, 0.7) * down, col + rng.uniform(-0.7, 0.7) * across
            parts.append((*place, *rng.uniform(0.002, 0.02, 2), rng.uniform(0, 100)))
    if rng.random() < 0.5:
        parts.append((0.5 + 0.75 * trunk, 0.5, 0.05, 0.05, 400))
    for row, col, down, across, value in parts:
        rows, cols = np.ogrid[:512, :512]
        hu[((rows / 511 - row) / down) ** 2 + ((cols / 511 - col) / across) ** 2 <= 1] = value
    hu = ndimage.gaussian_filter(hu, rng.choice([0, 0, 0.8]))
    return hu + rng.normal(0, rng.uniform(5, 15), hu.shape).astype(np.float32)


def varied(hu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The slice of a patient of another build, with more or less noise and sharpness, field and padding."""
    rows, cols = hu.shape
    high, wide = (int(length * rng.uniform(0.75, 1.0)) for length in (rows, cols))
    top, left = rng.integers(rows - high + 1), rng.integers(cols - wide + 1)
    part = Image.fromarray(np.asarray(hu[top : top + high, left : left + wide], np.float32))
    hu = np.asarray(part.resize((512, 512), Image.Resampling.BILINEAR))
    hu = ndimage.gaussian_filter(hu, rng.uniform(0, 1.2))
    hu = hu + ndimage.gaussian_filter(rng.normal(0, rng.uniform(0, 40), hu.shape), rng.uniform(0, 0.7))
    if rng.random() < 0.5:
        across = np.hypot(*(np.mgrid[:512, :512] - 255.5))
        hu = np.where(across > rng.uniform(250, 300), rng.choice([-1024, -1024, -2000, -3024]), hu)
    return hu.astype(np.float32)


def closer(hu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cut to the body, or nearly, as on a screen: what is neither margin nor table, perhaps drawn out."""
    body = ndimage.binary_opening(hu > -300, iterations=4)
    rows, cols = (np.flatnonzero(body.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return hu
    spare = int(rng.integers(-20, 30))
    sides = [slice(max(0, side[0] - spare), max(side[-1] + spare, side[0] + 64)) for side in (rows, cols)]
    part = np.asarray(hu[tuple(sides)], np.float32)
    size = [max(64, round(length * rng.uniform(0.8, 1.2))) for length in reversed(part.shape)]
    return np.asarray(Image.fromarray(part).resize(size, Image.Resampling.BILINEAR))


def _to_hu(pixels: np.ndarray) -> np.ndarray:
    slope, intercept = estimate_hu(pixels)
    return pixels * slope + intercept


def windowed(hu: np.ndarray, level: float, width: float) -> np.ndarray:
    """HU in a window as 0 to 255."""
    return np.rint(np.clip((hu - level) / width + 0.5, 0, 1) * 255).astype(np.uint8)


def through_jpeg(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Through a JPEG file of quality 60 to 95."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "jpeg", quality=int(rng.integers(60, 96)))
    return np.asarray(Image.open(stream))


def resized(pixels: np.ndarray, rng: np.random.Generator, edges: tuple[int, int] = (64, 513)) -> np.ndarray:
    """The longer edge of another length."""
    factor = rng.integers(*edges) / max(pixels.shape)
    size = [max(24, round(length * factor)) for length in reversed(pixels.shape)]
    method = rng.choice([Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.NEAREST])
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling(method)))


def turned(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mirrored or turned by right angles."""
    pixels = np.rot90(pixels, int(rng.integers(4)))
    return np.ascontiguousarray(pixels[:, ::-1] if rng.random() < 0.5 else pixels)


def deep(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As 16 bits, stretched."""
    return pixels.astype(np.uint16) * np.uint16(rng.integers(2, 257))


def noisy(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With white noise of 1 to 5 grey levels."""
    noise = rng.normal(0, rng.uniform(1, 5), pixels.shape)
    return np.rint(np.clip(pixels + noise, 0, 255)).astype(np.uint8)


def part(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A square of 48 pixels or more around the middle, or nearly."""
    edge = min(int(rng.integers(48, 128)), *pixels.shape)
    slack = [length - edge for length in pixels.shape]
    top, left = (int(np.clip(rng.normal(free / 2, free / 8), 0, free)) for free in slack)
    return pixels[top : top + edge, left : left + edge]


def lettered(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With a few letters burnt into the corners."""
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    for row, col in ((0.02, 0.02), (0.02, 0.75), (0.9, 0.02), (0.9, 0.75)):
        if rng.random() < 0.6:
            lines = "\n".join(rng.choice(["W 1500 L -600", "Se 3 Im 112", "R", "kV 120", "12.5 cm"], 2))
            draw.text((col * image.width, row * image.height), lines, fill=int(rng.integers(180, 256)))
    return np.asarray(image)
