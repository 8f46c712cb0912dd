"""U-Net that outlines nodules (Ronneberger et al., arXiv:1505.04597, 2015).

Adapted: convolutions keep their size (padding) and carry batch normalisation, so that input and output are
one grid and any multiple of `STRIDE` will do; a quarter of the paper's filters, since a field holds few
structures.
"""

from collections.abc import Sequence

import keras
from keras import KerasTensor, layers, ops

from models.networks.blocks import batch_norm, conv

FILTERS = (16, 32, 64, 96, 128)
STRIDE = 2 ** (len(FILTERS) - 1)  # rows and columns of the input must be multiples


def build_localiser(filters: Sequence[int] = FILTERS, channels: int = 3) -> keras.Model:
    """The network for fields of any shape (rows, cols, channels); returns a keras.Model.

    The output has shape (batch, rows, cols, 1): the probability that a pixel lies within a nodule.
    """
    inputs = keras.Input((None, None, channels), name="field")
    x, kept = inputs, []
    for level, n in enumerate(filters):
        if level:
            kept.append(x)
            x = layers.MaxPooling2D(name=f"down{level}_pool")(x)
        x = _double(x, n, f"down{level}")
    for level in reversed(range(len(filters) - 1)):
        x = layers.Conv2DTranspose(filters[level], 2, strides=2, name=f"up{level}_conv")(x)
        x = layers.Concatenate(name=f"up{level}_join")([kept[level], x])
        x = _double(x, filters[level], f"up{level}")
    outputs = layers.Conv2D(1, 1, activation="sigmoid", bias_initializer=_rare, name="nodule")(x)
    return keras.Model(inputs, outputs, name="localiser")


def _double(x: KerasTensor, filters: int, name: str) -> KerasTensor:
    for step in (1, 2):
        x = conv(x, filters, 3, 1, f"{name}_conv{step}")
        x = batch_norm(f"{name}_bn{step}")(x)
        x = layers.ReLU(name=f"{name}_relu{step}")(x)
    return x


def _rare(shape: tuple[int, ...], dtype: str | None = None) -> KerasTensor:
    """Few pixels are nodule: the first outputs say so (Lin et al., arXiv:1708.02002, section 4.1)."""
    return ops.full(shape, -3.0, dtype)
