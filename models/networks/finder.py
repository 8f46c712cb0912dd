"""U-Net that marks what may be a nodule in whole slices (Ronneberger et al., arXiv:1505.04597, 2015).

It answers on a grid twice as coarse as its input, which is fine enough to tell where a nodule is and takes a
quarter of the time. Blocks are residual (He et al., arXiv:1512.03385, 2015). Three levels reach some 50 mm: a
mark depends on what is around it, not on where it lies in the slice.
"""

from collections.abc import Sequence

import keras
from keras import KerasTensor, layers, ops

from models.imaging.field import FINDER_REDUCTION
from models.networks.blocks import batch_norm, conv

FILTERS = (24, 48, 72, 96)


def build_finder(filters: Sequence[int] = FILTERS, channels: int = 3) -> keras.Model:
    """The network for fields of any shape (rows, cols, channels), multiples of `FINDER_STRIDE`.

    The output has shape (batch, rows / 2, cols / 2, 1): the probability that a pixel lies within a nodule.
    """
    inputs = keras.Input((None, None, channels), name="field")
    x = _active(conv(inputs, filters[0], 5, FINDER_REDUCTION, "stem_conv"), "stem")
    levels = [x]
    for number, n in enumerate(filters[1:], start=1):
        levels.append(_block(levels[-1], n, f"block{number}"))
    x = levels[-1]
    for number, n in reversed(list(enumerate(filters[:-1]))):
        x = layers.Conv2DTranspose(n, 2, strides=2, name=f"up{number}_conv")(x)
        x = layers.Concatenate(name=f"up{number}_join")([levels[number], x])
        x = _active(conv(x, n, 3, 1, f"up{number}_conv1"), f"up{number}")
    outputs = layers.Conv2D(1, 1, activation="sigmoid", bias_initializer=_rare, name="nodule")(x)
    return keras.Model(inputs, outputs, name="finder")


def _block(x: KerasTensor, filters: int, name: str) -> KerasTensor:
    """Two convolutions, the first with stride 2, and twice more at that resolution."""
    shortcut = batch_norm(f"{name}_project_bn")(conv(x, filters, 1, 2, f"{name}_project_conv"))
    x = _active(conv(x, filters, 3, 2, f"{name}_conv1"), f"{name}_1")
    x = batch_norm(f"{name}_2_bn")(conv(x, filters, 3, 1, f"{name}_conv2"))
    x = layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, shortcut]))
    y = _active(conv(x, filters, 3, 1, f"{name}_conv3"), f"{name}_3")
    y = batch_norm(f"{name}_4_bn", gamma="zeros")(conv(y, filters, 3, 1, f"{name}_conv4"))
    return layers.ReLU(name=f"{name}_relu4")(layers.Add(name=f"{name}_add4")([x, y]))


def _active(x: KerasTensor, name: str) -> KerasTensor:
    return layers.ReLU(name=f"{name}_relu")(batch_norm(f"{name}_bn")(x))


def _rare(shape: tuple[int, ...], dtype: str | None = None) -> KerasTensor:
    """Few pixels are nodule: the first outputs say so (Lin et al., arXiv:1708.02002, section 4.1)."""
    return ops.full(shape, -3.0, dtype)
