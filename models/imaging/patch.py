"""The classifiers' input: one definition for training and for serving.

A patch is two square fields of one slice about the same location (after the multi-view patches of Setio et
al., IEEE Trans. Med. Imaging 35, 1160, 2016): a close one, which shows the texture of a nodule, and a wide
one, which shows a mass whole and what a nodule lies in. Both are resampled with the scan's own pixel
spacing. The grey values of each are normalised so that no affine map of the input changes them: a PNG of the
slice, which knows HU only up to such a map, and the DICOM slice it came from give the same patch.

`training/README.md` says what was compared.
"""

from dataclasses import dataclass

import numpy as np

from models.imaging.two_fields import FIELDS_MM, PIXELS, cut_fields

Spacing = float | tuple[float, float]  # mm; of rows and of columns


@dataclass(frozen=True)
class PatchSpec:
    """Edge of the patch in pixels, of its fields in mm, and the percentiles that become 0 and 1."""

    pixels: int = PIXELS
    fields_mm: tuple[float, ...] = FIELDS_MM
    percentiles: tuple[float, float] = (2.0, 99.5)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the network's input: (rows, cols, fields)."""
        return (self.pixels, self.pixels, len(self.fields_mm))


PATCH = PatchSpec()
CLOSE_MM, WIDE_MM = PATCH.fields_mm


def cut_patch(
    pixels: np.ndarray, spacing_mm: Spacing, row: float, col: float, spec: PatchSpec = PATCH
) -> np.ndarray:
    """Cut the network's input around one nodule.

    Parameters
    ----------
    pixels : ndarray of shape (rows, cols)
        One slice in any affine grey scale (HU or not).
    spacing_mm
        Pixel spacing, or row spacing and column spacing, in mm.
    row, col
        Centre of the nodule in pixels; (0, 0) is the centre of the top left pixel.
    spec
        Size, fields and normalisation.

    Returns
    -------
    ndarray of shape (pixels, pixels, fields), float32
        Values in [0, 1]. What lies beyond the image is its mirror image; the nodule is never shifted.
    """
    spacing = spacing_mm if isinstance(spacing_mm, tuple) else (spacing_mm, spacing_mm)
    fields = cut_fields([pixels], spacing, row, col, spec.fields_mm, spec.pixels)
    return np.stack([normalise(fields[..., i], spec.percentiles) for i in range(len(spec.fields_mm))], -1)


def normalise(samples: np.ndarray, percentiles: tuple[float, float] = PATCH.percentiles) -> np.ndarray:
    """Map two percentiles to 0 and 1, and clip; float32.

    Percentiles commute with increasing affine maps, so the result is the same for HU and for any
    display of them that does not saturate.
    """
    low, high = np.percentile(samples, percentiles)
    if high <= low:
        return np.zeros(samples.shape, np.float32)
    return np.clip((samples - np.float32(low)) / np.float32(high - low), 0, 1).astype(np.float32)
