import keras
import numpy as np
import pytest

from models.imaging.patch import CLOSE_MM, PATCH
from models.inference.saliency.maps import (
    combined,
    enlarged,
    gathered,
    shifted,
    smoothed,
    spread,
)
from models.inference.saliency.saliency import METHODS, Explainer, Saliency, joined
from models.inference.views import turned_back, views
from models.networks.blocks import add_heads
from models.networks.fields import split_fields
from training.saliency.methods import explaining

SHAPE = PATCH.shape[:2]
MIDDLE = (PATCH.pixels - 1) / 2


def looking(weight):
    """A network whose rating rises (by `weight`) with bright places of 5 x 5 pixels of the close field."""
    inputs = keras.Input(PATCH.shape)
    x = split_fields(inputs)
    x = keras.layers.Conv2D(1, 5, padding="same", activation="relu", name="conv")(x)
    x = keras.layers.MaxPooling2D(4, name="pool4")(x)
    model = keras.Model(inputs, add_heads(x, PATCH.shape[-1], dropout=0.0))
    model.get_layer("conv").set_weights([np.full((5, 5, 1, 1), 1 / 25), np.array([-0.6])])
    kernel = weight * np.array([[-2.0, -1, 0, 1, 2], [0, 0, 0, 0, 0]])
    model.get_layer("rating").set_weights([kernel, np.zeros(5)])
    return model


@pytest.fixture(scope="module")
def network():
    return looking(100.0)


def views_with_blob(row, col):
    """The views of a grey patch with one bright disc of 4 pixels' radius."""
    rows, cols = np.indices((150, 150))
    blob = (rows - 43 - row) ** 2 + (cols - 43 - col) ** 2 < 16
    pixels = np.where(blob, 1.0, 0.4).astype(np.float32)
    pixels[::2] -= 0.02  # so that the patch is not clipped to the blob alone
    pixels[46:50, 46:50] = 0
    return views(pixels, CLOSE_MM / PATCH.pixels, 43 + MIDDLE, 43 + MIDDLE)


def explained(network, method, layer, views):
    return explaining(network, Explainer(method, layer))(views)


def strongest(saliency):
    return np.unravel_index(saliency.map.argmax(), saliency.map.shape)


@pytest.mark.parametrize(
    ("method", "layer"),
    [*((method, "input+conv+pool4") for method in METHODS), ("evidence", "input"), ("net_evidence", "pool4")],
)
def test_the_map_points_where_the_network_looks(network, method, layer):
    saliency = explained(network, method, layer, views_with_blob(14, 33))
    assert (saliency.method, saliency.layer, saliency.is_empty) == (method, layer, False)
    assert np.hypot(*np.subtract(strongest(saliency), (14, 33))) < 4
    assert (saliency.map.shape, saliency.map.dtype) == (SHAPE, np.float32)
    assert saliency.map.max() == 1
    assert 0 <= saliency.map.min() < 0.01


def test_what_looks_benign_is_evidence_as_well():
    saliency = explained(looking(-100.0), "net_evidence", "conv", views_with_blob(30, 12))
    assert np.hypot(*np.subtract(strongest(saliency), (30, 12))) < 4


@pytest.mark.parametrize("method", ["evidence", "robust_shifted_net_evidence"])
def test_a_black_patch_gives_an_empty_map(network, method):
    saliency = explained(network, method, "conv", np.zeros((8, *PATCH.shape), np.float32))
    assert saliency.is_empty
    np.testing.assert_array_equal(saliency.map, np.zeros(SHAPE))


@pytest.mark.parametrize("weight", [0.0, 1e6], ids=["blind", "certain"])
def test_a_network_whose_answer_nothing_moves_gives_an_empty_map(weight):
    assert explained(looking(weight), "evidence", "input+conv", views_with_blob(20, 20)).is_empty


def test_unknown_methods_and_layers_are_refused(network):
    with pytest.raises(ValueError, match="Expected one of evidence, .* Received: guess"):
        Explainer("guess", "conv")
    with pytest.raises(ValueError, match="no_layer"):
        explained(network, "evidence", "no_layer", views_with_blob(14, 33))


def test_views_are_turned_back_to_the_first():
    found = views(np.random.default_rng(0).normal(size=(80, 80)), 0.5, 40, 40)[..., 0]
    np.testing.assert_array_equal(turned_back(found), np.stack([found[0]] * 8))


def test_the_consensus_is_the_mean_of_the_maps_that_are_not_empty():
    maps = [np.zeros(SHAPE, np.float32) for _ in range(3)]
    maps[0][3, 4] = maps[1][5, 6] = 1
    maps[0][5, 6] = 0.5
    mean = joined([Saliency(one, "evidence", "conv") for one in maps])
    assert (mean.map[5, 6], mean.map[3, 4], mean.map.sum()) == (
        1,
        pytest.approx(1 / 1.5),
        pytest.approx(5 / 3),
    )


def test_the_consensus_of_empty_maps_is_empty():
    assert joined([Saliency(np.zeros(SHAPE, np.float32), "evidence", "conv")] * 5).is_empty
    assert joined([]).is_empty


def test_layers_are_multiplied_and_an_empty_one_rules():
    one, other = np.full((2, *SHAPE), 0.25, np.float32)
    one[1, 1] = other[1, 1] = other[2, 2] = 1
    both = combined([one, other])
    assert (both[1, 1], both[2, 2], both[0, 0]) == (1, pytest.approx(0.5), pytest.approx(0.25))
    assert not combined([one, np.zeros(SHAPE)]).any()


def test_enlarging_and_smoothing_keep_what_is_even_and_where_the_middle_is():
    np.testing.assert_allclose(smoothed(enlarged(np.full((3, 4, 4), 0.7))), 0.7)
    cell = np.zeros((8, 8))
    cell[2, 5] = 1  # pixels 12 to 17 and 30 to 35
    large = smoothed(enlarged(cell))
    rows, cols = np.indices(SHAPE)
    assert (large * rows).sum() / large.sum() == pytest.approx(14.5, abs=0.01)
    assert (large * cols).sum() / large.sum() == pytest.approx(32.5, abs=0.01)


def test_shifts_spread_evenly_and_not_further_than_asked():
    shifts = spread(4, 12)
    assert (shifts.shape, np.abs(shifts).max()) == ((4, 8, 2), 12)
    assert np.abs(shifts.mean(axis=(0, 1))).max() < 1.5
    assert len({tuple(shift) for shift in shifts.reshape(-1, 2)}) == 32
    assert not spread(1, 0).any()


@pytest.mark.parametrize("robust", [False, True])
def test_shifted_views_are_put_back_in_their_place(robust):
    patches, shifts = views_with_blob(12, 34), spread(4, 9)
    bright = (shifted(patches, shifts)[..., 0] > 0.9).astype(float)
    found = gathered(bright, shifts, robust)
    assert np.hypot(*np.subtract(np.unravel_index(found.argmax(), SHAPE), (12, 34))) < 2
    assert found[30:, :20].max() < 0.01
