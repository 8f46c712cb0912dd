"""Where a network looked: the places in a patch that its malignancy score rests on.

Explained is the log odds of the malignancy score. Its gradient times a feature map (or times the patch
itself) is to first order what each position adds to the score (LayerCAM, Jiang et al., IEEE TIP 30, 5875,
2021; HiResCAM, Draelos and Carin, arXiv:2011.08891, 2020; gradient x input, Shrikumar et al.,
arXiv:1605.01713, 2016). Both signs count: what makes a nodule look benign is evidence as well. Maps of the
eight mirrored and turned views are turned back and averaged. Method and layer of each network were chosen by
measurement (`training.saliency`); ``weights/saliency.json`` names them.
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from models.imaging.patch import PATCH
from models.networks.scales import RATINGS

VIEWS = 8
SMOOTH_MM = 1.25  # standard deviation
JOINED = "mean"
METHODS = ("gradient_x_input", "layer_evidence")
EPSILON = 1e-6


@dataclass(frozen=True)
class Saliency:
    """What a score rests on.

    Attributes
    ----------
    map : ndarray of shape (pixels, pixels), float32
        In [0, 1] on the patch's grid; its maximum is 1, or it is 0 everywhere.
    method : str
    layer : str or None
        The layer whose feature map was used; None where it is the patch itself.
    """

    map: np.ndarray
    method: str
    layer: str | None

    @property
    def is_empty(self):
        """Whether nothing in the patch moves the score: such a map must not be drawn."""
        return not self.map.any()


class Explainer:
    """Maps of one network; traced and warmed when made.

    Parameters
    ----------
    model : keras.Model
    method : str
        One of `METHODS`.
    layer : str or None
        Name of the layer whose feature map is used; None for ``gradient_x_input``.
    """

    def __init__(self, model, method, layer=None):
        if method not in METHODS or (layer is None) != (method == "gradient_x_input"):
            raise ValueError(
                f"Expected gradient_x_input, or layer_evidence and a layer. Received: {method}, {layer}"
            )
        self.method, self.layer = method, layer
        self._evidence = _trace(model, layer)
        self(np.zeros((VIEWS, *PATCH.shape), np.float32))

    def __call__(self, patches):
        """What the score of a slice rests on.

        Parameters
        ----------
        patches : ndarray of shape (8, pixels, pixels, 3), float32
            The views of one slice in the order of `models.inference.views.views`.

        Returns
        -------
        Saliency
            In the orientation of the first view.
        """
        evidence = turned_back(self._evidence(tf.constant(patches)).numpy()).mean(axis=0)
        return Saliency(scaled(enlarged(evidence)), self.method, self.layer)


def joined(saliencies):
    """The mean of the maps that are not empty, for the consensus; empty where all are."""
    maps = [saliency.map for saliency in saliencies if not saliency.is_empty]
    total = np.sum(maps, axis=0) if maps else np.zeros(PATCH.shape[:2])
    return Saliency(scaled(total), JOINED, None)


def log_odds(rating):
    """Log odds of the malignancy score; `rating` is a tensor of distributions of shape (n, 5)."""
    expected = tf.linalg.matvec(rating, tf.constant(RATINGS, tf.float32))
    score = (expected - RATINGS[0]) / (RATINGS[-1] - RATINGS[0])
    score = tf.clip_by_value(score, EPSILON, 1 - EPSILON)
    return tf.math.log(score) - tf.math.log1p(-score)


def turned_back(maps):
    """Maps of the eight views, shape (8, rows, cols), each in the orientation of the first."""
    maps = maps.reshape(2, 2, 2, *maps.shape[1:]).copy()  # transposed, upside down, mirrored
    maps[1] = maps[1].swapaxes(-1, -2)
    maps[:, 1] = maps[:, 1, :, ::-1]
    maps[:, :, 1] = maps[:, :, 1, :, ::-1]
    return maps.reshape(VIEWS, *maps.shape[3:])


def enlarged(evidence, pixels=PATCH.pixels, sigma_mm=SMOOTH_MM):
    """A square map on the patch's grid: interpolated bilinearly and smoothed by a Gaussian."""
    size = len(evidence)
    at = ((np.arange(pixels) + 0.5) * size / pixels - 0.5).clip(0, size - 1)
    tent = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(size)))
    distance = np.subtract.outer(np.arange(pixels), np.arange(pixels)) * PATCH.field_mm / pixels
    gauss = np.exp(-(distance**2) / (2 * sigma_mm**2))
    weights = gauss / gauss.sum(axis=1, keepdims=True) @ tent
    return weights @ evidence @ weights.T


def scaled(values):
    """A map with maximum 1, float32; 0 everywhere where it has no finite positive maximum."""
    top = values.max()
    if not (np.isfinite(top) and top > 0):
        return np.zeros(values.shape, np.float32)
    return (values / top).clip(0, 1).astype(np.float32)


def _trace(model, layer):
    """A function from views to the absolute evidence at each position, summed over channels."""
    features = model.inputs[0] if layer is None else model.get_layer(layer).output
    network = keras.Model(model.inputs, [features, model.output["rating"]])
    spec = tf.TensorSpec((VIEWS, *PATCH.shape), tf.float32)

    @tf.function(input_signature=[spec])
    def evidence(patches):
        with tf.GradientTape() as tape:
            tape.watch(patches)
            values, rating = network(patches, training=False)
            target = log_odds(rating)
        return tf.reduce_sum(tf.abs(values * tape.gradient(target, values)), axis=-1)

    return evidence
