"""What the architectures share: a convolution and its batch normalisation."""

from contextlib import contextmanager
from contextvars import ContextVar

from keras import layers

BATCH_NORM_MOMENTUM = 0.9  # an epoch has some 40 steps: Keras' 0.99 would lag several epochs behind


_initial = ContextVar("initial", default="he_normal")


@contextmanager
def zero_initialised():
    """Networks built within begin with zeros: drawing weights takes a while, and loaded ones replace them."""
    token = _initial.set("zeros")
    try:
        yield
    finally:
        _initial.reset(token)


def conv(x, filters, kernel, stride, name):
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


def batch_norm(name, gamma="ones"):
    """Batch normalisation (Ioffe and Szegedy, 2015) with this project's momentum."""
    return layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, gamma_initializer=gamma, name=name)
