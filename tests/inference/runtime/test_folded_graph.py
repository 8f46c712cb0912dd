"""A network without Keras in between gives what the Keras model gives."""

import gc
import json
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from app import ROOT
from models.imaging.patch import PATCH
from models.inference.runtime.folded_graph import FoldedGraph, compiled
from models.networks.localiser import build_localiser
from models.networks.registry import ARCHITECTURES

WEIGHTS = ROOT / "weights"


def random_inputs(*shape):
    return np.random.default_rng(1).random(shape, np.float32)


def with_statistics(model):
    """The model as if trained: batch statistics and gains away from 0 and 1."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            n = layer.gamma.shape
            layer.set_weights(
                [rng.uniform(0.5, 1.5, n) if i % 3 == 0 else rng.normal(0, 0.2, n) for i in range(4)]
            )
    return model


@pytest.mark.parametrize("key", ARCHITECTURES)
def test_every_layer_gives_what_it_gives_in_keras(key):
    keras.utils.set_random_seed(0)
    model = with_statistics(ARCHITECTURES[key].build(PATCH.shape))
    steps, patches = FoldedGraph(model), random_inputs(2, *PATCH.shape)
    names = sorted(steps.names)
    expected = keras.Model(model.input, [model.get_layer(name).output for name in names])(
        patches, training=False
    )
    found = tf.function(steps)(tf.constant(patches))
    for name, values in zip(names, expected, strict=True):
        scale = np.abs(values).max() + 1e-6
        np.testing.assert_allclose(found[name] / scale, values / scale, atol=1e-4, err_msg=name)


def test_the_localiser_gives_what_it_gives_in_keras_for_fields_of_any_shape():
    model = build_localiser(tuple(json.loads((WEIGHTS / "localiser.json").read_text())["filters"]))
    model.load_weights(WEIGHTS / "localiser.weights.h5")
    passing = compiled(FoldedGraph(model), ["nodule"])
    for shape in ((2, 96, 96), (1, 160, 128), (8, 96, 96), (1, 16, 16)):  # filters are rearranged by shape
        fields = random_inputs(*shape, 3)
        np.testing.assert_allclose(passing(fields)["nodule"], model(fields, training=False), atol=1e-4)


def test_batch_normalisation_and_dropout_are_gone_and_layers_have_the_names_of_what_they_give():
    names = FoldedGraph(ARCHITECTURES["efficientnet"].build(PATCH.shape)).names
    assert {"stem_bn", "stage2_block2_add", "top_relu6", "pool", "rating"} <= names
    assert not names & {"patch", "stem_conv", "dropout", "stage2_block2_drop"}


def test_weights_are_those_of_then_and_nothing_of_the_keras_model_is_kept():
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, layers.Conv2D(2, 3, name="conv")(inputs))
    patches, steps = random_inputs(1, 8, 8, 3), FoldedGraph(model)
    expected = model(patches).numpy()
    model.layers[1].set_weights([np.zeros((3, 3, 3, 2)), np.zeros(2)])
    np.testing.assert_allclose(steps(tf.constant(patches))["conv"], expected, atol=1e-5)
    kept = weakref.ref(model.layers[1].kernel)
    del model, inputs
    gc.collect()
    assert kept() is None


def ending_in(*more):
    inputs = x = keras.Input((8, 8, 3))
    for layer in more:
        x = layer(x)
    return keras.Model(inputs, x)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (
            [layers.LayerNormalization(name="odd")],
            "odd: expected one of Conv2D, .* Received: LayerNormalization",
        ),
        ([layers.Conv2D(2, 3, dilation_rate=2, name="wide")], "wide: expected no dilation and no groups"),
        ([layers.Conv2D(3, 3, groups=3, name="split")], "split: expected no dilation and no groups"),
        (
            [layers.Conv2DTranspose(2, 3, strides=2, name="up")],
            r"up: expected a kernel of the strides' size \(2, 2\)",
        ),
        (
            [layers.Conv2D(2, 3, name="conv"), layers.BatchNormalization(name="norm")],
            "norm: expected a convolution without bias. Received: conv",
        ),
        ([layers.ReLU(max_value=5, name="five")], "five: expected a plain ReLU or ReLU6"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_network_that_could_not_be_followed_exactly_is_refused(more, problem):
    with pytest.raises(ValueError, match=problem):
        FoldedGraph(ending_in(*more))
