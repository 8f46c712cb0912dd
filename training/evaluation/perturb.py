"""What may differ between two uploads of one nodule: the location, the spacing, the export, the noise.

Windows and noise are defined in HU, which the slices of LIDC-IDRI-slices know only approximately
(`models.imaging.grey`). The grey levels of the crops (about 8 HU each) remain in the screenshots; those
made of HU would have finer ones.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from PIL import Image

from models.imaging.display import LUNG_WINDOW
from models.imaging.grey import estimate_hu

MEDIASTINAL_WINDOW = (40.0, 400.0)  # level and width in HU
JPEG_QUALITY = 70
NOISE_HU = 25.0


@dataclass(frozen=True)
class Upload:
    """What a user sends."""

    pixels: np.ndarray  # a slice; uint8, (rows, cols)
    spacing_mm: float
    row: float  # of the nodule's centre, in pixels
    col: float


@dataclass(frozen=True)
class Perturbation:
    """One row of the table: name, whether it must hardly matter, and how it changes an upload."""

    name: str
    mild: bool
    apply: Callable[[Upload, Generator], Upload]


def move(upload: Upload, pixels: float, rng: Generator) -> Upload:
    """The location so many pixels away, in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    return replace(upload, row=upload.row + pixels * np.sin(angle), col=upload.col + pixels * np.cos(angle))


def misstate_spacing(upload: Upload, factor: float) -> Upload:
    """The spacing stated `factor` times as large as it is."""
    return replace(upload, spacing_mm=upload.spacing_mm * factor)


def compress(upload: Upload, quality: int = JPEG_QUALITY) -> Upload:
    """The slice through a JPEG file."""
    stream = io.BytesIO()
    Image.fromarray(upload.pixels).save(stream, "jpeg", quality=quality)
    with Image.open(stream) as image:
        return replace(upload, pixels=np.asarray(image))


def screenshot(upload: Upload, level: float, width: float) -> Upload:
    """The slice as an 8-bit picture in a window, by way of estimated HU.

    What lies outside the window is lost: in the lung window, which ends at 150 HU, a calcified nodule is
    no longer told from a solid one.
    """
    slope, intercept = estimate_hu(upload.pixels)
    return replace(upload, pixels=in_window(slope * upload.pixels + intercept, level, width))


def in_window(hu: np.ndarray, level: float, width: float) -> np.ndarray:
    """Grey values 0 to 255 of HU by the linear function of DICOM PS3.3 C.11.2.1.2.1."""
    grey = ((hu - (level - 0.5)) / (width - 1) + 0.5) * 255
    return np.rint(np.clip(grey, 0, 255)).astype(np.uint8)


def add_noise(upload: Upload, deviation_hu: float, rng: Generator) -> Upload:
    """White Gaussian noise on the slice, by way of estimated HU."""
    noise = rng.normal(0, deviation_hu, upload.pixels.shape) / estimate_hu(upload.pixels)[0]
    return replace(upload, pixels=np.rint(np.clip(upload.pixels + noise, 0, 255)).astype(np.uint8))


def quarter_turn(upload: Upload) -> Upload:
    """The slice and the location turned by 90 degrees against the clock."""
    return replace(
        upload,
        pixels=np.rot90(upload.pixels),
        row=upload.pixels.shape[1] - 1 - upload.col,
        col=upload.row,
    )


PERTURBATIONS = (
    Perturbation("ROI 2 px off", True, lambda upload, rng: move(upload, 2, rng)),
    Perturbation("ROI 4 px off", True, lambda upload, rng: move(upload, 4, rng)),
    Perturbation("ROI 8 px off", False, lambda upload, rng: move(upload, 8, rng)),
    Perturbation("spacing 20 % too large", False, lambda upload, rng: misstate_spacing(upload, 1.2)),
    Perturbation("spacing 20 % too small", False, lambda upload, rng: misstate_spacing(upload, 0.8)),
    Perturbation("JPEG of quality 70", True, lambda upload, rng: compress(upload)),
    Perturbation("lung window", True, lambda upload, rng: screenshot(upload, *LUNG_WINDOW)),
    Perturbation("mediastinal window", False, lambda upload, rng: screenshot(upload, *MEDIASTINAL_WINDOW)),
    Perturbation("noise of 25 HU", False, lambda upload, rng: add_noise(upload, NOISE_HU, rng)),
    Perturbation("quarter turn", True, lambda upload, rng: quarter_turn(upload)),
)
