"""An answer and, on demand, what it rests on, by one graph: a single forward pass serves both.

Explained is the log odds of the malignancy score. Its gradient times the difference of a feature map (or of
the patch) from that of a black patch is to first order what each position adds to the score (gradient x
input, Shrikumar et al., arXiv:1605.01713, 2016; HiResCAM, Draelos and Carin, arXiv:2011.08891, 2020;
LayerCAM, Jiang et al., IEEE TIP 30, 5875, 2021). Unlike there both signs count: what makes a nodule look
benign is evidence as well.
"""

import tensorflow as tf

from models.networks.scales import RATINGS

INPUT = "input"  # what stands for the patch itself among layers
EPSILON = 1e-6


def trace_with_evidence(steps, outputs, layers, nets):
    """A network's forward pass, and on demand the gradient's way back, as one graph.

    Parameters
    ----------
    steps : FoldedGraph
        One of them, ``rating``, gives distributions of shape (n, 5).
    outputs : dict of str to str
        What is wanted of each pass: names, and the layers that give it.
    layers : list of str
        Whose evidence is asked for; none for a forward pass only.
    nets : list of bool
        For each wanted evidence, whether channels that disagree cancel.

    Returns
    -------
    callable
        From patches (n, rows, cols, 3), float32, and whether to explain them, a boolean tensor, to the
        outputs and the evidence: for each of `nets` a tensor (n, rows, cols) for each layer, which is empty
        where nothing is to be explained.

    Raises
    ------
    ValueError
        There is no such layer.
    """
    names = [steps.input if layer == INPUT else layer for layer in layers]
    if unknown := set(names) - steps.names - {steps.input}:
        raise ValueError(f"There is no layer {', '.join(sorted(unknown))}.")
    black = steps(tf.zeros((1, *steps.input_shape)))
    black = [black[name] for name in names]
    spec = tf.TensorSpec((None, *steps.input_shape), tf.float32)

    @tf.function(input_signature=[spec, tf.TensorSpec((), tf.bool)], autograph=False)
    def answer(patches, explain):
        with tf.GradientTape() as tape:
            tape.watch(patches)
            values = steps(patches)
            target = log_odds(values["rating"])
        shown = [values[name] for name in names]

        def evidence():
            slopes = tape.gradient(target, shown)
            parts = [(a - b) * slope for a, b, slope in zip(shown, black, slopes, strict=True)]
            return [[_added(part, net) for part in parts] for net in nets]

        def nothing():
            return [[tf.zeros((0, 0, 0)) for _ in shown] for _ in nets]

        found = tf.cond(explain, evidence, nothing) if layers else []
        return {name: values[layer] for name, layer in outputs.items()}, found

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
