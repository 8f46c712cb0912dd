"""Image features of a grey picture: its histogram, its classes, its texture, its shapes.

They do not depend on an affine map of the grey values, and hardly on size, mirroring or turning.
They feed the question whether a picture can be a CT of the chest; see `models.ingest.ct_check.check`.
"""

import numpy as np
from PIL import Image
from scipy import ndimage

from models.ingest.ct_check.texture_features import (
    Features,
    blocks,
    correlation,
    counts,
    edges,
    otsu,
    spectrum,
    trends,
)

WORKING_EDGE = 192  # pixels; larger pictures are reduced
CLIPPED_SHARES = (0.2, 99.8)  # percentiles that become 0 and 1


def image_features(pixels: np.ndarray) -> Features:
    """Features of one picture, all finite, in a fixed order.

    Parameters
    ----------
    pixels : ndarray of shape (rows, cols), at least 16 x 16
        Grey values of any depth.
    """
    values, flat = working_copy(pixels)
    features: Features = {}
    for group in (_histogram, _classes, edges, blocks, correlation, spectrum, trends, _shapes):
        features |= group(values)
    features["equal_neighbours"] = flat
    return {name: float(np.nan_to_num(value)) for name, value in features.items()}


def working_copy(pixels: np.ndarray) -> tuple[np.ndarray, float]:
    """The picture with a working size and values 0 to 1; share of inner pixels equal to their neighbours."""
    pixels = np.asarray(pixels, np.float32)
    same = (pixels[1:, 1:] == pixels[:-1, 1:]) & (pixels[1:, 1:] == pixels[1:, :-1])
    inner = (pixels[1:, 1:] > pixels.min()) & (pixels[1:, 1:] < pixels.max())
    factor = WORKING_EDGE / max(pixels.shape)
    if factor < 1:
        size = [max(16, round(length * factor)) for length in reversed(pixels.shape)]
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    low, high = np.percentile(pixels, CLIPPED_SHARES)
    if high <= low:
        low, high = float(pixels.min()), float(pixels.max())
    values = np.clip((pixels - low) / max(high - low, 1e-6), 0, 1)
    return values.astype(np.float32), same[inner].mean() if inner.mean() > 0.01 else 1.0


def _histogram(values: np.ndarray) -> Features:
    bins = counts(values).reshape(64, 4).sum(axis=1) / values.size
    used = bins[bins > 0]
    inner = bins[2:-2]
    smooth = ndimage.gaussian_filter1d(inner, 1.5)
    return {
        "darkest": bins[0],
        "brightest": bins[-1],
        "middle": bins[16:48].sum(),
        "entropy": -(used * np.log2(used)).sum(),
        "empty_bins": (inner == 0).mean(),
        "largest_bin": inner.max() / max(inner.sum(), 1e-6),
        "roughness": np.abs(inner - smooth).sum() / max(inner.sum(), 1e-6),
        "mean": values.mean(),
        "deviation": values.std(),
        "skewness": ((values - values.mean()) ** 3).mean() / max(values.std(), 1e-3) ** 3,
    }


def _classes(values: np.ndarray) -> Features:
    """Lung and tissue, where it is CT: the two classes of Otsu, how far apart and how compact."""
    threshold = otsu(values)
    dark, bright = values[values <= threshold], values[values > threshold]
    if not dark.size or not bright.size:
        return dict.fromkeys(CLASS_FEATURES, 0.0)
    d10, d50, d90 = np.percentile(dark, (10, 50, 90))
    b10, b50, b90 = np.percentile(bright, (10, 50, 90))
    gap = max(b50 - d50, 1e-3)
    valley = np.abs(values - threshold) < 0.1 * gap
    weight = dark.size / values.size
    between = weight * (1 - weight) * (dark.mean() - bright.mean()) ** 2
    features = (
        bright.size / values.size,
        between / max(values.var(), 1e-6),
        d50,
        b50,
        (d90 - d10) / gap,
        (b90 - b10) / gap,
        (d90 - d50) / gap,
        (b50 - b10) / gap,
        valley.mean(),
        (1 - b50) / gap,
        d50 / gap,
    )
    return dict(zip(CLASS_FEATURES, features, strict=True))


CLASS_FEATURES = (
    "bright_share",
    "separation",
    "dark_median",
    "bright_median",
    "dark_spread",
    "bright_spread",
    "dark_tail",
    "bright_tail",
    "valley",
    "above_bright",
    "below_dark",
)


def _shapes(values: np.ndarray) -> Features:
    """Of the smoothed picture cut at Otsu's threshold: pieces, contour, and what lies at the border."""
    smooth = ndimage.gaussian_filter(values, 1.5)
    bright = smooth > otsu(smooth)
    features: Features = {}
    for name, mask in (("dark", ~bright), ("bright", bright)):
        sizes = np.bincount(ndimage.label(mask)[0].ravel())[1:]
        features[f"{name}_pieces"] = np.log1p((sizes >= 9).sum())
        features[f"{name}_largest"] = sizes.max() / max(sizes.sum(), 1) if sizes.size else 0
    contour = (bright[1:] != bright[:-1]).sum() + (bright[:, 1:] != bright[:, :-1]).sum()
    edge = np.concatenate([bright[0], bright[-1], bright[:, 0], bright[:, -1]])
    features["contour"] = contour / np.sqrt(bright.size)
    features["border_bright"] = edge.mean()
    rows, cols = (slice(length // 4, -(length // 4)) for length in values.shape)
    features["middle_brighter"] = values[rows, cols].mean() - values.mean()
    return features
