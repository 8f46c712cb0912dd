"""What a network's answer rests on, by its gradients.

Explained is the log odds of the malignancy score. Its gradient times the difference of a feature map (or of
the patch) from that of a black patch is to first order what each position adds to the score (gradient x
input, Shrikumar et al., arXiv:1605.01713, 2016; HiResCAM, Draelos and Carin, arXiv:2011.08891, 2020;
LayerCAM, Jiang et al., IEEE TIP 30, 5875, 2021). Unlike there both signs count: what makes a nodule look
benign is evidence as well.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

from models.inference.runtime.folded_graph import FoldedGraph, Tensor
from models.networks.scales import RATINGS

INPUT = "input"  # what stands for the patch itself among layers
EPSILON = 1e-6


def trace_evidence(
    graph: FoldedGraph, layers: Sequence[str], nets: Sequence[bool]
) -> Callable[[Tensor], list[list[Tensor]]]:
    """A network's forward pass and the gradient's way back as one graph.

    Parameters
    ----------
    graph : FoldedGraph
        Its ``rating`` gives distributions of shape (n, 5).
    layers : list of str
        Whose evidence is asked for.
    nets : list of bool
        For each wanted evidence, whether channels that disagree cancel.

    Returns
    -------
    callable
        From patches (n, rows, cols, fields), float32, to the evidence in their first, close field: for each
        of `nets` a tensor (n, rows, cols) for each layer.

    Raises
    ------
    ValueError
        There is no such layer.
    """
    names = layer_names(graph, layers)
    of_black = graph(tf.zeros((1, *graph.input_shape)))
    black = [of_black[name][:1] for name in names]  # both fields are the same there

    def evidence(patches: Tensor) -> list[list[Tensor]]:
        with tf.GradientTape() as tape:
            tape.watch(patches)
            values = graph(patches)
            target = log_odds(values["rating"])
        shown = [values[name] for name in names]
        slopes = tape.gradient(target, shown)
        parts = [
            of_close((a - b) * slope, name == graph.input, graph.input_shape[-1])
            for name, a, b, slope in zip(names, shown, black, slopes, strict=True)
        ]
        return [[_added(part, net) for part in parts] for net in nets]

    spec = tf.TensorSpec((None, *graph.input_shape), tf.float32)
    return tf.function(evidence, input_signature=[spec], autograph=False).get_concrete_function()


def layer_names(graph: FoldedGraph, layers: Sequence[str]) -> list[str]:
    """The layers by their names in a graph; ValueError where there is no such layer."""
    names = [graph.input if layer == INPUT else layer for layer in layers]
    if unknown := set(names) - graph.names - {graph.input}:
        raise ValueError(f"There is no layer {', '.join(sorted(unknown))}.")
    return names


def log_odds(rating: Tensor) -> Tensor:
    """Log odds of the malignancy score; `rating` is a tensor of distributions of shape (n, 5)."""
    expected = tf.linalg.matvec(rating, tf.constant(RATINGS, tf.float32))
    score = (expected - RATINGS[0]) / (RATINGS[-1] - RATINGS[0])
    score = tf.clip_by_value(score, EPSILON, 1 - EPSILON)
    return tf.math.log(score) - tf.math.log1p(-score)


def of_close(part: Tensor, is_input: bool, fields: int) -> Tensor:
    """What of a layer lies in the close field: a channel of the patch, or one map of each patch's."""
    return part[..., :1] if is_input else part[::fields]


def _added(part: Tensor, net: bool) -> Tensor:
    """Evidence of all channels at each position."""
    return tf.abs(tf.reduce_sum(part, axis=-1)) if net else tf.reduce_sum(tf.abs(part), axis=-1)
