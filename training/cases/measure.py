"""How well the distance tells nodules from other things, on patients whom the networks never saw."""

from collections.abc import Callable, Mapping

import numpy as np
from scipy.stats import spearmanr

from training.cases.space import COMPARED, Features, Recipe, Table, described, limit, make_table, select
from training.data.dataset import Nodules
from training.evaluation.metrics import auc
from training.intervals import bootstrap_by_patient, wilson

SIZES_MM = (0, 6, 10, 20, 100)


def table_of(nodules: Nodules, features: Features, chosen: np.ndarray, *recipe: Recipe) -> Table:
    """`training.cases.space.Table` of the chosen nodules; features are those of all nodules."""
    return make_table(select(features, chosen), nodules.patient[chosen], nodules.label[chosen], *recipe)


def share(flagged: np.ndarray, patients: np.ndarray | None = None) -> dict[str, float]:
    """Share of flagged cases, drawing patients for the interval, or by Wilson where cases are independent."""
    value = float(np.mean(flagged))
    low, high = wilson(value, len(flagged))
    if patients is not None and value > 0:
        low, high = bootstrap_by_patient(np.mean, patients, flagged)
    return {"value": value, "low": max(0.0, float(low)), "high": float(high), "n": len(flagged)}


def compare(
    nodules: Nodules, features: Features, train: np.ndarray, unseen: np.ndarray, made: Mapping[str, Features]
) -> list[dict]:
    """All recipes on one side's patients: share of real nodules and of each kind of made patches flagged.

    Parameters
    ----------
    features : dict of str to ndarray of shape (nodules, channels)
    train, unseen : ndarray of int
        Which nodules are in the table, and which are not.
    made : dict of str to dict
        Features of the made patches, by kind.
    """
    rows = []
    for recipe in COMPARED:
        table = table_of(nodules, features, train, recipe)
        beyond = limit(table.usual())

        def flagged(given: Features, table: Table = table, beyond: float = beyond) -> float:
            return float((table.distances(table.space.project(given)) > beyond).mean())

        by_kind = {kind: flagged(given) for kind, given in made.items()}
        rows.append(
            described(recipe)
            | {"made": float(np.mean(list(by_kind.values()))), "made_by_kind": by_kind}
            | {"unseen": flagged(select(features, unseen))}
        )
    return rows


def flags(table: Table, nodules: Nodules, features: Features, sides: Mapping[str, np.ndarray]) -> dict:
    """Unseen nodules flagged, by side and by size, and how far they are, where seen ones have a median of 1.

    Only 1 % of the unseen may be flagged. Each side is judged by the limit that the other one sets, so that
    nobody sets the limit that judges him; ``limit`` is that of all.

    Parameters
    ----------
    sides : dict of str to ndarray of int
        The nodules of two sides.
    """
    far = {side: table.distances(table.space.project(select(features, rows))) for side, rows in sides.items()}
    limits = dict(zip(far, [limit(values) for values in far.values()][::-1], strict=True))
    everyone, rows = np.concatenate(list(far.values())), np.concatenate(list(sides.values()))
    beyond = np.concatenate([far[side] > limits[side] for side in sides])
    sizes, patients = np.digitize(nodules.diameter_mm[rows], SIZES_MM[1:-1]), nodules.patient[rows]
    return {
        "sides": {side: share(far[side] > limits[side], nodules.patient[sides[side]]) for side in sides},
        "all": share(beyond, patients),
        "median": float(np.median(everyone)),
        "limit": limit(everyone),
        "sizes": [
            {"from_mm": SIZES_MM[size], "to_mm": SIZES_MM[size + 1]}
            | share(beyond[sizes == size], patients[sizes == size])
            for size in np.unique(sizes)
        ],
    }


def flags_by_kind(
    table: Table, kinds: Mapping[str, Features], beyond: float, patients: np.ndarray | None = None
) -> dict[str, dict[str, float]]:
    """Share of each kind of patches that is beyond a distance.

    Parameters
    ----------
    kinds : dict of str to dict
        Features of the patches, by kind.
    patients : ndarray of shape (n,), optional
        Whose patches they are.
    """
    far = {kind: table.distances(table.space.project(given)) for kind, given in kinds.items()}
    return {kind: share(values > beyond, patients) for kind, values in far.items()}


def agreement(
    table: Table, nodules: Nodules, features: Features, train: np.ndarray, unseen: np.ndarray
) -> dict:
    """How well the nearest cases' mean rating agrees with a nodule's own: rank correlation and AUC.

    Parameters
    ----------
    table : Table
        Of the nodules `train`.
    """
    own, ratings = (np.nanmean(nodules.malignancy[rows], axis=1) for rows in (unseen, train))
    _, near = table.nearest_cases(table.space.project(select(features, unseen)))
    theirs, labels, patients = ratings[near].mean(axis=1), nodules.label[unseen], nodules.patient[unseen]
    clear = labels >= 0
    return {
        "n": len(unseen),
        "spearman": _with_interval(_rank_correlation, patients, own, theirs),
        "auc": _with_interval(auc, patients[clear], labels[clear], theirs[clear]) | {"n": int(clear.sum())},
        "mean_difference": float(np.abs(own - theirs).mean()),
    }


def _rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(spearmanr(a, b).statistic)


def _with_interval(
    statistic: Callable[..., float], patients: np.ndarray, *arrays: np.ndarray
) -> dict[str, float]:
    low, high = bootstrap_by_patient(statistic, patients, *arrays)
    return {"value": statistic(*arrays), "low": low, "high": high}
