"""An answer and, on demand, what it rests on, by one graph: a single forward pass serves both.

Explained is the log odds of the malignancy score. Its gradient times the difference of a feature map (or of
the patch) from that of a black patch is to first order what each position adds to the score (gradient x
input, Shrikumar et al., arXiv:1605.01713, 2016; HiResCAM, Draelos and Carin, arXiv:2011.08891, 2020;
LayerCAM, Jiang et al., IEEE TIP 30, 5875, 2021). Unlike there both signs count: what makes a nodule look
benign is evidence as well.
"""

import keras
import tensorflow as tf

from models.networks.scales import RATINGS

INPUT = "input"  # what stands for the patch itself among layers
EPSILON = 1e-6


def trace_with_evidence(model, layers, nets):
    """A model's forward pass, and on demand the gradient's way back, as one graph.

    Parameters
    ----------
    model : keras.Model
        Its outputs are a dict with ``rating``, distributions of shape (n, 5).
    layers : list of str
        Whose evidence is asked for; none for a forward pass only.
    nets : list of bool
        For each wanted evidence, whether channels that disagree cancel.

    Returns
    -------
    callable
        From patches (n, rows, cols, 3), float32, and whether to explain them, a boolean tensor, to the
        model's outputs and the evidence: for each of `nets` a tensor (n, rows, cols) for each layer, which
        is empty where nothing is to be explained.

    Raises
    ------
    ValueError
        There is no such layer.
    """
    features = [model.inputs[0] if name == INPUT else model.get_layer(name).output for name in layers]
    network = keras.Model(model.inputs, [model.output, features])
    _, black = network(tf.zeros((1, *model.input_shape[1:])), training=False)
    spec = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)

    @tf.function(input_signature=[spec, tf.TensorSpec((), tf.bool)])
    def answer(patches, explain):
        with tf.GradientTape() as tape:
            tape.watch(patches)
            outputs, values = network(patches, training=False)
            target = log_odds(outputs["rating"])

        def evidence():
            slopes = tape.gradient(target, values)
            parts = [(a - b) * slope for a, b, slope in zip(values, black, slopes, strict=True)]
            return [[_added(part, net) for part in parts] for net in nets]

        def nothing():
            return [[tf.zeros((0, 0, 0)) for _ in values] for _ in nets]

        return outputs, tf.cond(explain, evidence, nothing)

    return answer


def log_odds(rating):
    """Log odds of the malignancy score; `rating` is a tensor of distributions of shape (n, 5)."""
    expected = tf.linalg.matvec(rating, tf.constant(RATINGS, tf.float32))
    score = (expected - RATINGS[0]) / (RATINGS[-1] - RATINGS[0])
    score = tf.clip_by_value(score, EPSILON, 1 - EPSILON)
    return tf.math.log(score) - tf.math.log1p(-score)


def _added(part, net):
    """Evidence of all channels at each position."""
    return tf.abs(tf.reduce_sum(part, axis=-1)) if net else tf.reduce_sum(tf.abs(part), axis=-1)
