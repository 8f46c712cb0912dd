"""Texture features of a picture: edges, noise, correlation at a distance, spatial frequencies, trends.

Each function takes values from 0 to 1 of shape (rows, cols) and returns features by name.
"""

import numpy as np
from scipy import ndimage

from models.imaging.grey import between_classes

Features = dict[str, float]
LAGS = (1, 2, 4, 8, 16)
BLOCK = 8


def edges(values: np.ndarray) -> Features:
    """Steepness in units of the deviation, how much is steep, and whether steep edges share directions."""
    down, across = np.gradient(values)
    steep = np.hypot(down, across)
    deviation = max(values.std(), 1e-3)
    p25, p50, p75, p90, p99 = np.percentile(steep, (25, 50, 75, 90, 99)) / deviation
    strong = steep > 0.15
    doubled = np.exp(2j * np.arctan2(down, across)[strong]) if strong.any() else np.zeros(1)
    fourfold = np.exp(4j * np.arctan2(down, across)[strong]) if strong.any() else np.zeros(1)
    return {
        "slope_25": p25,
        "slope_50": p50,
        "slope_75": p75,
        "slope_90": p90,
        "slope_99": p99,
        "edge_share": strong.mean(),
        "edge_direction": np.abs(doubled.mean()),
        "edge_right_angles": np.abs(fourfold.mean()),
    }


def blocks(values: np.ndarray) -> Features:
    """Noise: deviation of a high-pass in dark and in bright blocks, its skew, and what is silent."""
    fine = values - ndimage.uniform_filter(values, 3)
    power, level, cubes = (_per_block(part) for part in (fine**2, values, fine**3))
    noise = np.sqrt(power)
    skew = cubes / np.maximum(noise, 1e-3) ** 3
    contrast = np.sqrt(np.maximum(_per_block(values**2) - level**2, 0))
    threshold = otsu(values)
    features = {}
    for name, chosen in (("dark", level <= threshold), ("bright", level > threshold)):
        some = chosen.sum() > 2
        features[f"{name}_noise_low"] = np.percentile(noise[chosen], 20) if some else 0
        features[f"{name}_noise_half"] = np.median(noise[chosen]) if some else 0
        features[f"{name}_noise_high"] = np.percentile(noise[chosen], 80) if some else 0
        features[f"{name}_skew"] = np.clip(np.mean(skew[chosen]), -5, 5) if some else 0
        features[f"{name}_contrast"] = np.percentile(contrast[chosen], 25) if some else 0
    features["silent_blocks"] = (contrast < 0.004).mean()
    features["level_noise"] = _correlation_of(level, noise)
    return features


def _per_block(values: np.ndarray) -> np.ndarray:
    rows, cols = (length // BLOCK for length in values.shape)
    return values[: rows * BLOCK, : cols * BLOCK].reshape(rows, BLOCK, cols, BLOCK).mean(axis=(1, 3))


def correlation(values: np.ndarray) -> Features:
    """Correlation with the picture shifted along rows and along columns: their mean and their difference."""
    features = {}
    for lag in LAGS:
        if lag >= min(values.shape) // 2:
            features[f"alike_{lag}"] = features[f"alike_{lag}_apart"] = 0.0
            continue
        pair = (
            _correlation_of(values[lag:], values[:-lag]),
            _correlation_of(values[:, lag:], values[:, :-lag]),
        )
        features[f"alike_{lag}"] = sum(pair) / 2
        features[f"alike_{lag}_apart"] = abs(pair[0] - pair[1])
    return features


def _correlation_of(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first - first.mean(), second - second.mean()
    return (first * second).mean() / max(np.sqrt((first**2).mean() * (second**2).mean()), 1e-6)


def spectrum(values: np.ndarray) -> Features:
    """Power in octaves of spatial frequency, as shares; how unequal directions are in the finer half."""
    edge = min(values.shape)
    square = values[:edge, :edge] - values.mean()
    window = np.hanning(edge)
    power = np.abs(np.fft.rfft2(square * np.outer(window, window))) ** 2
    rows, cols = np.fft.fftfreq(edge)[:, None], np.fft.rfftfreq(edge)[None]
    frequency = np.hypot(rows, cols)
    total = max(power[frequency > 0].sum(), 1e-9)
    bounds = (0.0, 0.03125, 0.0625, 0.125, 0.25, 0.5)
    features = {}
    for low, high in zip(bounds[:-1], bounds[1:], strict=True):
        band = power[(frequency > low) & (frequency <= high)].sum()
        features[f"octave_{high:g}"] = np.log10(band / total + 1e-6)
    fine = frequency > 0.125
    sector = (np.arctan2(rows, cols) / np.pi * 8).round().astype(int) % 8
    energy = np.bincount(sector[fine], power[fine], minlength=8)
    features["octave_directions"] = energy.max() / max(energy.mean(), 1e-9)
    features["octave_peak"] = np.log10(power[fine].max() / max(power[fine].mean(), 1e-9) + 1e-6)
    return features


def trends(values: np.ndarray) -> Features:
    """How much of the variance rows and columns alone, or a smooth surface, explain."""
    variance = max(values.var(), 1e-6)
    by_rows, by_cols = values.mean(axis=1).var() / variance, values.mean(axis=0).var() / variance
    down, across = (_legendre(length) for length in values.shape)
    surface = (down @ values @ across.T)[[0, 1, 1, 0, 2], [1, 0, 1, 2, 0]]
    surface = (surface**2).sum() / (values.size * variance)
    return {"rows_and_cols": by_rows + by_cols, "one_axis": max(by_rows, by_cols), "surface": surface}


def _legendre(length: int) -> np.ndarray:
    """Constant, linear and quadratic polynomial on so many points, orthonormal."""
    steps = np.linspace(-1, 1, length)
    return np.linalg.qr(np.stack([np.ones(length), steps, steps**2], axis=1))[0].T


def otsu(values: np.ndarray) -> float:
    """The threshold of Otsu, the middle of where several are equally good."""
    between = between_classes(counts(values))
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))
    return (best.mean() + 0.5) / 255


def counts(values: np.ndarray) -> np.ndarray:
    """How many values in each of 256 bins."""
    return np.bincount((values * 255).astype(np.uint8).ravel(), minlength=256)
