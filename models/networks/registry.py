"""The table of the five models: what each is called, how it is built, and whose idea it was."""

from collections.abc import Callable
from dataclasses import dataclass

from models.networks.alexnet import build_alexnet
from models.networks.efficientnet import build_efficientnet
from models.networks.resnet import build_resnet
from models.networks.vgg import build_vgg16, build_vgg19


@dataclass(frozen=True)
class Architecture:
    """One row of the table: key in URLs and file names, title for people, builder, paper."""

    key: str
    title: str
    build: Callable
    citation: str


ARCHITECTURES = {
    row.key: row
    for row in (
        Architecture("vgg16", "VGG16", build_vgg16, "Simonyan and Zisserman, arXiv:1409.1556, 2014"),
        Architecture("vgg19", "VGG19", build_vgg19, "Simonyan and Zisserman, arXiv:1409.1556, 2014"),
        Architecture("resnet", "ResNet", build_resnet, "He et al., arXiv:1512.03385, 2015 (ResNet-18)"),
        Architecture("alexnet", "AlexNet", build_alexnet, "Krizhevsky, Sutskever and Hinton, NeurIPS 2012"),
        Architecture(
            "efficientnet",
            "EfficientNet",
            build_efficientnet,
            "Tan and Le, arXiv:1905.11946, 2019 (EfficientNet-B0)",
        ),
    )
}
