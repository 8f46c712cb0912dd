"""Boosted trees of scikit-learn as `models.ingest.ct_check.trees` and weights/content.json have them."""

from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from models.ingest.ct_check.trees import Classifier, Trees
from training.ct_check.sets import Pictures

DEPTH, TREES, RATE = 5, 250, 0.1
NEVER = 1e30  # a node that sends everything left
DIGITS = 5
HEAVY = {"mask": 4}  # the likeliest mistake, and the one that is most like CT


def fit(ct: Pictures, other: Pictures) -> Classifier:
    """Trees that tell `other` from `ct`, rounded as in the file; their limit is 0.

    Each is as heavy as the other in all; within `other`, each group as heavy as the next, but for `HEAVY`.
    """
    groups, position, counts = np.unique(other.group, return_inverse=True, return_counts=True)
    shares = np.array([HEAVY.get(str(group), 1) for group in groups]) / counts
    weights = np.concatenate([np.full(len(ct), 1 / len(ct)), shares[position] / shares[position].sum()]) / 2
    features = np.concatenate([ct.features, other.features])
    answers = np.repeat([0, 1], [len(ct), len(other)])
    exact = Classifier(ct.names, *fit_trees(features, answers, weights * len(features)), limit=0.0)
    return Classifier.of(written(as_report(exact)))


def fit_trees(
    features: np.ndarray, answers: np.ndarray, weights: np.ndarray, count: int | None = None
) -> tuple[Trees, float]:
    """So many trees, and their intercept."""
    model = HistGradientBoostingClassifier(
        max_iter=count or TREES,
        learning_rate=RATE,
        max_depth=DEPTH,
        max_leaf_nodes=2**DEPTH,
        l2_regularization=5,
        min_samples_leaf=20,
        early_stopping=False,
        random_state=0,
    )
    return exported(model.fit(features, answers, sample_weight=weights))


def exported(model: HistGradientBoostingClassifier) -> tuple[Trees, float]:
    """The trees of a fitted model, each with every branch to full depth, and its intercept."""
    complete = [_complete(step[0].nodes) for step in model._predictors]
    trees = Trees(*(np.array(part) for part in zip(*complete, strict=True)))
    return trees, float(model._baseline_prediction.ravel()[0])


def _complete(nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, thresholds and leaves of one tree; a short branch is prolonged to the left."""
    number, at_most = np.zeros(2**DEPTH - 1, int), np.full(2**DEPTH - 1, NEVER)
    leaf = np.zeros(2**DEPTH)

    def enter(node: int, position: int) -> None:
        if position >= len(number):
            leaf[position - len(number)] = nodes[node]["value"]
        elif nodes[node]["is_leaf"]:
            enter(node, 2 * position + 1)
        else:
            number[position] = nodes[node]["feature_idx"]
            at_most[position] = nodes[node]["num_threshold"]
            enter(nodes[node]["left"], 2 * position + 1)
            enter(nodes[node]["right"], 2 * position + 2)

    enter(0, 0)
    return number, at_most, leaf


def as_report(classifier: Classifier) -> dict[str, Any]:
    """A classifier as weights/content.json holds it; see `models.ingest.ct_check.trees.ClassifierReport`."""
    return {
        "numbers": list(classifier.names),
        "trees": classifier.trees._asdict(),
        "intercept": classifier.intercept,
        "limit": classifier.limit,
    }


def written(value: Any) -> Any:
    """As JSON takes it, numbers rounded."""
    if isinstance(value, dict):
        return {name: written(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [written(item) for item in value]
    if isinstance(value, np.ndarray):
        return written(value.tolist())
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
