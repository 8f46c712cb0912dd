"""The files that results go into: reports and evaluation in weights/, the table in the README."""

import json
import math
from pathlib import Path

from models.inference.classifier import CONSENSUS
from models.networks.registry import ARCHITECTURES
from training.publish.words import NUMBERS

README_MARKS = ("<!-- results -->", "<!-- /results -->")
DIGITS = 5


def write_json(path: Path, content: dict) -> None:
    """A dict as JSON with rounded numbers; NaN becomes null, which every reader of JSON understands."""
    path.write_text(json.dumps(_rounded(content), indent=1, allow_nan=False) + "\n")


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    return value


def write_report(folder: Path, key: str, **changes: object) -> None:
    """Change entries of ``<key>.json``."""
    path = folder / f"{key}.json"
    report = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(report | changes, indent=2) + "\n")


def table(weights: Path) -> str:
    """The results as a Markdown table, from ``evaluation.json`` in `weights`."""
    evaluation = json.loads((weights / "evaluation.json").read_text())
    titles = {key: row.title for key, row in ARCHITECTURES.items()} | {CONSENSUS: "Consensus"}
    lines = [
        "| | AUC (95 % interval) | 3 or more readers | ahead of the diameter | calibration error "
        "| sensitivity | specificity |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for key, title in titles.items():
        result = evaluation["models"][key]
        point, ahead = result["balanced"], result["ahead"]["diameter"]
        cells = [NUMBERS.interval(result), NUMBERS.interval(result["three_readers"])]
        cells.append(NUMBERS.between(*(ahead[name] for name in ("value", "low", "high"))))
        cells += [
            f"{x:.3f}" for x in (result["calibration_error"], point["sensitivity"], point["specificity"])
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    for key, title in (("diameter", "diameter alone"), ("descriptors", "readers' own descriptors")):
        row = evaluation["baselines"][key]
        lines.append(
            f"| {title} | {NUMBERS.interval(row)} | {NUMBERS.interval(row['three_readers'])} | | | | |"
        )
    data, measured = evaluation["data"], evaluation["models"][CONSENSUS]
    lines += [
        "",
        f"{measured['n_nodules']:,} nodules ({measured['n_malignant']} rated malignant) of "
        f"{measured['n_patients']:,} patients, each held out once ({data['folds']} folds). The other "
        f"{data['n_indeterminate']} nodules",
        f"of the {data['n_patients']} patients were rated in between and are left out.",
    ]
    return "\n".join(lines)


def write_readme(path: Path, weights: Path) -> None:
    """Put the table between the marks of a Markdown file."""
    begin, end = README_MARKS
    head, rest = path.read_text().split(begin)
    path.write_text(f"{head}{begin}\n{table(weights)}\n{end}{rest.split(end)[1]}")
