"""The figures of the page of the models: ROC curves, reliability diagrams, histograms of the probabilities.

    python -m training.publish.figures [--weights weights] [--out static/figures]

Reads ``evaluation.json`` and the reports beside it; needs neither images nor networks. Each figure comes
as two SVG files, for light and for dark pages. The same matplotlib writes the same bytes.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from models.inference.classifier import CONSENSUS
from models.reports.evaluation import THRESHOLDS
from training.arguments import parser_of
from training.intervals import wilson
from training.publish.words import NUMBERS

# Okabe and Ito's colours, which the colour-blind can tell apart: https://jfly.uni-koeln.de/color/
Colours = dict[str, str]
LINES = ("#d55e00", "#009e73", "#cc79a7", "#e69f00")
SCHEMES = {  # by the end of the file's name
    "": {"ink": "#16232b", "soft": "#51626c", "blue": "#0072b2", "orange": "#d55e00", "card": "#ffffff"},
    "-dark": {"ink": "#e7eef1", "soft": "#a9b8c0", "blue": "#56b4e9", "orange": "#e69f00", "card": "#192329"},
}
DASHES = ("-", (0, (5, 1.5)), (0, (3, 1.2, 1, 1.2)), (0, (1.5, 1)), (0, (7, 1.5, 1, 1.5, 1, 1.5)))
MARKERS = {"balanced": "o", "high_sensitivity": "D"}
RECIPE = {
    "svg.fonttype": "path",  # looks the same where the font is missing
    "svg.hashsalt": "nodules",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.solid_capstyle": "round",
    "path.simplify": False,
}


def draw_roc(colours: Colours, evaluation: dict, reports: dict[str, dict]) -> Figure:
    """ROC curves of all models, the consensus in front with its band and its two operating points."""
    figure = Figure((5.4, 5.4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=colours["soft"], linewidth=0.8, linestyle=":")
    models = evaluation["models"]
    line_colours = iter((colours["ink"], *LINES))
    for dash, (key, model) in zip((None, *DASHES), _consensus_first(models), strict=False):
        roc, is_consensus = model["curves"]["roc"], key == CONSENSUS
        style: dict[str, Any] = {"color": colours["blue"], "linewidth": 2.6, "zorder": 4}
        if not is_consensus:
            style = {"color": next(line_colours), "linewidth": 1.1, "linestyle": dash, "zorder": 3}
        axes.plot(*_from_origin(roc), label=f"{reports[key]['title']}: {NUMBERS.interval(model)}", **style)
        if is_consensus:
            band = roc["false_positive"], roc["low"], roc["high"]
            axes.fill_between(*band, color=colours["blue"], alpha=0.18, linewidth=0)
    _mark_points(axes, models[CONSENSUS], colours)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.set_xlabel("1 − specificity (benign-rated nodules called malignant)")
    axes.set_ylabel("Sensitivity (malignant-rated nodules called malignant)")
    axes.legend(loc="lower right", title="AUC (95 % interval)", alignment="left", title_fontsize=8)
    return figure


def _consensus_first(models: dict[str, dict]) -> list[tuple[str, dict]]:
    return sorted(models.items(), key=lambda item: item[0] != CONSENSUS)


def _from_origin(roc: dict[str, list[float]]) -> tuple[list[float], list[float]]:
    return [0, *roc["false_positive"]], [0, *roc["true_positive"]]


def _mark_points(axes: Axes, result: dict, colours: Colours) -> None:
    for name, marker in MARKERS.items():
        at = 1 - result[name]["specificity"], result[name]["sensitivity"]
        axes.plot(*at, marker, markersize=8, color=colours["ink"], markeredgecolor=colours["card"], zorder=5)
        text = f"{name.replace('_', ' ')}\noperating point"
        axes.annotate(text, at, (14, -6), textcoords="offset points", va="top", fontsize=8)


def draw_reliability(colours: Colours, evaluation: dict, reports: dict[str, dict]) -> Figure:
    """Reliability diagrams: in bins of equal mass, the share of malignant ratings against the probability."""
    figure, panels = _panels(evaluation["models"], reports, (9, 6.4))
    for axes, _, model in panels:
        bins = model["curves"]["reliability"]
        predicted, observed = (np.array([part[name] for part in bins]) for name in ("predicted", "observed"))
        bars = np.abs(np.array([wilson(part["observed"], part["n"]) for part in bins]).T - observed)
        axes.plot([0, 1], [0, 1], color=colours["soft"], linewidth=0.8, linestyle=":")
        axes.errorbar(
            predicted, observed, bars, color=colours["blue"], fmt="o-", markersize=4, elinewidth=0.8
        )
        text = f"calibration error {NUMBERS.number(model['calibration_error'])}"
        axes.text(1.0, 0.03, text, ha="right", fontsize=8)
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    figure.supxlabel("Probability given", fontsize=9)
    figure.supylabel("Share rated malignant", fontsize=9)
    return figure


def draw_histogram(colours: Colours, evaluation: dict, reports: dict[str, dict]) -> Figure:
    """How many benign (upwards) and malignant nodules (downwards) got which probability."""
    figure, panels = _panels(evaluation["models"], reports, (9, 5.2))
    histograms = [model["curves"]["histogram"] for *_, model in panels]
    top, bottom = (max(max(h[name]) for h in histograms) for name in ("benign", "malignant"))
    for axes, key, model in panels:
        histogram = model["curves"]["histogram"]
        for name, sign, colour in (("benign", 1, "blue"), ("malignant", -1, "orange")):
            heights = sign * np.array(histogram[name])
            axes.stairs(heights, histogram["edges"], fill=True, color=colours[colour], label=f"rated {name}")
        axes.axhline(0, color=colours["soft"], linewidth=0.8)
        _mark_thresholds(axes, reports[key], 1.07 * top, colours)
        axes.set(xlim=(0, 1), ylim=(-1.1 * bottom, 1.15 * top))
        axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(6, integer=True))
        axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    figure.supxlabel("Probability given", fontsize=9)
    figure.supylabel("Nodules", fontsize=9)
    return figure


def _mark_thresholds(axes: Axes, report: dict, height: float, colours: Colours) -> None:
    for name, marker in MARKERS.items():
        if (threshold := report.get(THRESHOLDS[name])) is not None:
            label = f"{name.replace('_', ' ')} operating point"
            axes.axvline(threshold, color=colours["ink"], linewidth=0.9, linestyle=(0, (3, 2)))
            axes.plot(threshold, height, marker, color=colours["ink"], markersize=5, label=label)


def _panels(
    models: dict[str, dict], reports: dict[str, dict], size: tuple[float, float]
) -> tuple[Figure, list[tuple[Axes, str, dict]]]:
    """A figure of two rows of three panels; each panel with its key and model, the consensus first."""
    figure = Figure(size, layout=ConstrainedLayoutEngine(w_pad=0.09, h_pad=0.06))
    axes = figure.subplots(2, 3, sharex=True, sharey=True).flat
    panels = [(panel, *item) for panel, item in zip(axes, _consensus_first(models), strict=True)]
    for panel, key, _ in panels:
        panel.set_title(reports[key]["title"], fontweight="bold" if key == CONSENSUS else "normal")
    return figure, panels


FIGURES = {"roc": draw_roc, "reliability": draw_reliability, "histogram": draw_histogram}


def as_svg(
    draw: Callable[[Colours, dict, dict[str, dict]], Figure],
    colours: Colours,
    evaluation: dict,
    reports: dict[str, dict],
    path: Path,
) -> None:
    """Draw in the colours of one scheme and write the file."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        inked = ("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor")
        soft = ("axes.edgecolor", "xtick.color", "ytick.color")
        settings: dict = matplotlib.rcParams
        settings.update(RECIPE | dict.fromkeys(inked, colours["ink"]))
        settings.update(dict.fromkeys(soft, colours["soft"]))
        figure = draw(colours, evaluation, reports)
        figure.savefig(path, metadata={"Date": None}, transparent=True)
    path.write_text(plain(path.read_text(encoding="utf-8")), encoding="utf-8")


