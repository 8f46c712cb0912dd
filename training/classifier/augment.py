"""Random views of a nodule: what a network must not mind."""

import numpy as np

from models.imaging.patch import PATCH, adjacent_slices, cut_patch
from training.data.dataset import centre

SINGLE_SLICE = 0.3  # share of views that know one slice only, as when one picture is uploaded
TIGHT_CROP = 0.1  # share of views cut from a smaller picture, so that the patch is padded
TIGHT_CROP_MM = (11.0, 22.0)  # half edge of that picture
SHIFT_MM = 3.0
SCALE = 0.12  # natural logarithm; also the error of an assumed spacing
WINDOW = 0.4  # share of views seen through a display window that saturates
NOISE = 0.04


def random_patch(stack, spacing_mm, rng, spec=PATCH):
    """A random view of a stack (slices, rows, cols), cut by the same function as in serving.

    Random choice of slice (near the middle more often), shift, scale, tight crop, flips in all three
    axes, right-angle rotation, display window, gain, gamma and noise.

    Returns
    -------
    ndarray of shape (pixels, pixels, 3), float32
    """
    index = int(rng.triangular(0, len(stack) / 2, len(stack))) if len(stack) > 1 else 0
    single = rng.random() < SINGLE_SLICE
    order = (index,) * 3 if single else adjacent_slices(len(stack), index)
    if rng.random() < 0.5:
        order = order[::-1]
    row, col = np.array(centre(stack)) + rng.uniform(-SHIFT_MM, SHIFT_MM, 2) / spacing_mm
    slices = [stack[i] for i in order]
    if rng.random() < TIGHT_CROP:
        slices, row, col = _tight_crop(slices, spacing_mm, row, col, rng)
    spacing = spacing_mm * np.exp(rng.uniform(-SCALE, SCALE))
    patch = cut_patch(slices, spacing, row, col, spec)
    patch = np.rot90(patch, rng.integers(4))
    if rng.random() < 0.5:
        patch = patch[::-1]
    return _display(patch, rng)


def _tight_crop(slices, spacing_mm, row, col, rng):
    half = rng.uniform(*TIGHT_CROP_MM, 4) / spacing_mm
    top, left = max(0, int(row - half[0])), max(0, int(col - half[1]))
    bottom, right = int(row + half[2]) + 1, int(col + half[3]) + 1
    return [pixels[top:bottom, left:right] for pixels in slices], row - top, col - left


def _display(patch, rng):
    """Another display of the same patch; values stay in [0, 1]."""
    low, high = 0.0, 1.0
    if rng.random() < WINDOW:
        low, high = 0.5 * rng.random() ** 2, 1 - 0.35 * rng.random() ** 2
    gain = np.exp(rng.uniform(-0.1, 0.1))
    patch = np.clip((patch - low) / (high - low) * gain, 0, 1) ** np.exp(rng.uniform(-0.25, 0.25))
    noise = rng.normal(0, NOISE * rng.random(), patch.shape)
    return np.clip(patch + noise, 0, 1).astype(np.float32)
