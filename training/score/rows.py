"""The columns of the scores, and a nodule's row."""

import traceback
from pathlib import Path

from models.errors import UserError
from models.inference.finding import Finding
from models.networks.registry import ARCHITECTURES
from models.networks.scales import DESCRIPTOR_SCALES
from models.reports.as_json import finding_as_json
from training.score.manifest import GIVEN, Nodule, Row

MEASURED = (
    *("long_axis_mm", "short_axis_mm", "volume_mm3", "solid_long_axis_mm"),
    *("largest_slice", "first_slice", "last_slice", "side"),
)
STAMP = ("weights", "localiser", "recognition", "app", "manifest")  # the same in all rows of one run
COLUMNS = {
    **dict.fromkeys(GIVEN, str),
    "used_row": float,
    "used_col": float,
    "used_slice": int,
    "source": str,
    "spacing_mm": float,
    "verdict": str,
    "probability": float,
    "nodule_probability": float,
    "threshold": float,
    **{f"probability_{key}": float for key in ARCHITECTURES},
    "long_axis_mm": float,
    "short_axis_mm": float,
    "volume_mm3": float,
    "solid_long_axis_mm": float,
    "largest_slice": int,
    "first_slice": int,
    "last_slice": int,
    "side": str,
    **dict.fromkeys(DESCRIPTOR_SCALES, float),
    "warnings": str,
    "error_code": str,
    "error": str,
    **dict.fromkeys(STAMP, str),
}


def row_of(nodule: Nodule, finding: Finding) -> Row:
    """The row of a nodule that was read; `STAMP` comes later."""
    answer = finding_as_json(finding)
    location = answer["nodule"]
    return {
        **_given(nodule),
        **{f"used_{name}": location[name] for name in ("row", "col", "slice")},
        "source": location["source"],
        "spacing_mm": answer["image"]["spacing_mm"],
        **{name: answer[name] for name in ("verdict", "probability", "nodule_probability", "threshold")},
        **{f"probability_{model['key']}": model["probability"] for model in answer["models"]},
        **{name: location[name] for name in MEASURED},
        **answer["characteristics"],
        "warnings": " ".join(warning["code"] for warning in answer["warnings"]),
    }


def failed_row(nodule: Nodule, error: Exception) -> Row:
    """The row of a nodule that could not be read, with nothing but the reason."""
    code, message = _reason(error)
    return _given(nodule) | {"error_code": code, "error": message}


def _given(nodule: Nodule) -> Row:
    return {name: nodule.fields[name] for name in GIVEN}


def _reason(error: Exception) -> tuple[str, str]:
    """Code and sentence; of an exception that nobody foresaw no text, which may quote a header."""
    if isinstance(error, UserError):
        return error.code, error.message
    if isinstance(error, FileNotFoundError):
        return "no_such_file", "There is no such file."
    if isinstance(error, OSError):
        return "unreadable", f"The file cannot be read: {error.strerror or type(error).__name__}."
    where = traceback.extract_tb(error.__traceback__)
    origin = f" in {Path(where[-1].filename).name}, line {where[-1].lineno}" if where else ""
    return "failed", f"{type(error).__name__}{origin}."
