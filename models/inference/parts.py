"""What the models answer without, though worse."""

from models.inference import reports
from models.inference.evaluation_report import EvaluationReport

PARTS = {  # by name: the form of its report, and what is lost with it
    "evaluation": (EvaluationReport, "There are no measured results"),
    "saliency": (reports.SaliencyReport, "Answers cannot be explained"),
    "cases": (reports.CasesReport, "Similar cases cannot be told"),
    "localiser": (reports.LocaliserReport, "Nodules cannot be looked for or outlined"),
    "reliability": (reports.ReliabilityReport, "What a verdict is worth at a size cannot be told"),
    "recognition": (reports.RecognitionReport, "Locations without a nodule cannot be told"),
}
MAY_BE_ABSENT = ("recognition", "reliability")  # not lost where the folder neither has nor lists them
