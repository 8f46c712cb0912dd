import keras
import numpy as np
import pytest
from keras import layers

from models.imaging.patch import PATCH
from models.networks.registry import ARCHITECTURES
from models.networks.scales import (
    DESCRIPTOR_SCALES,
    malignancy_score,
    scale_descriptors,
    scale_diameter,
    unscale_descriptors,
    unscale_diameter,
)

KEYS = ("vgg16", "vgg19", "resnet", "alexnet", "efficientnet")
HEAD_OUTPUTS = 5 + 7 + 1


def head(width):
    return (width + 1) * HEAD_OUTPUTS


# Published counts without the classifier; less the first convolution's kernels for two of three colours (a
# field is grey); then batch normalisation (4 a filter) for the biases (1 a filter) that it replaces in VGG,
# its moving statistics (2 a filter) where the source counts only what is trained (ResNet); then the heads,
# which take both fields. EfficientNet-Lite0: B0 without squeeze and excitation and Keras' normalisation (7).
SQUEEZE_EXCITE = sum(
    2 * wide * narrow + wide + narrow
    for wide, narrow, blocks in (
        *((32, 8, 1), (96, 4, 1), (144, 6, 2), (240, 10, 2), (480, 20, 3), (672, 28, 3), (1152, 48, 4)),
    )
    for _ in range(blocks)
)
PARAMETERS = {
    "vgg16": 14_714_688 - 2 * 9 * 64 + 3 * 4_224 + head(2 * 512),
    "vgg19": 20_024_384 - 2 * 9 * 64 + 3 * 5_504 + head(2 * 512),
    "resnet": 11_176_512 - 2 * 49 * 64 + 2 * 4_800 + head(2 * 512),
    # 11 x 11 x 1 x 96, 5 x 5 x 96 x 256, 3 x 3 x 256 x 384, 3 x 3 x 384 x 384, 3 x 3 x 384 x 256
    "alexnet": 11_616 + 614_400 + 884_736 + 1_327_104 + 884_736 + 4 * 1_376 + head(2 * 256),
    "efficientnet": 4_049_571 - 7 - 2 * 9 * 32 - SQUEEZE_EXCITE + head(2 * 1280),
}


@pytest.fixture(scope="session")
def models():
    return {key: row.build(PATCH.shape) for key, row in ARCHITECTURES.items()}


@pytest.fixture(scope="session")
def answers(models):
    patches = np.random.default_rng(0).random((2, *PATCH.shape), dtype=np.float32)
    return {key: model.predict_on_batch(patches) for key, model in models.items()}


def layers_of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def test_the_five_models_are_these():
    assert tuple(ARCHITECTURES) == KEYS
    assert all(row.key == key for key, row in ARCHITECTURES.items())
    titles = [row.title for row in ARCHITECTURES.values()]
    assert titles == ["VGG16", "VGG19", "ResNet", "AlexNet", "EfficientNet"]


@pytest.mark.parametrize("key", KEYS)
def test_a_model_is_named_by_its_key(models, key):
    assert models[key].name == key


@pytest.mark.parametrize("key", KEYS)
def test_three_outputs_have_their_shapes_and_ranges(answers, key):
    answer = {name: np.asarray(values) for name, values in answers[key].items()}
    shapes = {name: values.shape for name, values in answer.items()}
    assert shapes == {"rating": (2, 5), "descriptors": (2, 7), "diameter": (2, 1)}
    assert all(np.isfinite(values).all() for values in answer.values())
    assert answer["rating"].min() >= 0
    np.testing.assert_allclose(answer["rating"].sum(axis=1), 1, atol=1e-5)
    assert answer["descriptors"].min() >= 0
    assert answer["descriptors"].max() <= 1


@pytest.mark.parametrize("key", KEYS)
def test_the_last_feature_map_of_a_field_has_3_x_3_places(models, key):
    assert models[key].get_layer("field_pool").input.shape[1:3] == (3, 3)


@pytest.mark.parametrize("key", KEYS)
def test_each_field_goes_through_the_same_network_by_itself(models, key):
    features = keras.Model(models[key].input, models[key].get_layer("pool").output)
    patch = np.random.default_rng(1).random((1, *PATCH.shape), dtype=np.float32)
    here, there = (np.asarray(features(x, training=False))[0] for x in (patch, patch[..., ::-1]))
    half, scale = len(here) // 2, np.abs(here).max()
    np.testing.assert_allclose(here[:half] / scale, there[half:] / scale, atol=1e-4)
    np.testing.assert_allclose(here[half:] / scale, there[:half] / scale, atol=1e-4)
    assert np.abs(here[:half] - here[half:]).max() / scale > 1e-2


