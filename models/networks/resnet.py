"""ResNet-18 (He et al., arXiv:1512.03385, 2015).

Adapted: no max pooling after the stem, so that the four stages of a 48-pixel field see 24, 12, 6 and
3 positions a side; the last batch normalisation of each block starts at zero, so that every block
starts as the identity (Goyal et al., arXiv:1706.02677, 2017).
"""

import keras
from keras import KerasTensor, layers

from models.networks.blocks import add_heads, batch_norm, conv
from models.networks.fields import split_fields

FILTERS = (64, 128, 256, 512)
BLOCKS = (2, 2, 2, 2)


def build_resnet(input_shape: tuple[int, int, int]) -> keras.Model:
    """ResNet-18 for patches of `input_shape` (rows, cols, fields); returns a keras.Model."""
    inputs = keras.Input(input_shape, name="patch")
    x = conv(split_fields(inputs), FILTERS[0], 7, 2, "conv1")
    x = batch_norm("conv1_bn")(x)
    x = layers.ReLU(name="conv1_relu")(x)
    for stage, (filters, blocks) in enumerate(zip(FILTERS, BLOCKS, strict=True), start=2):
        for block in range(1, blocks + 1):
            stride = 2 if stage > 2 and block == 1 else 1
            x = _basic_block(x, filters, stride, f"conv{stage}_block{block}")
    return keras.Model(inputs, add_heads(x, input_shape[-1], dropout=0.3), name="resnet")


def _basic_block(x: KerasTensor, filters: int, stride: int, name: str) -> KerasTensor:
    shortcut = x
    if stride != 1 or x.shape[-1] != filters:
        shortcut = conv(x, filters, 1, stride, f"{name}_0_conv")
        shortcut = batch_norm(f"{name}_0_bn")(shortcut)
    x = conv(x, filters, 3, stride, f"{name}_1_conv")
    x = batch_norm(f"{name}_1_bn")(x)
    x = layers.ReLU(name=f"{name}_1_relu")(x)
    x = conv(x, filters, 3, 1, f"{name}_2_conv")
    x = batch_norm(f"{name}_2_bn", gamma="zeros")(x)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.ReLU(name=f"{name}_out")(x)
