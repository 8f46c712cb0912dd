"""VGG16 and VGG19 (Simonyan and Zisserman, arXiv:1409.1556, 2014, configurations D and E).

Adapted: batch normalisation after every convolution, no fifth max pooling, so that a 48-pixel field
ends in a 3 x 3 map, and global average pooling for the 4096-wide layers.
"""

import keras
from keras import KerasTensor, layers

from models.networks.blocks import add_heads, batch_norm, conv
from models.networks.fields import split_fields

FILTERS = (64, 128, 256, 512, 512)
VGG16_BLOCKS = (2, 2, 3, 3, 3)
VGG19_BLOCKS = (2, 2, 4, 4, 4)


def build_vgg16(input_shape: tuple[int, int, int]) -> keras.Model:
    """VGG16 for patches of `input_shape` (rows, cols, fields); returns a keras.Model."""
    return _build("vgg16", VGG16_BLOCKS, input_shape)


def build_vgg19(input_shape: tuple[int, int, int]) -> keras.Model:
    """VGG19 for patches of `input_shape` (rows, cols, fields); returns a keras.Model."""
    return _build("vgg19", VGG19_BLOCKS, input_shape)


def _build(name: str, blocks: tuple[int, ...], input_shape: tuple[int, int, int]) -> keras.Model:
    inputs = keras.Input(input_shape, name="patch")
    x = split_fields(inputs)
    for block, (depth, filters) in enumerate(zip(blocks, FILTERS, strict=True), start=1):
        for number in range(1, depth + 1):
            x = _conv(x, filters, f"block{block}_conv{number}")
        if block < len(blocks):
            x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    return keras.Model(inputs, add_heads(x, input_shape[-1], dropout=0.4), name=name)


def _conv(x: KerasTensor, filters: int, name: str) -> KerasTensor:
    x = conv(x, filters, 3, 1, name)
    x = batch_norm(f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
