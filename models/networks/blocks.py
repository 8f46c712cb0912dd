"""What the architectures share: a convolution and its batch normalisation, and what all of them predict.

Radiologists of LIDC-IDRI rated each nodule on fixed scales (Armato et al., Med. Phys. 38, 915, 2011).
Every network predicts the distribution of the malignancy rating, and, as auxiliary targets that make
its features more general (Caruana, Machine Learning 28, 41, 1997), the descriptors and the diameter.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from keras import KerasTensor, layers

from models.networks.fields import pooled_fields
from models.networks.scales import DESCRIPTOR_SCALES, RATINGS

BATCH_NORM_MOMENTUM = 0.9  # an epoch has some 40 steps: Keras' 0.99 would lag several epochs behind


_initial = ContextVar("initial", default="he_normal")


@contextmanager
def zero_initialised() -> Iterator[None]:
    """Networks built within begin with zeros: drawing weights takes a while, and loaded ones replace them."""
    token = _initial.set("zeros")
    try:
        yield
    finally:
        _initial.reset(token)


def conv(x: KerasTensor, filters: int, kernel: int, stride: int, name: str) -> KerasTensor:
    """A convolution without bias, whose batch normalisation has one, initialised after He et al. (2015)."""
    return layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer=_initial.get(),
        name=name,
    )(x)


def batch_norm(name: str, gamma: str = "ones") -> layers.BatchNormalization:
    """Batch normalisation (Ioffe and Szegedy, 2015) with this project's momentum."""
    return layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, gamma_initializer=gamma, name=name)


def add_heads(features: KerasTensor, fields: int, dropout: float) -> dict[str, KerasTensor]:
    """Global average pooling, both fields joined, and the three heads.

    Parameters
    ----------
    features : KerasTensor of shape (batch x fields, rows, cols, channels)
        The last feature map.
    fields : int
        In a patch; see `models.networks.fields`.
    dropout
        Share of pooled features dropped in training.

    Returns
    -------
    dict of KerasTensor
        ``rating`` (batch, 5): distribution over the malignancy ratings 1 to 5.
        ``descriptors`` (batch, 7): the descriptors in the order of `DESCRIPTOR_SCALES`, scaled to [0, 1].
        ``diameter`` (batch, 1): the diameter, scaled by `scale_diameter`.
    """
    pooled = layers.Dropout(dropout, name="dropout")(pooled_fields(features, fields))
    full = {"dtype": "float32"}  # where the rest is trained in half precision
    heads = {
        "rating": layers.Dense(len(RATINGS), activation="softmax", name="rating", **full),
        "descriptors": layers.Dense(len(DESCRIPTOR_SCALES), activation="sigmoid", name="descriptors", **full),
        "diameter": layers.Dense(1, name="diameter", **full),
    }
    return {name: head(pooled) for name, head in heads.items()}
