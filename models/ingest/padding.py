"""Padding of deep pictures: what a scanner writes outside its field, far below all that it measured."""

import numpy as np
from scipy import ndimage

from models.ingest.dicom.hounsfield import AIR_HU, PADDING_BELOW_HU

DEEP = 255  # between the least and the greatest value; pictures of 8 bits have no room for padding
BINS = 256
EMPTY = 1e-4  # of the pixels: a step of the histogram with fewer counts as empty
GAP, NARROW = 0.1, 0.1  # of the range: at least so wide is the gap above padding, at most so wide is padding
LEAST = 0.05  # of the range: what is no padding takes as much at least
SHARES = (0.003, 0.8)  # of the pixels that padding may have
TISSUE_HU, TISSUE = (-200, 200), 0.05  # with such a share of tissue, grey values are read as HU
MOST_HU, BELOW_MOST = 4000, 0.98


def without_padding(pixels: np.ndarray) -> np.ndarray:
    """A picture whose padding is lifted to air; the picture itself where it has none.

    Values below -1500 are padding where the others look like HU. In other scales padding is a narrow spike of
    lowest values, with a wide gap above it; it becomes the least of the other values.

    Parameters
    ----------
    pixels : ndarray of shape (rows, cols), float32
        Grey values of any scale.
    """
    if pixels.max() - pixels.min() <= DEEP:
        return pixels
    low = pixels < PADDING_BELOW_HU
    if low.any() and not low.all() and _is_like_hu(pixels[~low]):
        return np.where(low, np.float32(max(AIR_HU, pixels[~low].min())), pixels)
    limit = _end_of_spike(pixels)
    if limit is None or not _is_outside(pixels < limit):
        return pixels
    return np.where(pixels < limit, pixels[pixels >= limit].min(), pixels)


def _is_like_hu(values):
    tissue = (values > TISSUE_HU[0]) & (values < TISSUE_HU[1])
    return tissue.mean() >= TISSUE and (values < MOST_HU).mean() >= BELOW_MOST


def _is_outside(low):
    """Whether all of it reaches the border: lung and air that a window made black do not."""
    pieces, count = ndimage.label(low)
    edge = np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]])
    inner = np.setdiff1d(np.arange(1, count + 1), edge)
    return np.isin(pieces, inner).mean() < EMPTY


def _end_of_spike(pixels):
    """A value in the gap above the padding; None where there is no such spike."""
    low, high = float(pixels.min()), float(np.percentile(pixels, 99.9))
    counts, ends = np.histogram(pixels, BINS, (low, max(high, low + 1)))
    filled = np.flatnonzero(counts > EMPTY * pixels.size)
    if len(filled) < 2:
        return None
    widest = int(np.argmax(np.diff(filled)))
    last, first = filled[widest], filled[widest + 1]  # below the gap, and above
    share, gap = counts[: last + 1].sum() / pixels.size, first - last - 1
    is_spike = last < NARROW * BINS and SHARES[0] <= share <= SHARES[1]
    spread = BINS - first  # of what is no padding
    is_constant = last == 0 and (pixels < ends[1]).sum() == (pixels == low).sum()
    if gap < GAP * BINS or not is_spike or (spread < gap and not is_constant) or spread < LEAST * BINS:
        return None
    return ends[last + 1]
