"""Spaces to compare cases in, and how far from a table a case is in them."""

from dataclasses import asdict, dataclass, replace

import numpy as np

from models.inference.similar_cases import NEAREST, NEIGHBOURS, Space, nearest
from models.networks.registry import ARCHITECTURES

LEAST_SPREAD = 0.1  # of the median channel's: channels that hardly ever vary must not blow up noise
LEAST_LENGTH = 1e-3  # of the first component's: fewer nodules than components leave some empty
FLAGGED = 0.01  # of real nodules


@dataclass(frozen=True)
class Recipe:
    """How a space is made of features, and what its distance is.

    Attributes
    ----------
    networks : tuple of str
        Whose features.
    components : int
        Principal components of each network.
    whiten : bool
        Whether all components weigh the same, instead of by their variance.
    unit : bool
        Whether features are scaled to length 1 first (Sun et al., ICML 2022).
    distance : str
        ``mean`` of the `k` nearest, ``last`` of these (Sun et al.), or ``mahalanobis``: to the nearest of
        three classes with one covariance (Lee et al., NeurIPS 2018).
    k : int
    """

    networks: tuple[str, ...] = tuple(ARCHITECTURES)
    components: int = 16
    whiten: bool = True
    unit: bool = True
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
    *(replace(CHOSEN, k=k) for k in (1, NEIGHBOURS)),
    *(replace(CHOSEN, k=k, distance="last") for k in (NEAREST, NEIGHBOURS)),
    *(replace(CHOSEN, components=n, unit=False, distance="mahalanobis") for n in (16, 64)),
)


@dataclass(frozen=True)
class Table:
    """The nodules that cases are compared with.

    Attributes
    ----------
    space : Space
    places : ndarray of shape (n, components)
    patients : ndarray of shape (n,)
    labels : ndarray of shape (n,)
        1 malignant, 0 benign, -1 indeterminate.
    recipe : Recipe
    """

    space: Space
    places: np.ndarray
    patients: np.ndarray
    labels: np.ndarray
    recipe: Recipe

    def strangeness(self, places, patients=None):
        """How far each place (n, components) is; nodules of its own patient, where given, do not count."""
        if self.recipe.distance == "mahalanobis":
            return self._mahalanobis(places)
        far = self.neighbours(places, patients, self.recipe.k)[0]
        return far[:, -1] if self.recipe.distance == "last" else far.mean(axis=1)

    def neighbours(self, places, patients=None, k=NEIGHBOURS):
        """Distances of the k nearest nodules of each place, and which they are, each (n, k)."""
        found = []
        for i, own in enumerate(places):
            others = np.arange(len(self.places))
            if patients is not None:
                others = others[self.patients != patients[i]]
            rows, far = nearest(self.places[others], own, k)
            found.append((far, others[rows]))
        return np.array([far for far, _ in found]), np.array([rows for _, rows in found])

    def usual(self):
        """How far each of its own nodules is from those of other patients."""
        return self.strangeness(self.places, self.patients)

    def _mahalanobis(self, places):
        means = {label: self.places[self.labels == label].mean(axis=0) for label in np.unique(self.labels)}
        residual = self.places - np.stack([means[label] for label in self.labels])
        inverse = np.linalg.pinv(residual.T @ residual / len(residual), hermitian=True)
        off = np.stack([places - mean for mean in means.values()])
        squares = np.einsum("kni,ij,knj->kn", off, inverse, off).min(axis=0)
        return np.sqrt(np.maximum(squares, 0))


def select(features, chosen):
    """Rows of features given by network."""
    return {key: values[chosen] for key, values in features.items()}


def make_table(features, patients, labels, recipe=CHOSEN):
    """`Table` of nodules; distances are in units of the median that they have from other patients'.

    Each network's features have the same variance, so that none dominates. All numbers are rounded as they
    are stored.

    Parameters
    ----------
    features : dict of str to ndarray of shape (n, channels)
    patients, labels : ndarray of shape (n,)
    recipe : Recipe
    """
    fitted = {key: _components(features[key], recipe) for key in recipe.networks}
    means, axes = ({key: pair[part] for key, pair in fitted.items()} for part in (0, 1))
    space = Space(means, axes, recipe.unit)
    table = Table(space, space.place(features), patients, labels, recipe)
    usual = float(np.median(table.usual()))
    space = replace(space, axes={key: _half(values / usual) for key, values in axes.items()})
    return replace(table, space=space, places=_half(space.place(features)))


def _components(features, recipe):
    """Mean and axes of one network."""
    features = features / np.linalg.norm(features, axis=1, keepdims=True) if recipe.unit else features
    mean, spread = features.mean(axis=0, dtype=np.float64), features.std(axis=0)
    spread = spread + LEAST_SPREAD * np.median(spread)
    _, lengths, axes = np.linalg.svd((features - mean) / spread, full_matrices=False)
    n = min(recipe.components, int((lengths > LEAST_LENGTH * lengths[0]).sum()))
    lengths = lengths / np.sqrt(len(features))
    scale = lengths[:n] * np.sqrt(n) if recipe.whiten else np.sqrt((lengths**2).sum())
    return mean.astype(np.float32), axes[:n].T / spread[:, None] / scale


def _half(values):
    """Rounded to float16."""
    return values.astype(np.float16).astype(np.float32)


def limit(distances):
    """What only `FLAGGED` of these distances exceed."""
    return float(np.quantile(distances, 1 - FLAGGED))


def described(recipe):
    """A recipe for ``cases.json``."""
    return asdict(recipe) | {"networks": list(recipe.networks)}
