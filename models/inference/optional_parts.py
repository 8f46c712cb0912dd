"""What the models answer without, though worse."""

from models.inference import weights_reports
from models.inference.evaluation_report import EvaluationReport

PARTS: dict[str, tuple[type, str]] = {  # by name: the form of its report, and what is lost with it
    "evaluation": (EvaluationReport, "There are no measured results"),
    "saliency": (weights_reports.SaliencyReport, "Answers cannot be explained"),
    "cases": (weights_reports.CasesReport, "Similar cases cannot be told"),
    "localiser": (weights_reports.LocaliserReport, "Nodules cannot be outlined"),
    "finder": (weights_reports.FinderReport, "Nodules cannot be looked for"),
    "reliability": (weights_reports.ReliabilityReport, "What a verdict is worth at a size cannot be told"),
    "volumes": (weights_reports.VolumesReport, "How far sizes are off cannot be told"),
    "recognition": (weights_reports.RecognitionReport, "Locations without a nodule cannot be told"),
}
MAY_BE_ABSENT = (
    "recognition",
    "reliability",
    "volumes",
)  # not lost where the folder neither has nor lists them
