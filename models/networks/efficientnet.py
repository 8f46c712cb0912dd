"""EfficientNet-Lite0 (Tan and Le, arXiv:1905.11946, 2019; Lite: Liu, TensorFlow's blog, 16 March 2020).

EfficientNet-B0 without squeeze and excitation, and with ReLU6 for swish. Adapted: the second stage keeps its
resolution (stride 1 instead of 2), so that a 48-pixel field ends in a 3 x 3 map.
"""

import keras
from keras import KerasTensor, layers

from models.networks.blocks import add_heads, batch_norm, conv
from models.networks.fields import split_fields

# expansion, kernel, stride, filters, repeats
STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 1, 24, 2),  # stride 2 in the paper
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
STOCHASTIC_DEPTH = 0.2  # of the last block; grows linearly from 0 (Huang et al., 2016)


def build_efficientnet(input_shape: tuple[int, int, int]) -> keras.Model:
    """EfficientNet-Lite0 for patches of `input_shape` (rows, cols, fields); returns a keras.Model."""
    inputs = keras.Input(input_shape, name="patch")
    x = _conv_bn_relu6(split_fields(inputs), 32, 3, 2, "stem")
    total = sum(stage[-1] for stage in STAGES)
    done = 0
    for stage, (expansion, kernel, stride, filters, repeats) in enumerate(STAGES, start=1):
        for block in range(repeats):
            drop = STOCHASTIC_DEPTH * done / total
            name = f"stage{stage}_block{block + 1}"
            x = _mbconv(x, expansion, kernel, stride if block == 0 else 1, filters, drop, name)
            done += 1
    x = _conv_bn_relu6(x, 1280, 1, 1, "top")
    return keras.Model(inputs, add_heads(x, input_shape[-1], dropout=0.3), name="efficientnet")


def _mbconv(
    x: KerasTensor, expansion: int, kernel: int, stride: int, filters: int, drop: float, name: str
) -> KerasTensor:
    shortcut, width = x, x.shape[-1] * expansion
    if expansion != 1:
        x = _conv_bn_relu6(x, width, 1, 1, f"{name}_expand")
    x = layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=f"{name}_dwconv",
    )(x)
    x = batch_norm(f"{name}_dwconv_bn")(x)
    x = layers.ReLU(6, name=f"{name}_dwconv_relu6")(x)
    x = conv(x, filters, 1, 1, f"{name}_project")
    x = batch_norm(f"{name}_project_bn")(x)
    if stride == 1 and shortcut.shape[-1] == filters:
        x = layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(x)
        x = layers.Add(name=f"{name}_add")([shortcut, x])
    return x


def _conv_bn_relu6(x: KerasTensor, filters: int, kernel: int, stride: int, name: str) -> KerasTensor:
    x = conv(x, filters, kernel, stride, f"{name}_conv")
    x = batch_norm(f"{name}_bn")(x)
    return layers.ReLU(6, name=f"{name}_relu6")(x)
