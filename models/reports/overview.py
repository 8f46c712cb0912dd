"""What each model is and what it reached, as the page and the JSON interface show it."""

from models.inference.classifier import CONSENSUS
from models.inference.finding import DISCLAIMER
from models.inference.pipeline import MODEL_KEYS, citation_of, title_of
from models.networks.registry import ARCHITECTURES
from models.reports.evaluation import auc_of, by_size, evidence
from models.reports.localiser_table import localiser_table, recognition_table
from models.reports.reliability import cases, descriptors, saliency
from models.reports.sentences import described, in_short, measured

SHARED = ("data", "baselines", "subgroups", "diagnoses", "robustness")  # what is not about one model


def model_rows(registry):
    """The five models and the consensus: names, availability, measured AUC.

    Parameters
    ----------
    registry : ModelRegistry

    Returns
    -------
    list of dict
    """
    return [
        {
            "key": key,
            "title": title_of(key),
            "citation": citation_of(key),
            "available": registry.available(key),
            "problem": registry.problems.get(key),
            **auc_of(registry.evaluation, key),
        }
        for key in (*ARCHITECTURES, CONSENSUS)
    ]


def models_for_page(registry):
    """What the template of the page of the models shows."""
    return {
        "tables": evidence({key: title_of(key) for key in MODEL_KEYS}, registry.reports, registry.evaluation)
        | {"by_size": by_size(registry.reliability)},
        "in_short": in_short(registry.evaluation),
        "measured": measured(registry.reports, registry.evaluation),
        "described": described(registry.evaluation),
        "finder": localiser_table(registry.localiser_report),
        "recognition": recognition_table(registry.recognition_report),
        "descriptors": descriptors(registry.evaluation),
        "saliency": saliency(registry.saliency_report),
        "cases": cases(registry.cases.report if registry.cases else {}),
    }


def models_as_json(registry):
    """The answer of ``GET /api/v1/models`` as a dict of plain values; None for what is missing."""
    models = registry.evaluation.get("models") or {}
    return {
        "models": [
            row
            | {
                "report": registry.reports.get(row["key"]),
                "evaluation": _without_curves(models.get(row["key"])),
            }
            for row in model_rows(registry)
        ],
        "evaluation": {name: registry.evaluation.get(name) for name in SHARED},
        "localiser": registry.localiser_report or None,
        "recognition": registry.recognition_report or None,
        "disclaimer": DISCLAIMER,
    }


def _without_curves(model):
    return model and {name: value for name, value in model.items() if name != "curves"}
