"""Model cards (Mitchell et al., FAT* 2019) from the JSON files of the weights.

    python -m training.publish.cards [--weights weights]

Fills ``card.md`` for the five models and the consensus and writes ``<key>.md`` beside ``evaluation.json``
and the reports, from which every figure comes; needs neither images nor networks. The same files give the
same cards.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path, PureWindowsPath
from string import Template

from models.imaging.patch import CLOSE_MM, PATCH, WIDE_MM
from models.inference.classifier import CONSENSUS
from models.inference.finding import DISCLAIMER
from models.reports import evaluation as tables
from models.reports.evaluation import FEW
from models.reports.facts import nodules_measured
from models.reports.tables import Table, part
from training.arguments import parser_of
from training.data.dataset import BENIGN_AT_MOST, MALIGNANT_AT_LEAST
from training.publish.words import NUMBERS, SENTENCES, TABLES

CARD = Path(__file__).with_name("card.md")
NOT_MEASURED = "Not measured."


def card(key: str, reports: dict[str, dict], evaluation: dict) -> str:
    """The card of one model, or of the consensus, as Markdown.

    Parameters
    ----------
    reports : dict of str to dict
        Of ``<key>.json``, of all six.
    evaluation : dict
        Of ``evaluation.json``.
    """
    report = reports[key]
    return Template(CARD.read_text(encoding="utf-8")).substitute(
        data_values(evaluation["data"]),
        **{name: markdown(table) for name, table in shown(key, reports, evaluation).items()},
        title=report["title"],
        disclaimer=DISCLAIMER,
        model=consensus_text(reports) if key == CONSENSUS else model_text(key, report),
        training=training_text(key, report),
        measured=SENTENCES.measured(nodules_measured(reports, evaluation)),
        choices=bullets(choices(report)),
        few=FEW,
        citation=f"- {report['citation']}\n" if "citation" in report else "",
    )


def shown(key: str, reports: dict[str, dict], evaluation: dict) -> dict[str, Table | None]:
    """The tables of a card by placeholder: of its model; on the card of the consensus, next to the five."""
    own = {key: reports[key]["title"]}
    titles = {k: report["title"] for k, report in reports.items()} if key == CONSENSUS else own
    return {
        "performance": tables.performance(titles, evaluation),
        "readers": tables.one_reader(titles, evaluation),
        "points": tables.operating_points(own, reports, evaluation),
        "abstention": tables.abstention(own, evaluation),
        "subgroups": tables.subgroups(own, evaluation),
        "diagnoses": tables.diagnoses(titles, evaluation),
        "robustness": tables.robustness(evaluation),
    }


def data_values(data: dict) -> dict[str, object]:
    """What the card says of data and preprocessing, by placeholder."""
    names = ("n_patients_in_all", "n_nodules", "n_patients", "n_benign", "n_malignant", "n_indeterminate")
    low, high = PATCH.percentiles
    return {name: NUMBERS.count(data.get(name)) for name in names} | {
        "folds": NUMBERS.count(data.get("folds")),
        "benign": BENIGN_AT_MOST,
        "malignant": MALIGNANT_AT_LEAST,
        "pixels": PATCH.pixels,
        "close_mm": f"{CLOSE_MM:g}",
        "wide_mm": f"{WIDE_MM:g}",
        "low": f"{low:g}",
        "high": f"{high:g}",
    }


def model_text(key: str, report: dict) -> str:
    """Network, file, size and checksum of one model."""
    parameters, size = (NUMBERS.count(report[name]) for name in ("parameters", "bytes"))
    return bullets(
        {
            "Network": f"{report['title']} ({report['citation']}), {parameters} parameters",
            "File": f"`{key}.weights.h5`, {size} bytes, float16",
            "SHA-256": f"`{report['sha256']}`",
            "Rounding to float16": "moves the probability of a rating by at most "
            f"{report['float16_largest_shift']:.1g} (drawn nodules)",
            "Outputs": "shares of the ratings 1 to 5, whose mean is the score; seven descriptors; diameter",
        }
    )


def consensus_text(reports: dict[str, dict]) -> str:
    """What the consensus is made of."""
    rows = {
        r["title"]: f"`{k}.weights.h5`, SHA-256 `{r['sha256']}`" for k, r in reports.items() if "sha256" in r
    }
    head = "The mean of the five models' answers, calibrated as a whole. It has no weights of its own:"
    return f"{head}\n\n{bullets(rows)}"


def training_text(key: str, report: dict) -> str:
    """How the weights came about, whatever the report holds of it."""
    if key == CONSENSUS:
        return "See the cards of the five models. Of its own, the consensus has the choices below."
    recipe = part(report, "training")
    everyone = "on all patients, after the recipe was measured on the folds above"
    side = everyone if recipe.get("everyone") else "without the patients of one fold"
    return f"Trained {side}; `training/README.md` explains the recipe.\n\n{bullets(recipe)}"


def choices(report: dict) -> dict[str, str]:
    """Calibration, thresholds and rule of abstention, as the app uses them."""
    rows = {}
    for name in ("calibration", "abstention"):
        values = part(report, name)
        listed = ", ".join(f"{k} {v:.4f}" for k, v in values.items())
        rows[name.capitalize()] = listed or NUMBERS.number(None)
    for point, threshold in tables.THRESHOLDS.items():
        rows[f"{TABLES.name(point)} threshold"] = NUMBERS.number(report.get(threshold), 4)
    return rows


def bullets(values: Mapping, indent: str = "") -> str:
    """A dict as a Markdown list; a dict within it as a list within the list."""
    lines = []
    for name, value in values.items():
        name = name.replace("_", " ")
        if isinstance(value, dict):
            lines += [f"{indent}- {name}:", bullets(value, indent + "  ")]
        else:
            lines.append(f"{indent}- {name}: {plain(value)}")
    return "\n".join(lines)


def plain(value: object) -> str:
    """A value of a recipe for people; of a path only its last part, which means something elsewhere."""
    if isinstance(value, bool) or value is None:
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = str(value)
    return PureWindowsPath(text).name if text.startswith(("/", "\\")) or ":\\" in text else text


def markdown(table: Table | None) -> str:
    """A table as Markdown; None becomes a sentence."""
    if table is None:
        return NOT_MEASURED
    columns = [TABLES.column(table, column) for column in table.columns]
    lines = [line(columns), line(["---", *["---:"] * (len(columns) - 1)])]
    group = ""
    for row in table.rows:
        if row.group != group:
            group = row.group
            lines.append(line([f"**{TABLES.name(group)}**", *[""] * len(row.cells)]))
        heading = TABLES.heading(row) + (f" ({TABLES.name(row.note)})" if row.note else "")
        lines.append(line([heading, *map(TABLES.cell, row.cells)]))
    return "\n".join([f"{TABLES.caption(table)}.", "", *lines])


def line(cells: Iterable[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "weights")
    args = parser.parse_args(argv)
    evaluation = json.loads((args.weights / "evaluation.json").read_text())
    keys = sorted(evaluation["models"], key=lambda key: key != CONSENSUS)
    reports = {key: json.loads((args.weights / f"{key}.json").read_text()) for key in keys}
    for key in keys:
        (args.weights / f"{key}.md").write_text(card(key, reports, evaluation), encoding="utf-8")


if __name__ == "__main__":
    main()
