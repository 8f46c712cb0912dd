"""A trained network as a list of TensorFlow's operations, without Keras in between.

Batch normalisations are folded into the convolutions before them (Jacob et al., arXiv:1712.05877, 2018,
section 3.2), and dropout is gone. To trace some hundred Keras layers takes seconds, to trace their operations
tenths of one; and the weights are kept once, where a copy of the Keras model would be kept beside them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from models.networks.fields import JoinFields, SplitFields

Tensor = Any  # TensorFlow brings no types
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": tf.identity,
    "relu": tf.nn.relu,
    "sigmoid": tf.nn.sigmoid,
    "softmax": tf.nn.softmax,
}


@dataclass(frozen=True)
class Step:
    """One operation.

    Attributes
    ----------
    name : str
        Of the layer whose output it gives.
    sources : tuple of str
        The steps, or the input, whose outputs it takes.
    weights : tuple of tf.Tensor
    compute : callable
        From sources' outputs and weights to its own output.
    """

    name: str
    sources: tuple[str, ...]
    weights: tuple[Tensor, ...]
    compute: Callable[..., Tensor]


class FoldedGraph:
    """What a Keras model computes, for inference alone; the weights are those of now.

    Parameters
    ----------
    model : keras.Model
        Made of one input and of layers of the kinds in `KINDS`; each batch normalisation follows a
        convolution without bias that nothing else uses.
    weights : dict of str to list of ndarray, optional
        The layers' weights by name, in the order of Keras; else those of the model itself.

    Attributes
    ----------
    input, input_shape : str, tuple of (int or None)
        Name and shape (rows, cols, channels) of the input.
    names : set of str
        Of the layers whose outputs can be had: of a convolution and its batch normalisation the latter's.

    Raises
    ------
    ValueError
        For a layer that is not among `KINDS`, or does what these do not, and for weights that do not fit.
    """

    def __init__(self, model: keras.Model, weights: Mapping[str, Sequence[np.ndarray]] | None = None):
        (given,) = model.inputs
        self.input, self.input_shape = given._keras_history.operation.name, tuple(given.shape[1:])
        norms = {
            _sources(layer)[0]: layer
            for layer in model.layers
            if isinstance(layer, layers.BatchNormalization)
        }
        aliases = {conv: norm.name for conv, norm in norms.items()}
        self._steps: list[Step] = []
        for layer in model.layers:
            if isinstance(layer, layers.InputLayer | layers.BatchNormalization):
                continue
            sources = tuple(aliases.get(name, name) for name in _sources(layer))
            if isinstance(layer, layers.Dropout):
                aliases[layer.name] = sources[0]
                continue
            own = _folded(layer, norms.get(layer.name), weights)
            name = aliases.get(layer.name, layer.name)
            self._steps.append(Step(name, sources, tuple(map(tf.constant, own)), _compute(layer)))
        self.names = {step.name for step in self._steps}

    def __call__(self, inputs: Tensor) -> dict[str, Tensor]:
        """All outputs by name, the input's included; `inputs` is a tensor (n, rows, cols, channels)."""
        outputs = {self.input: inputs}
        for step in self._steps:
            outputs[step.name] = step.compute(*(outputs[name] for name in step.sources), *step.weights)
        return outputs


def compiled(steps: FoldedGraph, names: Sequence[str]) -> Callable[[Tensor], dict[str, Tensor]]:
    """Some layers' outputs as one graph.

    Returns
    -------
    callable
        From a tensor or array (n, rows, cols, channels), float32, to a dict of tensors by layer.
    """

    def passing(inputs: Tensor) -> dict[str, Tensor]:
        outputs = steps(inputs)
        return {name: outputs[name] for name in names}

    spec = tf.TensorSpec((None, *steps.input_shape), tf.float32)
    return tf.function(passing, input_signature=[spec], autograph=False).get_concrete_function()


def _sources(layer: keras.Layer) -> list[str]:
    inputs = layer.input if isinstance(layer.input, list) else [layer.input]
    return [tensor._keras_history.operation.name for tensor in inputs]


def _weights(layer: keras.Layer, weights: Mapping[str, Sequence[np.ndarray]] | None) -> Sequence[np.ndarray]:
    """A layer's own weights, of which most layers have none."""
    if weights is None:
        return layer.get_weights()
    own, shapes = weights.get(layer.name, ()), [tuple(variable.shape) for variable in layer.weights]
    if [array.shape for array in own] != shapes:
        raise ValueError(f"{layer.name}: expected arrays of {shapes}.")
    return own


