"""The localiser's model card from its report.

    python -m training.localiser.card [--weights weights]

Fills ``card.md`` and writes ``localiser.md``; every figure comes from ``localiser.json``.
"""

import json
from pathlib import Path
from string import Template

from models.imaging.field import GRID_MM, WINDOW_HU
from models.inference.finding import DISCLAIMER
from models.reports.evaluation import localiser_table
from training.arguments import parser_of
from training.localiser.evaluate import CLICK_MM
from training.publish.cards import markdown

CARD = Path(__file__).with_name("card.md")


def card(report: dict) -> str:
    """The card as Markdown."""
    recipe = report["training"]
    start = recipe.get("start", {})
    return Template(CARD.read_text(encoding="utf-8")).substitute(
        disclaimer=DISCLAIMER,
        citation=report["citation"],
        parameters=f"{report['parameters']:,}",
        megabytes=f"{report['bytes'] / 1e6:.1f}",
        grid_mm=GRID_MM,
        low=f"{WINDOW_HU[0]:.0f}",
        high=f"{WINDOW_HU[1]:.0f}",
        epochs=f"{start.get('epochs', 0)} and {recipe['epochs']}" if start else recipe["epochs"],
        minutes=f"{start.get('minutes', 0) + recipe['minutes']:.0f}",
        who="all patients" if recipe.get("everyone") else "train patients",
        click_mm=f"{CLICK_MM:g}",
        table=markdown(localiser_table(report)),
    )


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "weights")
    args = parser.parse_args(argv)
    folder = args.weights
    report = json.loads((folder / "localiser.json").read_text())
    (folder / "localiser.md").write_text(card(report), encoding="utf-8")
    print(f"{folder / 'localiser.md'} written")


if __name__ == "__main__":
    main()
