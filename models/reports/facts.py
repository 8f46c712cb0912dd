"""What was measured, as the facts of the templates' sentences and small tables; None where it was not.

From the reports in ``weights/``, each of which may be empty. All words are the templates'.
"""

from collections.abc import Callable
from typing import Any

from models.inference.classifier import CONSENSUS
from models.networks.registry import ARCHITECTURES
from models.reports.evaluation import FEW
from models.reports.tables import Report, part

USELESS = 0.95  # of the error of a constant: who is no better than this says nothing
Facts = dict[str, Any]


def nodules_measured(reports: Report, evaluation: Report) -> Facts | None:
    """The nodules that the figures come from; `reports` are those of ``<key>.json``, by key.

    Returns
    -------
    dict or None
        Counts of the nodules that had a clear rating, of their patients, of the nodules left open, of the
        ``folds``, and of the patients that the app's networks were trained on in the end
        (``everyone``; None where those did not train on all).
    """
    data, clear = part(evaluation, "data"), part(evaluation, "models", CONSENSUS)
    if not (data and clear):
        return None
    trained_on_all = any(part(report, "training").get("everyone") for report in reports.values())
    return {
        "nodules": clear["n_nodules"],
        "malignant": clear["n_malignant"],
        "patients": clear["n_patients"],
        "folds": data["folds"],
        "left_open": data["n_indeterminate"],
        "everyone": data["n_patients_in_all"] if trained_on_all else None,
    }


def in_short(evaluation: Report) -> Facts:
    """The most important results of the consensus: facts by the name of their sentence, in order."""
    result = part(evaluation, "models", CONSENSUS)
    if not result:
        return {}
    facts = {
        "ranking": result,
        "ruler": _ruler(result, evaluation),
        "points": _points(result),
        "abstention": _abstention(result),
        "weak_spots": _weak_groups(evaluation),
        "diagnosed": diagnosed(evaluation, CONSENSUS),
    }
    return {name: found for name, found in facts.items() if found}


def _ruler(consensus: Report, evaluation: Report) -> Facts | None:
    """The diameter alone, and by how much the consensus is ahead of it."""
    ruler, ahead = part(evaluation, "baselines", "diameter"), part(consensus, "ahead", "diameter")
    return {"result": ruler, "ahead": ahead, "is_ahead": ahead["low"] > 0} if ruler and ahead else None


def _points(consensus: Report) -> Facts | None:
    points = {name: part(consensus, name) for name in ("balanced", "high_sensitivity")}
    return points if all(points.values()) else None


def _abstention(consensus: Report) -> Facts | None:
    rule = part(consensus, "abstention")
    right, right_of_others = (part(rule, name).get("accuracy") for name in ("kept", "deferred"))
    if right is None:
        return None
    return {"indeterminate": 1 - rule["coverage"], "right": right, "right_of_others": right_of_others}


def _weak_groups(evaluation: Report) -> Facts | None:
    """Groups in which fewer than half are recognised, of malignant-rated and of benign-rated nodules."""
    rows = [row for row in evaluation.get("subgroups") or () if "sensitivity" in row]
    cases = {
        "malignant": [(row, row["sensitivity"], row["n_malignant"]) for row in rows],
        "benign": [(row, row.get("specificity"), row["n_nodules"] - row["n_malignant"]) for row in rows],
    }
    weak = {
        kind: [
            {"heading": row["heading"], "name": row["name"], "recognised": round(rate * n), "n": n}
            for row, rate, n in found
            if rate is not None and rate < 0.5
        ]
        for kind, found in cases.items()
    }
    return weak if any(weak.values()) else None


def diagnosed(evaluation: Report, key: str) -> Facts | None:
    """How well a model tells confirmed cancer, as it was measured, and whether on too few; None where not."""
    result = part(evaluation, "diagnoses")
    if not part(result, key):
        return None
    n, malignant = result["n_patients"], result["n_malignant"]
    return {
        "n": n,
        "malignant": malignant,
        "few": min(malignant, n - malignant) < FEW,
        "rows": {name: part(result, name) for name in (key, "readers", "diameter")},
    }


def figure_facts(evaluation: Report) -> Facts | None:
    """What the descriptions of the figures mention.

    Returns
    -------
    dict or None
        ``result`` of the consensus; ``low`` and ``high``, the shares of benign-rated nodules
        with a probability below 0.25 and of malignant-rated ones of at least 0.75.
    """
    result = part(evaluation, "models", CONSENSUS)
    histogram = part(result, "curves", "histogram")
    if not histogram:
        return None
    low = _share(histogram, "benign", lambda edge: edge < 0.25)
    high = _share(histogram, "malignant", lambda edge: edge >= 0.75)
    return {"result": result, "low": low, "high": high}


def descriptors(evaluation: Report) -> Facts | None:
    """Errors of the descriptors and of the networks' diameter on unseen patients.

    Returns
    -------
    dict or None
        ``n_nodules``, ``n_patients``, ``n_readings``; ``texture``: agreement of the class that is measured,
        or None; ``rows``: ``name``, ``models`` (by key: ``mae`` with its interval, ``bias``,
        ``correlation``), ``constant`` (mean absolute error of always giving the training mean), ``reader``
        and ``same`` (that of one reader, and of the consensus, against the mean of the other readers),
        ``useless``.
    """
    measured = part(evaluation, "descriptors", "all")
    if not measured:
        return None
    rows = []
    for name, result in part(measured, "against_mean").items():
        constant, others = result["constant"]["mae"], part(measured, "against_others", name)
        rows.append(
            {
                "name": name,
                "models": {key: result[key] for key in (CONSENSUS, *ARCHITECTURES) if key in result},
                "constant": constant,
                "reader": part(others, "reader").get("mae"),
                "same": part(others, CONSENSUS).get("mae"),
                "useless": result[CONSENSUS]["mae"] >= USELESS * constant,
            }
        )
    counts = {name: measured.get(name) for name in ("n_nodules", "n_patients", "n_readings")}
    return counts | {"rows": rows, "texture": part(evaluation, "texture") or None}


def saliency(report: Report) -> Facts | None:
    """How well the maps of each model point at the nodule, from ``saliency.json``.

    Returns
    -------
    dict or None
        By model, the consensus first: ``method``, ``layer``, ``pointing`` (with its interval, ``n_nodules``
        and ``centre``), ``deletion``, ``insertion``, ``seconds_ratio``.
    """
    models = part(report, "models")
    return {key: models[key] for key in (CONSENSUS, *ARCHITECTURES) if key in models} or None


def cases(report: Report) -> Facts | None:
    """How often the distance to similar cases calls an image unlike the training data, from ``cases.json``.

    Returns
    -------
    dict or None
        ``unseen`` (real nodules: all, and those of test patients by the way they were shown), ``made`` (what
        is no nodule, by kind), ``agreement`` of the similar cases' ratings with a nodule's own. Shares have
        ``value``, ``low``, ``high`` and ``n``.
    """
    measured = part(report, "measured")
    if not measured:
        return None
    unseen = {"all": part(measured, "unseen", "all")} | part(measured, "ways")
    return {"unseen": unseen, "made": part(measured, "made"), "agreement": part(measured, "agreement")}


def _share(histogram: Report, name: str, within: Callable[[float], bool]) -> float:
    chosen = [n for edge, n in zip(histogram["edges"], histogram[name], strict=False) if within(edge)]
    return sum(chosen) / (sum(histogram[name]) or 1)
