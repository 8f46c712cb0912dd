"""How a case compares with unseen ones, and how far off its numbers may be. All words are the template's."""

from bisect import bisect_left, bisect_right
from typing import Any

from models.inference.finding import Finding
from models.reports.tables import Report, part

SMALL_MM = 6.0  # of the localiser's results
POINT = "balanced"  # the operating point of the verdict
OUTLINE_ERRORS = {
    "long_axis": "long_axis_error_mm",
    "short_axis": "short_axis_error_mm",
    "mean_diameter": "mean_diameter_error_mm",
    "diameter": "diameter_error_mm",
    "mean_hu": "mean_hu_error",
}


def case_of(finding: Finding, evaluation: Report, localiser_report: Report) -> dict[str, Any] | None:
    """What was measured on unseen patients, of the selected model and for nodules like this one.

    Parameters
    ----------
    finding : Finding
    evaluation : mapping
        Of ``evaluation.json``; may be empty.
    localiser_report : mapping
        Of ``localiser.json``; may be empty.

    Returns
    -------
    dict or None
        None where nothing is said of the nodule. ``histogram``, ``rank``, ``rates``, ``auc`` and ``errors``
        (``descriptors``, ``size``, ``texture``); each is None, ``descriptors`` empty, where it was not
        measured. Shares are in [0, 1].
    """
    if finding.probability is None:
        return None
    result = part(evaluation, "models", finding.model)
    return {
        "histogram": histogram(evaluation, finding.model, finding.probability),
        "rank": rank(evaluation, finding.model, finding.probability),
        "rates": _rates(result),
        "auc": {name: result[name] for name in ("auc", "auc_low", "auc_high")} if result else None,
        "errors": {
            "descriptors": descriptor_errors(evaluation, finding.model),
            "size": size_error(localiser_report, finding.reading.long_axis_mm),
            "texture": part(evaluation, "texture") or None,
        },
    }


def histogram(evaluation: Report, key: str, probability: float) -> dict[str, Any] | None:
    """A model's probabilities on unseen nodules in bins, and the bin of this one.

    Returns
    -------
    dict or None
        ``edges`` (bins + 1), ``benign`` and ``malignant`` (counts), ``n_benign``, ``n_malignant``, ``most``
        (the highest count) and ``bin`` (index).
    """
    counts = part(evaluation, "models", key, "curves", "histogram")
    if not counts:
        return None
    edges, benign, malignant = counts["edges"], counts["benign"], counts["malignant"]
    return {
        "edges": edges,
        "benign": benign,
        "malignant": malignant,
        "n_benign": sum(benign),
        "n_malignant": sum(malignant),
        "most": max(*benign, *malignant),
        "bin": min(max(bisect_right(edges, probability) - 1, 0), len(benign) - 1),
    }


def rank(evaluation: Report, key: str, probability: float) -> dict[str, dict[str, float]] | None:
    """Shares of the unseen nodules, ``benign`` and ``malignant``, with a ``lower`` and a ``higher`` one."""
    given = part(evaluation, "models", key, "curves", "probabilities")
    return {
        name: {
            "lower": bisect_left(values, probability) / len(values),
            "higher": 1 - bisect_right(values, probability) / len(values),
        }
        for name, values in given.items()
    } or None


def descriptor_errors(evaluation: Report, key: str) -> dict[str, dict[str, Any]]:
    """How far a model's descriptors lie from the readers' mean on unseen patients.

    Returns
    -------
    dict of str to dict
        By descriptor: ``mae`` with its interval, ``bias``, ``correlation``; ``constant`` and ``reader``, the
        mean absolute error of always giving the training mean, and of one reader from the others' mean.
    """
    measured = part(evaluation, "descriptors", "all")
    return {
        name: {
            **result[key],
            "constant": part(result, "constant").get("mae"),
            "reader": part(measured, "against_others", name, "reader").get("mae"),
        }
        for name, result in part(measured, "against_mean").items()
        if key in result
    }


def size_error(localiser_report: Report, diameter_mm: float | None) -> dict[str, Any] | None:
    """Errors of sizes and density on unseen patients, for nodules of about this size.

    Returns
    -------
    dict or None
        ``n_nodules``; ``small`` (below 6 mm; None where the size is unknown); ``long_axis``, ``short_axis``,
        ``mean_diameter``, ``diameter`` (area-equivalent) in mm and ``mean_hu``, each with ``median`` (of the
        absolute error), ``bias`` and ``limits`` (of agreement), or None; ``readers``: the same of one reader.
    """
    small = None if diameter_mm is None else diameter_mm < SMALL_MM
    group = {None: "all", True: "below 6 mm", False: "6 mm or more"}[small]
    result = part(localiser_report, "measured", group)
    if not result:
        return None
    return {
        "n_nodules": result.get("nodules"),
        "small": small,
        **_outline_errors(result),
        "readers": _outline_errors(part(result, "readers")),
    }


def _outline_errors(result: Report) -> dict[str, Any]:
    return {name: part(result, key) or None for name, key in OUTLINE_ERRORS.items()}


def _rates(result: Report) -> dict[str, Any] | None:
    """Sensitivity, specificity and predictive values at the operating point, and on how many nodules."""
    point = part(result, POINT)
    if not point:
        return None
    n, malignant = result["n_nodules"], result["n_malignant"]
    return point | {"n_malignant": malignant, "n_benign": n - malignant}
