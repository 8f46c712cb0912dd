"""What may differ between two uploads of one nodule: the place, the spacing, the export, the noise.

Windows and noise are defined in HU. The slices of LIDC-IDRI-slices know HU only up to an affine map, another
one in each slice, so `estimate_hu` reads the map off the picture: lung is dark, soft tissue is bright. This
is an approximation. Against the DICOM files of seven slices of LIDC-IDRI-0002 it is off by 2 to 8 HU (mean
over the pixels), its slope by at most 1 %. On 78 crops made the same way from three CT series of two makers,
at random edges of the lung, it is off by 28 HU and 4 % in the median, by 74 HU and 11 % at the ninth
decile; on crops with hardly any lung it fails. The grey levels of the crops (about 8 HU each) remain in
the screenshots; those made of HU would have finer ones.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from models.imaging.display import LUNG_WINDOW

MEDIASTINAL_WINDOW = (40.0, 400.0)  # level and width in HU
JPEG_QUALITY = 70
NOISE_HU = 25.0
LUNG_HU, TISSUE_HU = -870.0, 20.0  # medians of the dark and of the bright class of a crop with lung
LEAST_TISSUE = 0.06  # with a smaller share of bright pixels these are vessels or bone
SLOPES = (4.0, 24.0)  # HU a grey level, from 0 = -1024, 255 = 0 up to padding at -3024, 255 = 3071
USUAL_SLOPE = 8.6  # median over LIDC-IDRI-slices with tissue enough and without padding


@dataclass(frozen=True)
class Upload:
    """What a user sends.

    Attributes
    ----------
    stack : ndarray of shape (n, rows, cols), uint8
    spacing_mm : float
    row, col : float
        Centre of the nodule in pixels.
    """

    stack: np.ndarray
    spacing_mm: float
    row: float
    col: float


@dataclass(frozen=True)
class Perturbation:
    """One row of the table: name, whether it must hardly matter, and how it changes an upload."""

    name: str
    mild: bool
    apply: Callable[[Upload, np.random.Generator], Upload]


def move(upload, pixels, rng):
    """The place so many pixels away, in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    return replace(upload, row=upload.row + pixels * np.sin(angle), col=upload.col + pixels * np.cos(angle))


def misstate_spacing(upload, factor):
    """The spacing stated `factor` times as large as it is."""
    return replace(upload, spacing_mm=upload.spacing_mm * factor)


def compress(upload, quality=JPEG_QUALITY):
    """Each slice through a JPEG file."""
    return replace(upload, stack=np.stack([_through_jpeg(pixels, quality) for pixels in upload.stack]))


def _through_jpeg(pixels, quality):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "jpeg", quality=quality)
    with Image.open(stream) as image:
        return np.asarray(image)


def screenshot(upload, level, width):
    """Each slice as an 8-bit picture in a window, by way of estimated HU.

    What lies outside the window is lost: in the lung window, which ends at 150 HU, a calcified nodule is
    no longer told from a solid one.
    """
    slices = []
    for pixels in upload.stack:
        slope, intercept = estimate_hu(pixels)
        slices.append(in_window(slope * pixels + intercept, level, width))
    return replace(upload, stack=np.stack(slices))


def in_window(hu, level, width):
    """Grey values 0 to 255 of HU by the linear function of DICOM PS3.3 C.11.2.1.2.1."""
    grey = ((hu - (level - 0.5)) / (width - 1) + 0.5) * 255
    return np.rint(np.clip(grey, 0, 255)).astype(np.uint8)


def add_noise(upload, deviation_hu, rng):
    """White Gaussian noise on each slice, by way of estimated HU."""
    slopes = np.array([estimate_hu(pixels)[0] for pixels in upload.stack])
    noise = rng.normal(0, deviation_hu, upload.stack.shape) / slopes[:, None, None]
    return replace(upload, stack=np.rint(np.clip(upload.stack + noise, 0, 255)).astype(np.uint8))


def quarter_turn(upload):
    """The slices and the place turned by 90 degrees against the clock."""
    return replace(
        upload,
        stack=np.rot90(upload.stack, axes=(1, 2)),
        row=upload.stack.shape[2] - 1 - upload.col,
        col=upload.row,
    )


def estimate_hu(pixels):
    """The affine map from the grey values of a crop of the chest to HU, as well as the crop can tell.

    The threshold of Otsu (IEEE Trans. Syst. Man Cybern. 9, 62, 1979) divides the crop in lung and soft
    tissue, whose medians have known HU. Pixels of the value 0 are left out: they may be padding. Where little
    is bright, or no CT could have the slope, lung alone is trusted, and the slope is the usual one.

    Parameters
    ----------
    pixels : ndarray of shape (rows, cols), uint8
        Not all 0.

    Returns
    -------
    slope, intercept : float
        HU = slope * value + intercept, as in DICOM PS3.3 C.11.1.1.2.
    """
    values = pixels[pixels > 0]
    bright = values > _otsu(values)
    lung = np.median(values[~bright])
    slope = USUAL_SLOPE
    if bright.mean() >= LEAST_TISSUE:
        measured = (TISSUE_HU - LUNG_HU) / (np.median(values[bright]) - lung)
        slope = measured if SLOPES[0] <= measured <= SLOPES[1] else USUAL_SLOPE
    return float(slope), float(LUNG_HU - slope * lung)


def _otsu(values):
    """The largest value of the dark class."""
    counts = np.bincount(values, minlength=256)
    share = counts.cumsum()[:-1] / counts.sum()
    moment = (counts * np.arange(256)).cumsum()[:-1] / counts.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (values.mean() * share - moment) ** 2 / (share * (1 - share))
    return int(np.argmax(np.nan_to_num(between, posinf=0)))


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
