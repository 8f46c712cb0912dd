"""What descriptors, saliency maps and similar cases are worth, for the page of the models.

Figures by key; all words are the template's. What was not measured is None.
"""

from models.networks.registry import ARCHITECTURES
from models.reports.evaluation import CONSENSUS
from models.reports.tables import part

USELESS = 0.95  # of the error of a constant: who is no better than this says nothing


def descriptors(evaluation):
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


def saliency(report):
    """How well the maps of each model point at the nodule.

    Parameters
    ----------
    report : dict
        Of ``saliency.json``; may be empty.

    Returns
    -------
    dict or None
        By model, the consensus first: ``method``, ``layer``, ``pointing`` (with its interval, ``n_nodules``
        and ``centre``), ``deletion``, ``insertion``, ``seconds_ratio``.
    """
    models = part(report, "models")
    return {key: models[key] for key in (CONSENSUS, *ARCHITECTURES) if key in models} or None


def cases(report):
    """How often the distance to similar cases calls an image unlike the training data.

    Parameters
    ----------
    report : dict
        Of ``cases.json``; may be empty.

    Returns
    -------
    dict or None
        ``unseen`` (real nodules: all, and those of test patients by the way they were shown), ``made`` (what
        is no nodule, by kind), ``agreement`` of the neighbours' ratings with a nodule's own. Shares have
        ``value``, ``low``, ``high`` and ``n``.
    """
    measured = part(report, "measured")
    if not measured:
        return None
    unseen = {"all": part(measured, "unseen", "all")} | part(measured, "ways")
    return {"unseen": unseen, "made": part(measured, "made"), "agreement": part(measured, "agreement")}
