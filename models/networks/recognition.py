"""A small network that tells a nodule from a location without one.

A U-Net (Ronneberger et al., arXiv:1505.04597, 2015) of residual blocks (He et al., arXiv:1512.03385, 2015)
that outlines what lies in the close field, and judges the middle by what it has seen there and all around:
outlines teach such a network more than yes and no do. It is the second stage of candidate detection
(false-positive reduction, Setio et al., IEEE Trans. Med. Imaging 35, 1160, 2016).
"""

import keras
from keras import KerasTensor, layers

from models.networks.blocks import batch_norm, conv

FILTERS = (24, 48, 80, 112)  # a level each, of half the resolution of the one before
REDUCTION = 2  # of the outline's grid against the input's
MIDDLE = 8  # pixels of that grid a side: about 11 mm of the close field
DROPOUT = 0.3


def build_recognition(shape: tuple[int, int, int], filters: tuple[int, ...] = FILTERS) -> keras.Model:
    """The network for fields of `shape` (rows, cols, channels), whose edge is a multiple of 16.

    Outputs: ``nodule`` of shape (batch, 1), the probability that there is a nodule in the middle, and
    ``outline`` of shape (batch, rows / 2, cols / 2, 1), that a pixel of the close field lies in a nodule.
    """
    inputs = keras.Input(shape, name="fields")
    x = _active(conv(inputs, filters[0], 5, REDUCTION, "stem_conv"), "stem")
    levels = [x]
    for number, n in enumerate(filters[1:], start=1):
        levels.append(_block(levels[-1], n, 2, f"block{number}"))
    x = levels[-1]
    for number, n in reversed(list(enumerate(filters[:-1]))):
        x = layers.Conv2DTranspose(n, 2, strides=2, name=f"up{number}_conv")(x)
        x = layers.Concatenate(name=f"up{number}_join")([levels[number], x])
        x = _active(conv(x, n, 3, 1, f"up{number}_conv1"), f"up{number}")
    outline = layers.Conv2D(1, 1, activation="sigmoid", name="outline")(x)
    margin = (shape[0] // REDUCTION - MIDDLE) // 2
    middle = layers.Cropping2D(margin, name="middle")(x)
    features = [
        layers.GlobalAveragePooling2D(name="pool")(levels[-1]),
        layers.GlobalAveragePooling2D(name="middle_pool")(middle),
    ]
    x = layers.Dropout(DROPOUT, name="dropout")(layers.Concatenate(name="features")(features))
    nodule = layers.Dense(1, activation="sigmoid", name="nodule")(x)
    return keras.Model(inputs, {"nodule": nodule, "outline": outline}, name="recognition")


def _block(x: KerasTensor, filters: int, stride: int, name: str) -> KerasTensor:
    shortcut = batch_norm(f"{name}_project_bn")(conv(x, filters, 1, stride, f"{name}_project_conv"))
    x = _active(conv(x, filters, 3, stride, f"{name}_conv1"), f"{name}_1")
    x = batch_norm(f"{name}_2_bn")(conv(x, filters, 3, 1, f"{name}_conv2"))
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_relu")(x)


def _active(x: KerasTensor, name: str) -> KerasTensor:
    return layers.ReLU(name=f"{name}_relu")(batch_norm(f"{name}_bn")(x))