def plain(svg: str) -> str:
    """The same SVG, smaller, and without inline styles, which the app's content security policy forbids."""
    svg = re.sub(r"\s*<defs>\s*<style.*?</style>\s*</defs>", "", svg, flags=re.S)
    svg = svg.replace("<svg ", '<svg stroke-linejoin="round" stroke-linecap="butt" ', 1)
    svg = re.sub(
        r'style="([^"]*)"',
        lambda style: re.sub(r"([\w-]+): ([^;]+)(; ?)?", r'\1="\2" ', style[1]).strip(),
        svg,
    )
    return re.sub(r'(?<= d=")[^"]+', lambda path: _shorter(path[0]), svg)


def _shorter(path: str) -> str:
    rounded = re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), path)
    return " ".join(rounded.split())


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "weights")
    parser.add_argument("--out", default="static/figures", type=Path)
    args = parser.parse_args(argv)
    evaluation = json.loads((args.weights / "evaluation.json").read_text())
    reports = {key: json.loads((args.weights / f"{key}.json").read_text()) for key in evaluation["models"]}
    args.out.mkdir(parents=True, exist_ok=True)
    for name, draw in FIGURES.items():
        for ending, colours in SCHEMES.items():
            as_svg(draw, colours, evaluation, reports, args.out / f"{name}{ending}.svg")


if __name__ == "__main__":
    main()
