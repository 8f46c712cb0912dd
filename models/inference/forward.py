"""Forward passes as quick as the arithmetic allows, with numbers that stay those of the plain network.

Batch normalisations are folded into the convolutions before them (Jacob et al., arXiv:1712.05877, 2018,
section 3.2). Each operation runs on one thread, and what is parallel are whole passes, side by side: waking a
second thread for each of some hundred small operations costs more than it saves.
"""

import gc
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from models.inference.cores import CORES
from models.inference.memory import give_back, keep_few_pools
from models.networks.blocks import undrawn

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
    """A network without batch normalisation that gives what `model` gives.

    Layers have the names of those whose outputs they give: a convolution that a batch normalisation is folded
    into has that one's.

    Parameters
    ----------
    model : keras.Model
        Each batch normalisation follows a convolution that nothing else uses.

    Returns
    -------
    keras.Model
        For inference alone: it has no dropout either.
    """
    all_norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    norms = {layer.input._keras_history.operation.name: layer for layer in all_norms}
    sources = {norm.name: model.get_layer(name) for name, norm in norms.items()}

    def copied(layer):
        config = layer.get_config()
        for name in config:
            if name.endswith("_initializer"):
                config[name] = "zeros"  # weights follow; drawing them first would take seconds
        if layer.name in norms:
            config |= {"use_bias": True, "name": norms[layer.name].name}  # it gives what that layer gave
        return type(layer).from_config(config)

    def joined(layer, x, *args, **kwargs):
        gone = isinstance(layer, layers.BatchNormalization | layers.Dropout)
        return x if gone else layer(x)

    new = keras.models.clone_model(model, clone_function=copied, call_function=joined)
    for layer in new.layers:
        source = sources.get(layer.name) or model.get_layer(layer.name)
        weights = source.get_weights()
        layer.set_weights(_folded(layer, weights, norms[source.name]) if source.name in norms else weights)
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


@contextmanager
def building():
    """Build networks that are filled at once: nothing is drawn, and no garbage looked for all the while.

    Then the memory that it took is returned, to the system, too.
    """
    keep_few_pools(CORES)
    gc.disable()
    try:
        with undrawn():
            yield
    finally:
        gc.enable()
    gc.collect()
    give_back()
