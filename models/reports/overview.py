"""What each model is and what it reached, as the page and the JSON interface show it."""

from typing import Any

import msgspec

from models.inference.classifier import CONSENSUS, ModelRegistry
from models.inference.finding import DISCLAIMER
from models.inference.pipeline import MODEL_KEYS, citation_of, title_of
from models.messages import Message
from models.networks.registry import ARCHITECTURES
from models.reports.evaluation import (
    auc_of,
    by_size,
    froc_table,
    localiser_table,
    marked_pictures,
    recognition_table,
    sizes_table,
    tables_of,
)
from models.reports.facts import cases, descriptors, figure_facts, in_short, nodules_measured, saliency
from models.reports.json_types import Model, Models, SharedEvaluation


def model_rows(registry: ModelRegistry) -> list[dict[str, Any]]:
    """The five models and the consensus: of each what a `ModelRow` has, with words for any language."""
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


def models_for_page(registry: ModelRegistry) -> dict[str, Any]:
    """What the template of the page of the models shows."""
    titles = {key: str(title_of(key)) for key in MODEL_KEYS}
    return {
        "tables": tables_of(titles, registry.reports, registry.evaluation)
        | {"by_size": by_size(registry.reliability)},
        "in_short": in_short(registry.evaluation),
        "measured": nodules_measured(registry.reports, registry.evaluation),
        "figure_facts": figure_facts(registry.evaluation),
        "localiser": localiser_table(registry.localiser_report),
        "sizes": sizes_table(registry.size_report),
        "froc": froc_table(registry.finder_report),
        "pictures": marked_pictures(registry.finder_report),
        "recognition": recognition_table(registry.recognition_report),
        "descriptors": descriptors(registry.evaluation),
        "saliency": saliency(registry.saliency_report),
        "cases": cases(registry.cases.report if registry.cases else {}),
    }


def models_as_json(registry: ModelRegistry) -> dict[str, Any]:
    """The answer of ``GET /api/v1/models`` as plain values."""
    measured, evaluation = registry.evaluation.get("models") or {}, registry.evaluation
    models = [
        Model(
            **_in_english(row),
            report=registry.reports.get(row["key"]),
            evaluation=_without_curves(measured.get(row["key"])),
        )
        for row in model_rows(registry)
    ]
    shared = SharedEvaluation(**{name: evaluation.get(name) for name in SharedEvaluation.__struct_fields__})
    answer = Models(
        models=models,
        evaluation=shared,
        localiser=registry.localiser_report or None,
        finder=registry.finder_report or None,
        recognition=registry.recognition_report or None,
        disclaimer=str(DISCLAIMER),
    )
    return msgspec.to_builtins(answer)


def _in_english(row: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Message) else value for name, value in row.items()}


def _without_curves(model: dict[str, Any] | None) -> dict[str, Any] | None:
    return model and {name: value for name, value in model.items() if name != "curves"}