def _folded(
    layer: keras.Layer, norm: keras.Layer | None, weights: Mapping[str, Sequence[np.ndarray]] | None
) -> Sequence[np.ndarray]:
    """A layer's kernel and bias, a batch normalisation after it folded in."""
    own = _weights(layer, weights)
    if norm is None:
        return own
    if len(own) != 1:
        raise ValueError(f"{norm.name}: expected a convolution without bias. Received: {layer.name}")
    gamma, beta, mean, variance = _weights(norm, weights)
    scale = gamma / np.sqrt(variance + norm.epsilon)
    by_input = isinstance(layer, layers.DepthwiseConv2D)  # (rows, cols, inputs, 1) in place of outputs last
    return [own[0] * (scale[:, None] if by_input else scale), beta - mean * scale]


def _compute(layer: keras.Layer) -> Callable[..., Tensor]:
    """What a layer does, as a function of its inputs and weights that keeps nothing of the layer."""
    for kind, made in KINDS.items():
        if type(layer) is kind:
            return made(layer)
    kinds = ", ".join(kind.__name__ for kind in KINDS)
    raise ValueError(f"{layer.name}: expected one of {kinds}. Received: {type(layer).__name__}")


def _convolution(layer: keras.Layer) -> Callable[..., Tensor]:
    if set(layer.dilation_rate) != {1} or getattr(layer, "groups", 1) != 1:
        raise ValueError(f"{layer.name}: expected no dilation and no groups.")
    options = {"strides": [1, *layer.strides, 1], "padding": layer.padding.upper()}
    function = tf.nn.depthwise_conv2d if isinstance(layer, layers.DepthwiseConv2D) else tf.nn.conv2d
    return partial(_weighted, partial(function, **options), _activation(layer))


def _transposed(layer: keras.Layer) -> Callable[..., Tensor]:
    strides = layer.strides
    if layer.kernel_size != strides:
        raise ValueError(f"{layer.name}: expected a kernel of the strides' size {strides}.")

    def enlarge(x: Tensor, kernel: Tensor) -> Tensor:
        n, rows, cols, _ = tf.unstack(tf.shape(x))
        shape = tf.stack([n, rows * strides[0], cols * strides[1], kernel.shape[2]])
        return tf.nn.conv2d_transpose(x, kernel, shape, strides, "VALID")

    return partial(_weighted, enlarge, _activation(layer))


def _weighted(
    function: Callable[..., Tensor],
    activation: Callable[[Tensor], Tensor],
    x: Tensor,
    kernel: Tensor,
    bias: Tensor | None = None,
) -> Tensor:
    x = function(x, kernel)
    return activation(x if bias is None else tf.nn.bias_add(x, bias))


def _relu(layer: keras.Layer) -> Callable[[Tensor], Tensor]:
    if layer.max_value not in (None, 6) or layer.negative_slope or layer.threshold:
        raise ValueError(f"{layer.name}: expected a plain ReLU or ReLU6.")
    return tf.nn.relu6 if layer.max_value else tf.nn.relu


def _pooling(layer: keras.Layer) -> Callable[[Tensor], Tensor]:
    options = {"ksize": layer.pool_size, "strides": layer.strides, "padding": layer.padding.upper()}
    return partial(tf.nn.max_pool2d, **options)


def _split(patches: Tensor) -> Tensor:
    _, rows, cols, _ = patches.shape
    return tf.reshape(tf.transpose(patches, (0, 3, 1, 2)), (-1, rows, cols, 1))


def _join(layer: keras.Layer) -> Callable[[Tensor], Tensor]:
    return lambda features: tf.reshape(features, (-1, layer.fields * features.shape[-1]))


def _cropping(layer: keras.Layer) -> Callable[[Tensor], Tensor]:
    (top, bottom), (left, right) = layer.cropping
    return lambda x: x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]


def _activation(layer: keras.Layer) -> Callable[[Tensor], Tensor]:
    return ACTIVATIONS[layer.activation.__name__]


KINDS: dict[type, Callable[[keras.Layer], Callable[..., Tensor]]] = {
    layers.Conv2D: _convolution,
    layers.DepthwiseConv2D: _convolution,
    layers.Conv2DTranspose: _transposed,
    layers.Dense: lambda layer: partial(_weighted, tf.matmul, _activation(layer)),
    layers.ReLU: _relu,
    layers.MaxPooling2D: _pooling,
    layers.Cropping2D: _cropping,
    layers.GlobalAveragePooling2D: lambda layer: partial(
        tf.reduce_mean, axis=(1, 2), keepdims=layer.keepdims
    ),
    SplitFields: lambda layer: _split,
    JoinFields: _join,
    layers.Add: lambda layer: tf.add,
    layers.Concatenate: lambda layer: lambda *parts: tf.concat(parts, axis=-1),
}
