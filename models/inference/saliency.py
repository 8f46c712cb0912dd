"""Where a network looked: the places in a patch that its malignancy score rests on.

Explained is the log odds of the malignancy score. Its gradient times a feature map (or times the patch) is
to first order what each position adds to the score (gradient x input, Shrikumar et al., arXiv:1605.01713,
2016; HiResCAM, Draelos and Carin, arXiv:2011.08891, 2020; LayerCAM, Jiang et al., IEEE TIP 30, 5875, 2021).
Unlike there both signs count: what makes a nodule look benign is evidence as well. As SmoothGrad averages
over noise (Smilkov et al., arXiv:1706.03825, 2017), evidence is averaged over small shifts of the eight
views, because the gradient at a single place scatters. `training.saliency` chose method and layers of each
network by measurement; ``weights/saliency.json`` names them.
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from models.imaging.patch import PATCH
from models.networks.scales import RATINGS

VIEWS = 8
REACH = 12  # pixels (6 mm): views are shifted by at most so much each way
SMOOTH_MM = 1.0  # standard deviation
INPUT = "input"  # what stands for the patch itself among layers
METHODS = ("evidence", "net_evidence")
JOINED = "mean"
EPSILON = 1e-6
FLOOR = 1e-3  # of a map's maximum, so that no layer alone can rule a place out


@dataclass(frozen=True)
class Saliency:
    """What a score rests on.

    Attributes
    ----------
    map : ndarray of shape (pixels, pixels), float32
        In [0, 1] on the patch's grid; its maximum is 1, or it is 0 everywhere.
    method : str
    layer : str or None
        The layers whose feature maps were used, joined by "+"; None for the consensus.
    """

    map: np.ndarray
    method: str
    layer: str | None

    @property
    def is_empty(self):
        """Whether nothing in the patch moves the score: such a map must not be drawn."""
        return not self.map.any()


def spread(times, reach=REACH):
    """Shifts (row, col) in pixels for each view, `times` a view, evenly over a square of +-`reach`.

    A low-discrepancy sequence (Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018).

    Returns
    -------
    ndarray of shape (times, 8, 2), int
    """
    plastic = 1.32471795724474602596  # root of x^3 = x + 1
    steps = np.arange(1, VIEWS * times + 1)[:, None] / plastic ** np.array([1, 2])
    return np.rint((2 * ((0.5 + steps) % 1) - 1) * reach).astype(int).reshape(times, VIEWS, 2)


SHIFTS = spread(5)


class Explainer:
    """Maps of one network; traced and warmed when made.

    Parameters
    ----------
    model : keras.Model
    method : str
        ``evidence`` adds what the channels say without their signs, ``net_evidence`` lets channels that
        disagree cancel, and measures them from what they say of a black patch.
    layer : str
        Names of the layers whose maps are multiplied, joined by "+"; ``input`` is the patch itself.
    shifts : ndarray of shape (times, 8, 2), int
        Of each view, in pixels; see `spread`.
    """

    def __init__(self, model, method, layer, shifts=SHIFTS):
        if method not in METHODS:
            raise ValueError(f"Expected one of {', '.join(METHODS)}. Received: {method}")
        self.method, self.layer, self.shifts = method, layer, shifts
        self._margin = int(np.abs(shifts).max())
        self._evidence = _trace(model, layer.split("+"), method == "net_evidence")
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
        return Saliency(combined(self.layer_maps(patches)), self.method, self.layer)

    def layer_maps(self, patches):
        """The map of each layer, shape (layers, pixels, pixels), float32; see `Saliency.map`."""
        margin, size = self._margin, PATCH.pixels
        wide = np.pad(patches, ((0, 0), (margin, margin), (margin, margin), (0, 0)), mode="reflect")
        places = (self.shifts + margin).reshape(-1, 2)
        order = np.tile(np.arange(VIEWS), len(self.shifts))
        moved = np.stack(
            [wide[v, r : r + size, c : c + size] for v, (r, c) in zip(order, places, strict=True)]
        )
        found = [self._gathered(evidence.numpy(), places, order) for evidence in self._evidence(moved)]
        return np.stack([scaled(smoothed(evidence)) for evidence in found])

    def _gathered(self, evidence, places, order):
        """Mean over all shifted views of how each shares out its evidence, where they show a place."""
        margin, size = self._margin, PATCH.pixels
        total = np.zeros((2, VIEWS, size + 2 * margin, size + 2 * margin))
        for one, v, (r, c) in zip(evidence, order, places, strict=True):
            total[0, v, r : r + size, c : c + size] += enlarged(one / max(one.sum(), EPSILON**2))
            total[1, v, r : r + size, c : c + size] += 1
        total = total[..., margin : margin + size, margin : margin + size]
        share, seen = (turned_back(part).sum(axis=0) for part in total)
        return share / np.maximum(seen, 1)


def combined(maps):
    """Geometric mean of maps, scaled; empty where one of them is, since that layer says nothing."""
    if not all(one.any() for one in maps):
        return np.zeros(maps[0].shape, np.float32)
    return scaled(np.exp(np.mean(np.log(np.maximum(maps, FLOOR)), axis=0)) - FLOOR)


def joined(saliencies):
    """The mean of the maps that are not empty, for the consensus; empty where all are."""
    maps = [saliency.map for saliency in saliencies if not saliency.is_empty]
    return Saliency(scaled(np.sum(maps, axis=0) if maps else np.zeros(PATCH.shape[:2])), JOINED, None)


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


def enlarged(evidence, pixels=PATCH.pixels):
    """A square map on the patch's grid, interpolated bilinearly."""
    size = len(evidence)
    at = ((np.arange(pixels) + 0.5) * size / pixels - 0.5).clip(0, size - 1)
    weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(size)))
    return weights @ evidence @ weights.T


def smoothed(values, sigma_mm=SMOOTH_MM, spec=PATCH):
    """A map on the patch's grid smoothed by a Gaussian; beyond the patch there is nothing."""
    at = np.arange(spec.pixels) * spec.field_mm / spec.pixels
    weights = np.exp(-(np.subtract.outer(at, at) ** 2) / (2 * sigma_mm**2))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights @ values @ weights.T


def scaled(values):
    """A map with maximum 1, float32; 0 everywhere where it has no finite positive maximum."""
    top = values.max()
    if not (np.isfinite(top) and top > 0):
        return np.zeros(values.shape, np.float32)
    return (values / top).clip(0, 1).astype(np.float32)


def _trace(model, layers, net):
    """A function from patches to the evidence of each layer, each of shape (n, rows, cols)."""
    features = [model.inputs[0] if name == INPUT else model.get_layer(name).output for name in layers]
    network = keras.Model(model.inputs, [*features, model.output["rating"]])
    *black, _ = network(tf.zeros((1, *PATCH.shape)), training=False)

    @tf.function(input_signature=[tf.TensorSpec((None, *PATCH.shape), tf.float32)])
    def evidence(patches):
        with tf.GradientTape() as tape:
            tape.watch(patches)
            *values, rating = network(patches, training=False)
            target = log_odds(rating)
        slopes = tape.gradient(target, values)
        if net:
            parts = [(a - b) * slope for a, b, slope in zip(values, black, slopes, strict=True)]
            return [tf.abs(tf.reduce_sum(part, axis=-1)) for part in parts]
        return [
            tf.reduce_sum(tf.abs(a * slope), axis=-1) for a, slope in zip(values, slopes, strict=True)
        ]

    return evidence
