"""Spaces to compare cases in, and how far from a table a case is in them."""

from dataclasses import asdict, dataclass, replace

import numpy as np

from models.inference.similar_cases import NEAREST, SIMILAR, Space, nearest
from models.networks.registry import ARCHITECTURES

LEAST_DEVIATION = 0.1  # of the median channel's: channels that hardly ever vary must not blow up noise
LEAST_LENGTH = 1e-3  # of the first component's: fewer nodules than components leave some empty
FLAGGED = 0.01  # of real nodules

Features = dict[str, np.ndarray]  # by network, of shape (n, channels)


@dataclass(frozen=True)
class Recipe:
    """How a space is made of features, and what its distance is.

    A distance is the ``mean`` of the `k` nearest, the ``last`` of these (Sun et al.), or ``mahalanobis``: to
    the nearest of three classes with one covariance (Lee et al., NeurIPS 2018).
    """

    networks: tuple[str, ...] = tuple(ARCHITECTURES)  # whose features
    components: int = 16  # principal ones of each network
    whiten: bool = True  # all components weigh the same, instead of by their variance
    unit: bool = True  # features are scaled to length 1 first (Sun et al., ICML 2022)
    distance: str = "mean"
    k: int = NEAREST


CHOSEN = Recipe()
COMPARED = (
    CHOSEN,
    *(replace(CHOSEN, networks=(key,)) for key in ARCHITECTURES),
    *(replace(CHOSEN, components=n) for n in (8, 32, 64)),
    replace(CHOSEN, whiten=False),
    replace(CHOSEN, unit=False),
    replace(CHOSEN, whiten=False, unit=False),
    *(replace(CHOSEN, k=k) for k in (1, SIMILAR)),
    *(replace(CHOSEN, k=k, distance="last") for k in (NEAREST, SIMILAR)),
    *(replace(CHOSEN, components=n, unit=False, distance="mahalanobis") for n in (16, 64)),
)


@dataclass(frozen=True)
class Table:
    """The n nodules that cases are compared with."""

    space: Space
    embeddings: np.ndarray  # (n, components)
    patients: np.ndarray  # (n,)
    labels: np.ndarray  # 1 malignant, 0 benign, -1 indeterminate; (n,)
    recipe: Recipe

    def distances(self, embeddings: np.ndarray, patients: np.ndarray | None = None) -> np.ndarray:
        """How far each embedding (n, components) is; nodules of its own patient, if given, do not count."""
        if self.recipe.distance == "mahalanobis":
            return self._mahalanobis(embeddings)
        far = self.nearest_cases(embeddings, patients, self.recipe.k)[0]
        return far[:, -1] if self.recipe.distance == "last" else far.mean(axis=1)

    def nearest_cases(
        self, embeddings: np.ndarray, patients: np.ndarray | None = None, k: int = SIMILAR
    ) -> tuple[np.ndarray, np.ndarray]:
        """Distances of the k nearest nodules of each embedding, and which they are, each (n, k)."""
        found = []
        for i, own in enumerate(embeddings):
            others = np.arange(len(self.embeddings))
            if patients is not None:
                others = others[self.patients != patients[i]]
            rows, far = nearest(self.embeddings[others], own, k)
            found.append((far, others[rows]))
        return np.array([far for far, _ in found]), np.array([rows for _, rows in found])

    def usual(self) -> np.ndarray:
        """How far each of its own nodules is from those of other patients."""
        return self.distances(self.embeddings, self.patients)

    def _mahalanobis(self, embeddings: np.ndarray) -> np.ndarray:
        means = {
            label: self.embeddings[self.labels == label].mean(axis=0) for label in np.unique(self.labels)
        }
        residual = self.embeddings - np.stack([means[label] for label in self.labels])
        inverse = np.linalg.pinv(residual.T @ residual / len(residual), hermitian=True)
        off = np.stack([embeddings - mean for mean in means.values()])
        squares = np.einsum("kni,ij,knj->kn", off, inverse, off).min(axis=0)
        return np.sqrt(np.maximum(squares, 0))


def select(features: Features, chosen: np.ndarray) -> Features:
    """Rows of features given by network."""
    return {key: values[chosen] for key, values in features.items()}


def make_table(
    features: Features, patients: np.ndarray, labels: np.ndarray, recipe: Recipe = CHOSEN
) -> Table:
    """`Table` of nodules; distances are in units of the median that they have from other patients'.

    Each network's features have the same variance, so that none dominates. All numbers are rounded as they
    are stored.

    Parameters
    ----------
    features : dict of str to ndarray of shape (n, channels)
    patients, labels : ndarray of shape (n,)
    """
    fitted = {key: _components(features[key], recipe) for key in recipe.networks}
    means, axes = ({key: pair[part] for key, pair in fitted.items()} for part in (0, 1))
    space = Space(means, axes, recipe.unit)
    table = Table(space, space.project(features), patients, labels, recipe)
    usual = float(np.median(table.usual()))
    space = replace(space, axes={key: _half(values / usual) for key, values in axes.items()})
    return replace(table, space=space, embeddings=_half(space.project(features)))


def _components(features: np.ndarray, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Mean and axes of one network."""
    features = features / np.linalg.norm(features, axis=1, keepdims=True) if recipe.unit else features
    mean, deviation = features.mean(axis=0, dtype=np.float64), features.std(axis=0)
    deviation = deviation + LEAST_DEVIATION * np.median(deviation)
    _, lengths, axes = np.linalg.svd((features - mean) / deviation, full_matrices=False)
    n = min(recipe.components, int((lengths > LEAST_LENGTH * lengths[0]).sum()))
    lengths = lengths / np.sqrt(len(features))
    scale = lengths[:n] * np.sqrt(n) if recipe.whiten else np.sqrt((lengths**2).sum())
    return mean.astype(np.float32), axes[:n].T / deviation[:, None] / scale


def _half(values: np.ndarray) -> np.ndarray:
    """Rounded to float16."""
    return values.astype(np.float16).astype(np.float32)


def limit(distances: np.ndarray) -> float:
    """What only `FLAGGED` of these distances exceed."""
    return float(np.quantile(distances, 1 - FLAGGED))


def described(recipe: Recipe) -> dict:
    """A recipe for ``cases.json``."""
    return asdict(recipe) | {"networks": list(recipe.networks)}
