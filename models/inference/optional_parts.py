"""What the models answer without, though worse."""

from models.inference import weights_reports
from models.inference.evaluation_report import EvaluationReport

PARTS: dict[str, tuple[type, str]] = {  # by name: the form of its report, and what is lost with it
    "evaluation": (EvaluationReport, "There are no measured results"),
    "saliency": (weights_reports.SaliencyReport, "Saliency maps are not available"),
    "cases": (weights_reports.CasesReport, "Similar cases are not available"),
    "localiser": (weights_reports.LocaliserReport, "Nodules cannot be outlined"),
    "finder": (weights_reports.FinderReport, "The app cannot search for nodules"),
    "reliability": (
        weights_reports.ReliabilityReport,
        "The reliability of verdicts by size is not available",
    ),
    "volumes": (weights_reports.VolumesReport, "The errors of sizes are not available"),
    "recognition": (weights_reports.RecognitionReport, "Locations without a nodule cannot be recognised"),
}
MAY_BE_ABSENT = (
    "recognition",
    "reliability",
    "volumes",
)  # not lost where the folder neither has nor lists them
