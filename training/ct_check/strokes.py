"""What the families of drawings are made of."""

import numpy as np
from PIL import Image, ImageDraw


def grid(size):
    """Rows and columns from -0.5 to 0.5."""
    return np.mgrid[:size, :size] / size - 0.5


def cloud_noise(rng, size, power):
    """Noise whose amplitude falls as frequency to minus `power`: clouds, terrain."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    frequency[0, 0] = 1
    waves = np.fft.fft2(rng.normal(size=(size, size))) / frequency**power
    return unit(np.fft.ifft2(waves).real)


def unit(values):
    """Stretched from 0 to 1."""
    low, high = values.min(), values.max()
    return (values - low) / max(high - low, 1e-9)


def canvas(size, ground=0):
    """A plain Pillow picture and what draws on it."""
    image = Image.new("L", (size, size), int(ground))
    return image, ImageDraw.Draw(image)
