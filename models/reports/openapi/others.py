"""The schemas of all answers that are no finding: models, health, errors."""

from models.inference.optional_parts import PARTS
from models.inference.pipeline import MODEL_KEYS
from models.reports.openapi.shapes import array, nullable, number, obj, ref, text, truth
from models.reports.overview import SHARED


def other_schemas():
    """Schemas by name."""
    return {
        "Models": obj(
            "What the models are and what they reached.",
            models=array(
                ref("Model"),
                "The five, then the consensus.",
                minItems=len(MODEL_KEYS),
                maxItems=len(MODEL_KEYS),
            ),
            evaluation=obj(
                "What was measured and is not about one model; null where it was not.",
                **dict.fromkeys(SHARED, _report(["object", "array", "null"])),
            ),
            localiser=_report(),
            recognition=_report(),
            disclaimer=text("To be shown with the figures."),
        ),
        "Model": _model(),
        "Health": obj(
            "Whether all models answer, and uploads can be decoded.",
            status=text("unavailable: not all of that.", ("ok", "unavailable")),
            unavailable={
                "type": "object",
                "description": "What does not work, and why; ok, too, where it is no model and no decoder.",
                "propertyNames": {"enum": [*MODEL_KEYS, "decoder", *PARTS]},
                "additionalProperties": {"type": "string"},
            },
        ),
    }


def error_schema(codes):
    """An error: one of these codes, and a sentence."""
    sentence = text("One or two sentences for the person who sent the request.")
    error = obj(code=text("For programs.", codes), message=sentence)
    if "internal_server_error" in codes:
        error["properties"]["request_id"] = text("To find it in the server's log; as X-Request-Id.")
    return obj(error=error)


def _model():
    auc = "Area under the ROC curve on patients that did not train, {}; null where it was not measured."
    return obj(
        "A model.",
        key=text("The name for requests.", MODEL_KEYS),
        title=text("The name for people."),
        citation=text("The paper behind it."),
        available=truth("Whether it answers."),
        problem=nullable(text("Why it does not.")),
        auc=nullable(number(auc.format("stacks of slices"), 0, 1)),
        auc_low=nullable(number(auc.format("lower end of the 95 % interval"), 0, 1)),
        auc_high=nullable(number(auc.format("upper end of the 95 % interval"), 0, 1)),
        report=_report(),
        evaluation=_report(),
    )


def _report(kinds=("object", "null")):
    """What the training wrote; its parts differ with what was measured."""
    return {"type": list(kinds), "description": "As the training wrote it; null where it wrote nothing."}
