"""Forward passes as quick as the arithmetic allows, with numbers that stay those of the plain network.

Batch normalisations are folded into the convolutions before them (Jacob et al., arXiv:1712.05877, 2018,
section 3.2). Each operation runs on one thread, and what is parallel are whole passes, side by side: waking a
second thread for each of some hundred small operations costs more than it saves.
"""

import ctypes
import gc

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from models.inference.cores import CORES, shares, side_by_side

CONSTANT_UP_TO = 2_000_000  # weights; TensorFlow keeps several copies of constants, and one of variables


def one_thread_an_operation():
    """Let TensorFlow run as many operations at once as there are cores, each on one.

    Does nothing where TensorFlow has computed already: answers are the same, and slower.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(CORES)
    except RuntimeError:
        pass


def folded(model):
    """A network without batch normalisation that gives what `model` gives, with layers of the same names.

    Parameters
    ----------
    model : keras.Model
        Each batch normalisation follows a convolution that nothing else uses.

    Returns
    -------
    keras.Model
        For inference alone: it has no dropout either.
    """
    norms = {
        layer.input._keras_history.operation.name: layer
        for layer in model.layers
        if isinstance(layer, layers.BatchNormalization)
    }

    def copied(layer):
        config = layer.get_config()
        for name in config:
            if name.endswith("_initializer"):
                config[name] = "zeros"  # weights follow; drawing them first would take seconds
        if layer.name in norms:
            config["use_bias"] = True
        return type(layer).from_config(config)

    def joined(layer, x, *args, **kwargs):
        gone = isinstance(layer, layers.BatchNormalization | layers.Dropout)
        return x if gone else layer(x)

    new = keras.models.clone_model(model, clone_function=copied, call_function=joined)
    for layer in new.layers:
        weights = model.get_layer(layer.name).get_weights()
        layer.set_weights(_folded(layer, weights, norms[layer.name]) if layer.name in norms else weights)
    return new


def _folded(layer, weights, norm):
    """Kernel and bias of a convolution without bias that is followed by a batch normalisation."""
    gamma, beta, mean, variance = norm.get_weights()
    scale = gamma / np.sqrt(variance + norm.epsilon)
    by_input = isinstance(layer, layers.DepthwiseConv2D)  # (rows, cols, inputs, 1) in place of outputs last
    return [weights[0] * (scale[:, None] if by_input else scale), beta - mean * scale]


def trace(model, shape=None):
    """A model's forward pass as one graph for any number of inputs.

    Parameters
    ----------
    model : keras.Model
    shape : tuple of (int or None), optional
        Of one input; default: the model's.
    """
    spec = tf.TensorSpec((None, *(shape or model.input_shape[1:])), tf.float32)
    return tf.function(lambda inputs: model(inputs, training=False), input_signature=[spec])


def quick(model):
    """The forward pass of a `folded` model as one graph that is compiled; the weights are those of now.

    With small networks the weights are part of the graph, so that each convolution rearranges its filters
    once and not on every call.

    Returns
    -------
    callable
        From a tensor or array (n, ...), float32, to what the model gives, as tensors.
    """
    if model.count_params() > CONSTANT_UP_TO:
        return trace(model).get_concrete_function()
    values = [(variable, variable.numpy()) for variable in model.variables]
    spec = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)

    def forward(inputs):
        with keras.StatelessScope([(variable, tf.constant(value)) for variable, value in values]):
            return model(inputs, training=False)

    passing = tf.function(forward, input_signature=[spec]).get_concrete_function()
    values.clear()
    return passing


class Passes:
    """The forward passes of several networks; methods may be called from any number of threads."""

    def __init__(self):
        self._passes = {}

    def __contains__(self, key):
        return key in self._passes

    def __iter__(self):
        return iter(self._passes)

    def __len__(self):
        return len(self._passes)

    def add(self, key, model):
        """Compile and warm a `folded` classifier."""
        features = model.get_layer("pool").output
        self._passes[key] = quick(keras.Model(model.input, {**model.output, "features": features}))
        self._pass(key, np.zeros((1, *model.input_shape[1:]), np.float32))
        give_memory_back()

    def one(self, key, patches):
        """One network's outputs.

        Parameters
        ----------
        key : str
        patches : ndarray of shape (n, rows, cols, 3), float32

        Returns
        -------
        dict of str to ndarray
            Those that `models.networks.heads.add_heads` names, and ``features`` (n, channels): the last
            feature map's mean.
        """
        return _joint(side_by_side(lambda part: self._pass(key, part), shares(patches)))

    def all(self, patches):
        """All networks' outputs, by key; see `one`."""
        parts = shares(patches, CORES if len(self) == 1 else max(1, CORES // 2))
        tasks = [(key, part) for key in self for part in parts]
        outputs = iter(side_by_side(lambda task: self._pass(*task), tasks))
        return {key: _joint([next(outputs) for _ in parts]) for key in self}

    def _pass(self, key, patches):
        return {name: value.numpy() for name, value in self._passes[key](tf.constant(patches)).items()}


def _joint(parts):
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def give_memory_back():
    """Return what compiling took to the system, where the C library is one that keeps it (glibc)."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
