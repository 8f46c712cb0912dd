"""The network's input: one definition for training and for serving.

A patch is a square field of fixed size in mm around a nodule, resampled with the scan's own pixel
spacing; its three channels are adjacent slices. The grey values are normalised so that no affine
map of the input changes them: a PNG of the slice, which knows HU only up to such a map, and the DICOM
slice it came from give the same patch.

Size, field and normalisation were chosen by AUC on validation patients; `training/README.md` has the
comparison.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class PatchSpec:
    """Edge of the patch in pixels and in mm, and the percentiles that become 0 and 1."""

    pixels: int = 64
    field_mm: float = 32.0
    percentiles: tuple[float, float] = (2.0, 99.5)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the network's input: (rows, cols, channels)."""
        return (self.pixels, self.pixels, 3)


PATCH = PatchSpec()
SHOWN_MM = 26.0  # a longer lesion is shown as long as this: a field of 32 mm would show its inside alone


def patch_of(long_axis_mm: float | None) -> PatchSpec:
    """The patch for a lesion of a length: the field grows with what is longer than `SHOWN_MM`.

    The networks know lesions of up to that length best; a mass, shrunk, is one with the same outline.
    """
    scale = max(1.0, (long_axis_mm or 0.0) / SHOWN_MM)
    return replace(PATCH, field_mm=PATCH.field_mm * scale)


def cut_patch(
    slices: Sequence[np.ndarray],
    spacing_mm: float | tuple[float, float],
    row: float,
    col: float,
    spec: PatchSpec = PATCH,
) -> np.ndarray:
    """Cut the network's input around one nodule.

    Parameters
    ----------
    slices : sequence of three ndarrays, each of shape (rows, cols)
        The slice below, the slice itself and the slice above, in any affine grey scale (HU or not).
    spacing_mm
        Pixel spacing of the slices, or row spacing and column spacing, in mm.
    row, col
        Centre of the nodule in pixels; (0, 0) is the centre of the top left pixel.
    spec
        Size, field and normalisation.

    Returns
    -------
    ndarray of shape (pixels, pixels, 3), float32
        Values in [0, 1]. What lies beyond the image is 0 (as dark as air); the nodule is never shifted.
    """
    channels = []
    for pixels in slices:
        samples, inside = resample(pixels, spacing_mm, row, col, spec)
        channels.append(normalise(samples, inside, spec.percentiles))
    return np.stack(channels, axis=-1)


def adjacent_slices(n_slices: int, index: int) -> tuple[int, int, int]:
    """Indices of the three slices that make the channels of the patch at `index`.

    At either end of a stack, and in a stack of one, the slice itself stands in for the missing one.
    """
    return max(index - 1, 0), index, min(index + 1, n_slices - 1)


def resample(
    pixels: np.ndarray,
    spacing_mm: float | tuple[float, float],
    row: float,
    col: float,
    spec: PatchSpec = PATCH,
) -> tuple[np.ndarray, np.ndarray]:
    """Resample a square field around (row, col) with an antialiased bilinear filter.

    Returns
    -------
    samples : ndarray of shape (pixels, pixels), float32
        In the grey scale of `pixels`; beyond the image its edge is repeated.
    inside : ndarray of shape (pixels, pixels), bool
        False where a sample lies beyond the image.
    """
    windows, boxes, insides = [], [], []
    for centre, step, length in zip((row, col), _pair(spacing_mm), pixels.shape, strict=True):
        window, box, inside = _axis(centre, spec.field_mm / step, spec.pixels, length)
        windows.append(window)
        boxes.append(box)
        insides.append(inside)
    image = Image.fromarray(pixels[np.ix_(*windows)].astype(np.float32))
    (top, bottom), (left, right) = boxes
    size = (spec.pixels, spec.pixels)
    image = image.resize(size, Image.Resampling.BILINEAR, box=(left, top, right, bottom))
    return np.asarray(image), np.logical_and.outer(*insides)


def _axis(
    centre: float, field: float, n_samples: int, length: int
) -> tuple[np.ndarray, tuple[float, float], np.ndarray]:
    """Window, box within it, and inside flags along one axis; `field` and `length` in pixels."""
    low, high = centre + 0.5 - field / 2, centre + 0.5 + field / 2
    margin = int(np.ceil(field / n_samples)) + 1  # reach of the filter
    first = int(np.floor(low)) - margin
    window = np.arange(first, int(np.ceil(high)) + margin).clip(0, length - 1)
    positions = centre + (np.arange(n_samples) - (n_samples - 1) / 2) * (field / n_samples)
    inside = (positions >= -0.5) & (positions <= length - 0.5)
    return window, (low - first, high - first), inside


def _pair(spacing_mm: float | tuple[float, float]) -> tuple[float, float]:
    return spacing_mm if isinstance(spacing_mm, tuple) else (spacing_mm, spacing_mm)


def normalise(
    samples: np.ndarray, inside: np.ndarray, percentiles: tuple[float, float] = PATCH.percentiles
) -> np.ndarray:
    """Map two percentiles of what lies inside the image to 0 and 1, and clip.

    Percentiles commute with increasing affine maps, so the result is the same for HU and for any
    display of them that does not saturate.
    """
    if not inside.any():
        return np.zeros(samples.shape, np.float32)
    low, high = np.percentile(samples[inside], percentiles)
    if high <= low:
        return np.zeros(samples.shape, np.float32)
    scaled = (samples - np.float32(low)) / np.float32(high - low)
    return np.where(inside, np.clip(scaled, 0, 1), 0).astype(np.float32)
