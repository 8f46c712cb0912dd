"""Boosted trees out of weights/content.json, evaluated with numpy alone.

`training.ct_check.fit` exports them from scikit-learn. One classifier tells pictures that are no CT from CT
(the features of `models.ingest.ct_check.image_features`), the other one, ``air``, lung from other air (the
features of `models.ingest.ct_check.air`).
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
from msgspec import Meta, Struct

Number = Annotated[float, Meta(ge=-1e300, le=1e300)]  # and so finite
Row = list[Number]


class TreesReport(Struct):
    """Regression trees, each complete and stored level by level.

    `number` and `at_most` have 2 ** depth - 1 values a tree: which feature a node asks for, and up to which
    value it sends left; `leaf` has 2 ** depth.
    """

    number: list[list[Annotated[int, Meta(ge=0)]]]
    at_most: list[Row]
    leaf: list[Row]


class ClassifierReport(Struct):
    """Trees, the names of the features that they ask for, and the log odds from which the answer is yes."""

    numbers: Annotated[list[str], Meta(min_length=1)]
    trees: TreesReport
    intercept: Number
    limit: Number


class ContentReport(ClassifierReport):
    """The form of ``content.json``."""

    air: ClassifierReport


class Trees(NamedTuple):
    """As `TreesReport`, in arrays with a row a tree."""

    number: np.ndarray
    at_most: np.ndarray
    leaf: np.ndarray

    def summed(self, features: np.ndarray) -> np.ndarray:
        """The sum of all trees for features of shape (n, names)."""
        all_trees, node = np.arange(len(self.leaf)), np.zeros((len(features), len(self.leaf)), int)
        while node[0, 0] < self.number.shape[1]:
            asked = np.take_along_axis(features, self.number[all_trees, node], axis=1)
            node = 2 * node + 1 + (asked > self.at_most[all_trees, node])
        return self.leaf[all_trees, node - self.number.shape[1]].sum(axis=1)


class Classifier(NamedTuple):
    """As `ClassifierReport`, ready for use."""

    names: tuple[str, ...]
    trees: Trees
    intercept: float
    limit: float

    @classmethod
    def of(cls, report: Mapping[str, Any]) -> "Classifier":
        """Of a report as JSON holds it."""
        trees = Trees(*(np.array(report["trees"][name]) for name in Trees._fields))
        return cls(tuple(report["numbers"]), trees, report["intercept"], report["limit"])

    def log_odds(self, features: np.ndarray) -> np.ndarray:
        """For features of shape (n, names), in the order of `names`."""
        return self.trees.summed(features) + self.intercept

    def beyond(self, cases: Sequence[Mapping[str, float]]) -> np.ndarray:
        """Log odds above the limit for each case, given by its features' names; yes is above 0."""
        rows = [[features[name] for name in self.names] for features in cases]
        return self.log_odds(np.array(rows, np.float32)) - self.limit
