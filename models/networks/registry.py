"""The table of the five models: what each is called, how it is built, and whose idea it was.

Keras is imported when a network is built, and not before: to import it takes seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Architecture:
    """One row of the table: key in URLs and file names, title for people, paper, file of ``build_<key>``."""

    key: str
    title: str
    citation: str
    module: str

    def build(self, input_shape: tuple[int, ...]) -> keras.Model:
        """The untrained network for patches of a shape (rows, cols, fields)."""
        return getattr(import_module(f"{__package__}.{self.module}"), f"build_{self.key}")(input_shape)


_SIMONYAN = "Simonyan and Zisserman, arXiv:1409.1556, 2014"
ARCHITECTURES = {
    row.key: row
    for row in (
        Architecture("vgg16", "VGG16", _SIMONYAN, "vgg"),
        Architecture("vgg19", "VGG19", _SIMONYAN, "vgg"),
        Architecture("resnet", "ResNet", "He et al., arXiv:1512.03385, 2015 (ResNet-18)", "resnet"),
        Architecture("alexnet", "AlexNet", "Krizhevsky, Sutskever and Hinton, NeurIPS 2012", "alexnet"),
        Architecture(
            "efficientnet",
            "EfficientNet",
            "Tan and Le, arXiv:1905.11946, 2019 (EfficientNet-Lite0)",
            "efficientnet",
        ),
    )
}
