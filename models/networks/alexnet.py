"""AlexNet (Krizhevsky, Sutskever and Hinton, NeurIPS 2012).

Adapted: stride 2 instead of 4 in the first convolution, so that a 48-pixel field ends in a 3 x 3 map;
one tower instead of two; batch normalisation for local response normalisation; global average
pooling for the 4096-wide layers.
"""

import keras
from keras import KerasTensor, layers

from models.networks.blocks import add_heads, batch_norm, conv
from models.networks.fields import split_fields


def build_alexnet(input_shape: tuple[int, int, int]) -> keras.Model:
    """AlexNet for patches of `input_shape` (rows, cols, fields); returns a keras.Model."""
    inputs = keras.Input(input_shape, name="patch")
    x = _conv(split_fields(inputs), 96, 11, 2, "conv1")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="pool1")(x)
    x = _conv(x, 256, 5, 1, "conv2")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="pool2")(x)
    x = _conv(x, 384, 3, 1, "conv3")
    x = _conv(x, 384, 3, 1, "conv4")
    x = _conv(x, 256, 3, 1, "conv5")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="pool5")(x)
    return keras.Model(inputs, add_heads(x, input_shape[-1], dropout=0.4), name="alexnet")


def _conv(x: KerasTensor, filters: int, kernel: int, stride: int, name: str) -> KerasTensor:
    x = conv(x, filters, kernel, stride, name)
    x = batch_norm(f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
