"""Boosted trees and small networks that tell CT from what is none, as weights/content.json holds them."""

import warnings

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from models.ingest.ct_check.check import as_arrays

DEPTH, TREES, RATE = 5, 250, 0.1
NETS, UNITS, EPOCHS = 4, (64, 32), 40
NEVER = 1e30  # a node that sends everything left
DIGITS = 5
HEAVY = {"mask": 4}  # the likeliest mistake, and the one that is most like CT


def fit(ct, other):
    """Trees and networks that tell `other` (positive) from `ct`, as weights/content.json holds them.

    Parameters
    ----------
    ct, other : Pictures
        Each as heavy as the other in all; within `other`, each group as heavy as the next, but for `HEAVY`.
    """
    inputs = np.concatenate([ct.numbers, other.numbers])
    answers = np.repeat([0, 1], [len(ct), len(other)])
    groups, place, counts = np.unique(other.group, return_inverse=True, return_counts=True)
    shares = np.array([HEAVY.get(str(group), 1) for group in groups]) / counts
    weights = np.concatenate([np.full(len(ct), 1 / len(ct)), shares[place] / shares[place].sum()]) / 2
    trees, intercept = fit_trees(inputs, answers, weights * len(inputs))
    low, high = np.percentile(ct.numbers, (0.5, 99.5), axis=0)
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1e-3)
    scaled = np.clip((inputs - middle) / half, -3, 3)
    nets = [_fit_net(scaled, answers, weights, seed) for seed in range(NETS)]
    fitted = {"trees": trees, "intercept": intercept, "middle": middle, "half": half, "nets": nets}
    return as_arrays(written({"numbers": list(ct.names)} | fitted))


def fit_trees(inputs, answers, weights, count=TREES):
    """So many trees as `models.ingest.ct_check.check.boosted` wants them, and their intercept."""
    model = HistGradientBoostingClassifier(
        max_iter=count,
        learning_rate=RATE,
        max_depth=DEPTH,
        max_leaf_nodes=2**DEPTH,
        l2_regularization=5,
        min_samples_leaf=20,
        early_stopping=False,
        random_state=0,
    )
    return _stacked(model.fit(inputs, answers, sample_weight=weights))


def _stacked(model):
    """The trees of a fitted model as `models.ingest.ct_check.check.boosted` wants them, and its intercept."""
    trees = [_complete(step[0].nodes) for step in model._predictors]
    names = ("number", "at_most", "leaf")
    stacked = {name: np.array([tree[i] for tree in trees]) for i, name in enumerate(names)}
    return stacked, float(model._baseline_prediction.ravel()[0])


def _complete(nodes):
    """A tree with every branch to full depth; a short one is prolonged to the left."""
    number, at_most = np.zeros(2**DEPTH - 1, int), np.full(2**DEPTH - 1, NEVER)
    leaf = np.zeros(2**DEPTH)

    def place(node, position):
        if position >= len(number):
            leaf[position - len(number)] = nodes[node]["value"]
        elif nodes[node]["is_leaf"]:
            place(node, 2 * position + 1)
        else:
            number[position] = nodes[node]["feature_idx"]
            at_most[position] = nodes[node]["num_threshold"]
            place(nodes[node]["left"], 2 * position + 1)
            place(nodes[node]["right"], 2 * position + 2)

    place(0, 0)
    return number, at_most, leaf


def _fit_net(inputs, answers, weights, seed):
    """One network, on pictures drawn by weight: a list of (matrix, offsets)."""
    chosen = np.random.default_rng(seed).choice(len(inputs), len(inputs), p=weights)
    net = MLPClassifier(
        UNITS, alpha=0.1, batch_size=128, learning_rate_init=0.002, max_iter=EPOCHS, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is the recipe
        net.fit(inputs[chosen], answers[chosen])
    return list(zip(net.coefs_, net.intercepts_, strict=True))


def written(value):
    """As JSON takes it, numbers rounded."""
    if isinstance(value, dict):
        return {name: written(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [written(item) for item in value]
    if isinstance(value, np.ndarray):
        return written(value.tolist())
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
