import keras
import numpy as np
import pytest

from models.networks.localiser import FILTERS, STRIDE, build_localiser


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return build_localiser((4, 6, 8))


def test_the_shipped_network_is_a_u_net_of_five_levels():
    model = build_localiser()
    assert (FILTERS, STRIDE) == ((16, 32, 64, 96, 128), 16)
    joins = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Concatenate)]
    assert joins == ["up3_join", "up2_join", "up1_join", "up0_join"]
    assert model.output_shape == (None, None, None, 1)


@pytest.mark.parametrize("shape", [(8, 8), (16, 24), (40, 12)])
def test_the_map_has_the_shape_of_the_field(model, shape):
    assert model(np.zeros((2, *shape, 3), np.float32)).shape == (2, *shape, 1)


def test_at_first_hardly_a_pixel_is_taken_for_nodule(model):
    fields = np.random.default_rng(0).random((4, 32, 32, 3), dtype=np.float32)
    assert np.asarray(model(fields, training=True)).mean() < 0.2


def test_each_level_reaches_the_output(model):
    """A change of one pixel changes the map nearby (skip connection) and far off (bottom of the U)."""
    field = np.random.default_rng(0).random((1, 96, 96, 3), dtype=np.float32)
    changed = field.copy()
    changed[0, 48, 48] += 1
    difference = np.abs(np.asarray(model(changed)) - np.asarray(model(field)))[0, ..., 0]
    assert difference[48, 48] > difference[48, 54] > 0
    assert difference[0, 0] == 0  # beyond its receptive field