@pytest.mark.parametrize("key", KEYS)
def test_the_number_of_parameters_is_the_published_one(models, key):
    assert models[key].count_params() == PARAMETERS[key]


@pytest.mark.parametrize(("key", "expected"), [("vgg16", 13), ("vgg19", 16), ("alexnet", 5)])
def test_the_number_of_convolutions_is_the_published_one(models, key, expected):
    assert len(layers_of(models[key], layers.Conv2D)) == expected


@pytest.mark.parametrize("key", ["vgg16", "vgg19"])
def test_all_convolutions_of_vgg_are_3_x_3_with_stride_1(models, key):
    for layer in layers_of(models[key], layers.Conv2D):
        assert (layer.kernel_size, layer.strides) == ((3, 3), (1, 1))


def test_resnet_18_has_20_convolutions_of_which_three_are_projections(models):
    convolutions = layers_of(models["resnet"], layers.Conv2D)
    projections = [layer for layer in convolutions if layer.kernel_size == (1, 1)]
    assert len(convolutions) == 20
    assert [layer.filters for layer in projections] == [128, 256, 512]
    assert all(layer.strides == (2, 2) for layer in projections)
    assert len(layers_of(models["resnet"], layers.Add)) == 8


def test_every_residual_block_of_resnet_starts_as_the_identity(models):
    last = [layer for layer in models["resnet"].layers if layer.name.endswith("_2_bn")]
    assert len(last) == 8
    assert all(not np.asarray(layer.gamma).any() for layer in last)


def test_efficientnet_lite0_has_16_mobile_blocks_without_squeeze_and_excitation(models):
    blocks = layers_of(models["efficientnet"], layers.DepthwiseConv2D)
    assert [layer.kernel_size[0] for layer in blocks] == [3] * 3 + [5] * 2 + [3] * 3 + [5] * 7 + [3]
    assert not layers_of(models["efficientnet"], layers.Multiply)
    assert {layer.max_value for layer in layers_of(models["efficientnet"], layers.ReLU)} == {6}
    assert len(layers_of(models["efficientnet"], layers.Add)) == 9


def test_alexnet_has_the_published_kernels_and_filters(models):
    convolutions = layers_of(models["alexnet"], layers.Conv2D)
    assert [layer.kernel_size[0] for layer in convolutions] == [11, 5, 3, 3, 3]
    assert [layer.filters for layer in convolutions] == [96, 256, 384, 384, 256]


@pytest.mark.parametrize("rating", [1, 2, 3, 4, 5])
def test_a_certain_rating_is_its_place_on_the_scale(rating):
    assert malignancy_score(np.eye(5)[rating - 1]) == (rating - 1) / 4


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [
        ([0.2] * 5, 0.5),
        ([0.5, 0, 0, 0, 0.5], 0.5),
        ([0.5, 0.5, 0, 0, 0], 0.125),
        ([0, 0, 0.25, 0.25, 0.5], 0.8125),
    ],
)
def test_the_score_is_the_expected_rating(distribution, expected):
    assert malignancy_score(distribution) == pytest.approx(expected, abs=1e-7)


def test_the_score_of_a_batch_has_its_shape():
    scores = malignancy_score(np.tile(np.eye(5), (3, 1, 1)))
    np.testing.assert_array_equal(scores, [[0, 0.25, 0.5, 0.75, 1]] * 3)


def test_scaled_descriptors_run_from_0_to_1():
    ends = np.array(list(DESCRIPTOR_SCALES.values())).T
    np.testing.assert_array_equal(scale_descriptors(ends), [[0] * 7, [1] * 7])
    middle = {"calcification": 3.5}
    values = [middle.get(name, 3) for name in DESCRIPTOR_SCALES]
    np.testing.assert_array_equal(scale_descriptors(values), [0.5] * 7)


def test_unscaling_descriptors_is_the_inverse():
    scaled = np.random.default_rng(0).random((4, 7))
    np.testing.assert_allclose(scale_descriptors(unscale_descriptors(scaled)), scaled, atol=1e-6)


def test_unscaling_a_diameter_is_the_inverse():
    diameters = np.array([[3.0], [8.17], [30.0]])
    np.testing.assert_allclose(unscale_diameter(scale_diameter(diameters)), diameters, rtol=1e-5)


def test_the_mean_log_diameter_is_0():
    assert scale_diameter(np.exp(2.1)) == pytest.approx(0, abs=1e-6)
    assert scale_diameter(np.exp(2.6)) == pytest.approx(1, abs=1e-6)
    assert unscale_diameter(0.0) == pytest.approx(8.166, abs=1e-3)
