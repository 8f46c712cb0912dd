"""What `evaluation.json` says, as the facts of the templates' sentences; where nothing was measured, none."""

from models.reports.evaluation import CONSENSUS, FEW
from models.reports.tables import part


def measured(reports, evaluation):
    """How the figures came about.

    Parameters
    ----------
    reports : dict of str to dict
        Of ``<key>.json``, by key.
    evaluation : dict
        Of ``evaluation.json``; may be empty.

    Returns
    -------
    dict or None
        Counts of the nodules that had a clear rating, of their patients, of the nodules left open, of the
        splits (``times``), and of the patients that the app's networks were trained on in the end
        (``everyone``; None where those did not train on all).
    """
    data, clear = part(evaluation, "data"), part(evaluation, "models", CONSENSUS, "stack")
    if not (data and clear):
        return None
    trained_on_all = any(part(report, "training").get("everyone") for report in reports.values())
    return {
        "nodules": clear["n_nodules"],
        "malignant": clear["n_malignant"],
        "patients": clear["n_patients"],
        "times": len(data["splits"]),
        "left_open": data["n_indeterminate"],
        "everyone": data["n_patients_in_all"] if trained_on_all else None,
    }


def in_short(evaluation):
    """The most important results of the consensus: facts by the name of their sentence, in order."""
    stack = part(evaluation, "models", CONSENSUS, "stack")
    if not stack:
        return {}
    facts = {
        "ranking": stack,
        "ruler": _ruler(stack, evaluation),
        "points": _points(stack),
        "abstention": _abstention(stack),
        "weak_spots": _weak_spots(evaluation),
        "diagnosed": diagnosed(evaluation, CONSENSUS),
    }
    return {name: found for name, found in facts.items() if found}


def _ruler(stack, evaluation):
    ruler = part(evaluation, "baselines", "diameter")
    ends = [result.get(name) for result in (stack, ruler) for name in ("auc_low", "auc_high")]
    if None in ends:
        return None
    overlaps = stack["auc_low"] <= ruler["auc_high"] and ruler["auc_low"] <= stack["auc_high"]
    return {"result": ruler, "overlaps": overlaps}


def _points(stack):
    points = {name: part(stack, name) for name in ("balanced", "high_sensitivity")}
    return points if all(points.values()) else None


def _abstention(stack):
    rule = part(stack, "abstention")
    right, right_of_others = (part(rule, name).get("accuracy") for name in ("kept", "deferred"))
    if right is None:
        return None
    return {"indeterminate": 1 - rule["coverage"], "right": right, "right_of_others": right_of_others}


def _weak_spots(evaluation):
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


def diagnosed(evaluation, key):
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


def described(evaluation):
    """What descriptions of the figures mention; None where nothing was measured.

    Returns
    -------
    dict or None
        ``stack``, the results of the consensus; ``low`` and ``high``, the shares of benign-rated nodules
        with a probability below 0.25 and of malignant-rated ones of at least 0.75.
    """
    model = part(evaluation, "models", CONSENSUS)
    stack, histogram = part(model, "stack"), part(model, "curves", "histogram")
    if not (stack and histogram):
        return None
    low = _share(histogram, "benign", lambda edge: edge < 0.25)
    high = _share(histogram, "malignant", lambda edge: edge >= 0.75)
    return {"stack": stack, "low": low, "high": high}


def _share(histogram, name, within):
    chosen = [n for edge, n in zip(histogram["edges"], histogram[name], strict=False) if within(edge)]
    return sum(chosen) / (sum(histogram[name]) or 1)
