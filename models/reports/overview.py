"""What each model is and what it reached, as the page and the JSON interface show it."""

from models.inference.bank import CONSENSUS
from models.inference.finding import DISCLAIMER
from models.inference.pipeline import MODEL_KEYS, citation_of, title_of
from models.networks.registry import ARCHITECTURES
from models.reports.evaluation import auc_of, by_size, evidence
from models.reports.finder import finder_table, recognition_table
from models.reports.sentences import described, in_short, measured
from models.reports.worth import cases, descriptors, saliency

SHARED = ("data", "baselines", "subgroups", "diagnoses", "robustness")  # what is not about one model


def model_rows(bank):
    """The five models and the consensus: names, availability, measured AUC.

    Parameters
    ----------
    bank : ModelBank

    Returns
    -------
    list of dict
    """
    return [
        {
            "key": key,
            "title": title_of(key),
            "citation": citation_of(key),
            "available": bank.available(key),
            "problem": bank.problems.get(key),
            **auc_of(bank.evaluation, key),
        }
        for key in (*ARCHITECTURES, CONSENSUS)
    ]


def models_for_page(bank):
    """What the template of the page of the models shows."""
    return {
        "tables": evidence({key: title_of(key) for key in MODEL_KEYS}, bank.reports, bank.evaluation)
        | {"by_size": by_size(bank.reliability)},
        "in_short": in_short(bank.evaluation),
        "measured": measured(bank.reports, bank.evaluation),
        "described": described(bank.evaluation),
        "finder": finder_table(bank.localiser_report),
        "recognition": recognition_table(bank.recognition_report),
        "descriptors": descriptors(bank.evaluation),
        "saliency": saliency(bank.saliency_report),
        "cases": cases(bank.cases.report if bank.cases else {}),
    }


def models_as_json(bank):
    """The answer of ``GET /api/v1/models`` as a dict of plain values; None for what is missing."""
    models = bank.evaluation.get("models") or {}
    return {
        "models": [
            row
            | {"report": bank.reports.get(row["key"]), "evaluation": _without_curves(models.get(row["key"]))}
            for row in model_rows(bank)
        ],
        "evaluation": {name: bank.evaluation.get(name) for name in SHARED},
        "localiser": bank.localiser_report or None,
        "recognition": bank.recognition_report or None,
        "disclaimer": DISCLAIMER,
    }


def _without_curves(model):
    return model and {name: value for name, value in model.items() if name != "curves"}
