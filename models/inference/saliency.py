"""Where a network looked: the places in a patch that its malignancy score rests on.

Explained is the log odds of the malignancy score. Its gradient times the difference of a feature map (or of
the patch) from that of a black patch is to first order what each position adds to the score (gradient x
input, Shrikumar et al., arXiv:1605.01713, 2016; HiResCAM, Draelos and Carin, arXiv:2011.08891, 2020;
LayerCAM, Jiang et al., IEEE TIP 30, 5875, 2021). Unlike there both signs count: what makes a nodule look
benign is evidence as well. As SmoothGrad averages over noise (Smilkov et al., arXiv:1706.03825, 2017),
evidence is averaged over small shifts of the eight views, because a single gradient scatters.
`training.saliency` chose method and layers of each network by measurement; ``weights/saliency.json``
names them.
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from models.imaging.patch import PATCH
from models.inference.maps import VIEWS, combined, gathered, scaled, shifted, spread
from models.networks.scales import RATINGS

REACH, WIDE_REACH = 8, 12  # pixels (4 and 6 mm): views are shifted by at most so much each way
TIMES = 4  # shifts of each view
INPUT = "input"  # what stands for the patch itself among layers
JOINED = "mean"
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
        The layers whose feature maps were used, joined by "+"; None for the consensus.
    """

    map: np.ndarray
    method: str
    layer: str | None

    @property
    def is_empty(self):
        """Whether nothing in the patch moves the score: such a map must not be drawn."""
        return not self.map.any()


@dataclass(frozen=True)
class Method:
    """How evidence is added up.

    Attributes
    ----------
    net : bool
        Whether channels that disagree cancel.
    shifts : ndarray of shape (times, 8, 2), int
        Of each view, in pixels.
    robust : bool
        Whether the views' square roots are averaged, so that one view cannot outvote the others.
    """

    net: bool
    shifts: np.ndarray
    robust: bool = False


METHODS = {
    f"{shifted}{net}evidence": Method(bool(net), shifts, robust)
    for shifted, shifts, robust in (
        ("", spread(1, 0), False),
        ("shifted_", spread(TIMES, REACH), False),
        ("widely_shifted_", spread(TIMES, WIDE_REACH), False),
        ("robust_shifted_", spread(TIMES, REACH), True),
        ("robust_widely_shifted_", spread(TIMES, WIDE_REACH), True),
    )
    for net in ("", "net_")
}


class Explainer:
    """Maps of one network; traced and warmed when made.

    Parameters
    ----------
    model : keras.Model
    method : str
        One of `METHODS`.
    layer : str
        Names of the layers whose maps are multiplied, joined by "+"; ``input`` is the patch itself.

    Raises
    ------
    ValueError
        For a method or layer that does not exist.
    """

    def __init__(self, model, method, layer):
        if method not in METHODS:
            raise ValueError(f"Expected one of {', '.join(METHODS)}. Received: {method}")
        self.method, self.layer, self._how = method, layer, METHODS[method]
        self._evidence = trace_evidence(model, layer.split("+"), (self._how.net,))
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
        (layers,) = self._evidence(shifted(patches, self._how.shifts))
        maps = [gathered(one.numpy(), self._how.shifts, self._how.robust) for one in layers]
        return Saliency(combined(maps), self.method, self.layer)


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


def trace_evidence(model, layers, nets):
    """A function from patches to evidence: for each of `nets` (see `Method.net`) that of each layer."""
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
        parts = [(a - b) * slope for a, b, slope in zip(values, black, slopes, strict=True)]
        return [[_added(part, net) for part in parts] for net in nets]

    return evidence


def _added(part, net):
    """Evidence of all channels at each position."""
    return tf.abs(tf.reduce_sum(part, axis=-1)) if net else tf.reduce_sum(tf.abs(part), axis=-1)
