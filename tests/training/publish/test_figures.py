"""The figures in static/figures are what the command draws from the shipped weights/*.json."""

import copy
import json
import re

import matplotlib
import pytest

from app import ROOT
from training.publish.figures import SCHEMES, draw_histogram, draw_roc, main, plain

SHIPPED = ROOT / "static" / "figures"
NAMES = [f"{name}{ending}.svg" for name in ("roc", "reliability", "histogram") for ending in ("", "-dark")]
PINNED = re.search(r"^matplotlib==(\S+)$", (ROOT / "training" / "requirements.txt").read_text(), re.M)[1]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A folder into which the command has drawn."""
    folder = tmp_path_factory.mktemp("figures") / "new"
    main(["--weights", str(ROOT / "weights"), "--out", str(folder)])
    return folder


@pytest.fixture(scope="module")
def evaluation():
    return json.loads((ROOT / "weights" / "evaluation.json").read_text())


@pytest.fixture
def reports(evaluation):
    """Reports with two operating points each."""
    return {
        key: {"title": key, "threshold": 0.4, "high_sensitivity_threshold": 0.1}
        for key in evaluation["models"]
    }


def test_the_command_draws_what_is_shipped_and_nothing_else(drawn):
    assert sorted(path.name for path in drawn.iterdir()) == sorted(NAMES)
    assert sorted(path.name for path in SHIPPED.iterdir()) == sorted(NAMES)


@pytest.mark.skipif(matplotlib.__version__ != PINNED, reason="another matplotlib draws other bytes")
@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_figure_is_drawn_again_byte_for_byte(drawn, name):
    assert (drawn / name).read_bytes() == (SHIPPED / name).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_small_undated_and_needs_no_style_and_no_font(name):
    text = (SHIPPED / name).read_text(encoding="utf-8")
    assert len(text.encode()) < 120_000
    assert "style" not in text
    assert "<text" not in text
    assert "dc:date" not in text
    assert set(re.findall(r'(?:href|src)="(.)', text)) == {"#"}


def test_the_roc_figure_names_each_model_with_its_auc_the_consensus_first(evaluation, reports):
    axes = draw_roc(SCHEMES[""], evaluation, reports).axes[0]
    models = evaluation["models"]
    expected = [
        f"{key}: {models[key]['auc']:.3f} ({models[key]['auc_low']:.3f} to {models[key]['auc_high']:.3f})"
        for key in sorted(models, key=lambda key: key != "consensus")
    ]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == expected


def test_the_roc_figure_holds_six_curves_the_diagonal_and_two_operating_points(evaluation, reports):
    lines = draw_roc(SCHEMES[""], evaluation, reports).axes[0].get_lines()
    points = [line.get_xydata()[0].tolist() for line in lines if len(line.get_xydata()) == 1]
    result = evaluation["models"]["consensus"]
    at = [
        (result[name]["specificity"], result[name]["sensitivity"])
        for name in ("balanced", "high_sensitivity")
    ]
    assert points == [[1 - specificity, sensitivity] for specificity, sensitivity in at]
    assert len(lines) == 1 + 6 + 2


@pytest.mark.parametrize(
    ("missing", "points"),
    [((), ["balanced operating point", "high sensitivity operating point"]),
     (("high_sensitivity_threshold",), ["balanced operating point"])],
)  # fmt: skip
def test_the_histograms_mark_the_operating_points_that_the_reports_have(evaluation, reports, missing, points):
    for report in reports.values():
        for name in missing:
            del report[name]
    figure = draw_histogram(SCHEMES["-dark"], evaluation, reports)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["rated benign", "rated malignant", *points]
    assert [axes.get_title() for axes in figure.axes][0] == "consensus"
    assert len(figure.axes) == 6


def test_a_change_of_the_evaluation_changes_the_figure(drawn, evaluation, tmp_path):
    changed = copy.deepcopy(evaluation)
    changed["models"]["vgg16"]["calibration_error"] += 0.1
    (tmp_path / "evaluation.json").write_text(json.dumps(changed))
    for key in evaluation["models"]:
        (tmp_path / f"{key}.json").write_text((ROOT / "weights" / f"{key}.json").read_text())
    main(["--weights", str(tmp_path), "--out", str(tmp_path)])
    same = [name for name in NAMES if (tmp_path / name).read_bytes() == (drawn / name).read_bytes()]
    assert same == [name for name in NAMES if not name.startswith("reliability")]


def test_inline_styles_become_attributes_and_paths_are_rounded():
    svg = (
        '<svg width="2pt"><defs>\n  <style type="text/css">*{stroke-linejoin: round}</style>\n </defs>'
        '<path d="M 1.234567 2.000001 \nL -0.5 3 \nz\n" style="fill: none; stroke: #07b; stroke-width: 2"/>'
        "</svg>"
    )
    assert plain(svg) == (
        '<svg stroke-linejoin="round" stroke-linecap="butt" width="2pt">'
        '<path d="M 1.23 2 L -0.5 3 z" fill="none" stroke="#07b" stroke-width="2"/></svg>'
    )
