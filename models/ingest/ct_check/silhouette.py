"""Whether a grey picture, in whatever window, shows a body with two lungs, by its silhouette alone."""

import numpy as np
from PIL import Image
from scipy import ndimage

from models.ingest.ct_check.texture_features import otsu

EDGE = 128  # pixels; larger pictures are reduced
BODY = (0.2, 0.97)  # share of the picture
ROUND = 0.62  # of the box around the body, what the body fills: an ellipse 0.79
LUNGS = (0.06, 0.65)  # share of the body
LUNG, SECOND = 0.03, 0.01  # of the body, what one lung and the other have at least
BOXED = 0.35  # of the box around a lung, what the lung fills
APART = 0.15  # of the body's width: how far the lungs' middles lie apart
EVEN = 0.25  # of the body's height: how far one lies higher
LOST = 0.12  # of the body's dark parts, what may lie in other pieces than the two


def shows_lungs(pixels: np.ndarray) -> bool:
    """Whether a rounded bright body encloses two dark lungs side by side, upright as in an axial slice.

    Parameters
    ----------
    pixels : ndarray of shape (rows, cols)
        Grey values of any depth.
    """
    factor = EDGE / max(pixels.shape)
    size = [max(16, round(length * factor)) for length in reversed(pixels.shape)]
    values = np.asarray(Image.fromarray(np.asarray(pixels, np.float32)).resize(size, Image.Resampling.BOX))
    low, high = np.percentile(values, (0.5, 99.5))
    values = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
    smooth = ndimage.gaussian_filter(values, 1)
    between = otsu(smooth)
    lower = otsu(smooth[smooth <= between])  # where a narrow window parts soft tissue from fat, fat from air
    masks = [ndimage.binary_opening(values > threshold) for threshold in (between, lower)]
    return any(
        _has_lungs(part, steps)
        for mask in masks
        for part in (mask, np.rot90(mask).copy())
        for steps in (1, 2)
    )


def _has_lungs(bright: np.ndarray, steps: int) -> bool:
    body = _largest(ndimage.binary_erosion(bright, iterations=steps))  # without the table
    body = ndimage.binary_dilation(body, iterations=steps)
    closed = np.pad(body, 1)  # a body that the edge cuts is closed there
    filled = ndimage.binary_fill_holes(ndimage.binary_closing(closed))[1:-1, 1:-1] | body
    box = ndimage.find_objects(filled.astype(np.uint8))[0] if filled.any() else None
    if box is None or not BODY[0] <= filled.mean() <= BODY[1] or filled[box].mean() < ROUND:
        return False
    area = filled.sum()
    dark = filled & ~body
    pieces, count = ndimage.label(
        ndimage.binary_erosion(dark, iterations=steps)
    )  # parts lungs that meet before the heart
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    if count < 2 or not LUNGS[0] <= sizes.sum() / area <= LUNGS[1]:
        return False
    first, second = np.argsort(sizes)[::-1][:2]
    if sizes[first] < LUNG * area or sizes[second] < SECOND * area:
        return False
    if sizes.sum() - sizes[first] - sizes[second] > LOST * area:
        return False
    boxes = ndimage.find_objects(pieces)
    if any((pieces[boxes[n]] == n + 1).mean() < BOXED for n in (first, second)):
        return False
    one, other = ndimage.center_of_mass(filled, pieces, [first + 1, second + 1])
    high, wide = (side.stop - side.start for side in box)
    return abs(one[1] - other[1]) >= APART * wide and abs(one[0] - other[0]) <= EVEN * high


def _largest(mask: np.ndarray) -> np.ndarray:
    pieces, count = ndimage.label(mask)
    if not count:
        return mask
    return pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
