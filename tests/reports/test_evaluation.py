"""Figures of an evaluation in tables, and in the sentences that templates make of them."""

import pytest

from models.reports.evaluation import by_size, clicks, enlarged, performance, subgroups, tables_of
from models.reports.facts import figure_facts, in_short, nodules_measured
from models.reports.tables import EMPTY, Cell, difference, part
from training.publish.words import SENTENCES, TABLES

RESULT = {"auc": 0.93311, "auc_low": 0.89974, "auc_high": 0.96149}


def test_a_part_that_is_not_there_is_empty():
    assert part({"a": {"b": {"c": 1}}}, "a", "b") == {"c": 1}
    assert part({"a": None}, "a", "b") == part({}, "a") == part({"a": [1]}, "a") == {}


def test_nothing_is_said_where_nothing_was_measured():
    assert (nodules_measured({}, {}), in_short({}), figure_facts({})) == (None, {}, None)
    tables = tables_of({"consensus": "Consensus", "vgg16": "VGG16"}, {}, {})
    assert [name for name, table in tables.items() if table is None] == [
        "readers",
        "subgroups",
        "diagnoses",
        "robustness",
        "clicks",
        "enlarged",
    ]


def test_what_a_verdict_adds_is_told_by_size():
    looks = {"benign": {"nodules": 1085, "malignant": 6, "adds": False}}
    looks["malignant"] = {"nodules": 3, "malignant": 2, "adds": True}
    row = {"size_mm": [6, 8], "nodules": 1103, "malignant": 8, "recognised": 0, "verdicts": looks}
    report = {"models": {"consensus": [row, row | {"size_mm": [30.0, None]}]}}
    table = by_size(report)
    assert [TABLES.heading(row) for row in table.rows] == ["6–8", "> 30"]
    assert [TABLES.column(table, key) for key in table.columns] == [
        "Long axis (mm)",
        "Nodules",
        "Rated malignant",
        "Recognised",
        "Malignant of the benign-looking",
        "Malignant of the malignant-looking",
    ]
    assert [TABLES.cell(cell) for cell in table.rows[0].cells] == [
        "1,103",
        "8",
        "0",
        "6 of 1,085: adds nothing",
        "2 of 3",
    ]
    assert by_size({}) is None


def evaluation_with(**others):
    return {"models": {"consensus": RESULT}} | others


def said(name, evaluation):
    """A sentence about the consensus."""
    return SENTENCES.in_short(name, in_short(evaluation)[name])


def test_only_what_was_measured_is_said_in_short():
    assert list(in_short(evaluation_with())) == ["ranking"]
    assert said("ranking", evaluation_with()).endswith(
        "the malignant one the higher probability in 93 % of all such pairs: AUC 0.933 (0.900 to 0.961)."
    )


@pytest.mark.parametrize(
    ("deferred", "ending"), [({"accuracy": 0.61}, ", and would have been on 61 % of the others."), ({}, ".")]
)
def test_what_abstaining_gains(deferred, ending):
    rule = {"coverage": 0.8, "kept": {"accuracy": 0.91}, "deferred": deferred}
    evaluation = {"models": {"consensus": RESULT | {"abstention": rule}}}
    assert said("abstention", evaluation) == (
        "It calls 20 % of these nodules indeterminate. It is right on 91 % of those that get a verdict"
        + ending
    )


RULER = {"auc": 0.9162, "auc_low": 0.8742, "auc_high": 0.9531}
AHEAD = {"value": 0.0169, "low": 0.0041, "high": 0.0302, "n_nodules": 300}


@pytest.mark.parametrize(
    ("low", "ending"),
    [
        (0.0041, "The consensus is ahead of it by 0.017 (0.004 to 0.030)."),
        (
            0.0,
            "The consensus is ahead of it by 0.017 (0.000 to 0.030). "
            "That may be chance: much of the result could be had with a ruler.",
        ),
        (
            -0.0078,
            "The consensus is ahead of it by 0.017 (−0.008 to 0.030). "
            "That may be chance: much of the result could be had with a ruler.",
        ),
    ],
)
def test_the_ruler_is_put_beside_the_consensus(low, ending):
    evaluation = {
        "models": {"consensus": RESULT | {"ahead": {"diameter": AHEAD | {"low": low}}}},
        "baselines": {"diameter": RULER},
    }
    assert said("ruler", evaluation) == (
        f"The diameter alone, without any network, reaches AUC 0.916 (0.874 to 0.953). {ending}"
    )


@pytest.mark.parametrize(
    ("ahead", "baselines"), [({}, {"diameter": RULER}), ({"ahead": {"diameter": AHEAD}}, {})]
)
def test_of_the_ruler_nothing_is_said_unless_both_were_measured(ahead, baselines):
    assert list(in_short({"models": {"consensus": RESULT | ahead}, "baselines": baselines})) == ["ranking"]


def texts_of(table):
    """The heading and the cells of each row of a table."""
    return [[TABLES.heading(row), *(TABLES.cell(cell) for cell in row.cells)] for row in table.rows]


def columns_of(table):
    return [TABLES.column(table, key) for key in table.columns]


def test_a_difference_has_its_interval():
    assert difference(AHEAD) == Cell("interval", (0.0169, 0.0041, 0.0302))
    assert TABLES.cell(difference(AHEAD)) == "0.017 (0.004 to 0.030)"
    assert TABLES.cell(difference({})) == "–"


def test_each_model_is_held_against_the_diameter_and_the_networks_of_before():
    before = {"value": -0.0213, "low": -0.05, "high": 0.012, "n_nodules": 90}
    model = RESULT | {"ahead": {"diameter": AHEAD, "version_0_5": before}, "brier": 0.1}
    evaluation = {"models": {"consensus": model}, "baselines": {"diameter": RULER}}
    table = performance({"consensus": "Consensus", "vgg16": "VGG16"}, evaluation)
    assert columns_of(table) == [
        "Model",
        "AUC",
        "AUC, 3 or more readers",
        "Ahead of the diameter",
        "Ahead of version 0.5",
        "Brier score",
        "Calibration error",
    ]
    consensus, vgg16, ruler, _ = table.rows
    assert [TABLES.cell(cell) for cell in consensus.cells] == [
        "0.933 (0.900 to 0.961)",
        "–",
        "0.017 (0.004 to 0.030)",
        "−0.021 (−0.050 to 0.012)",
        "0.100",
        "–",
    ]
    assert [TABLES.cell(cell) for cell in vgg16.cells] == ["–"] * 6
    assert TABLES.cell(ruler.cells[0]) == "0.916 (0.874 to 0.953)"
    assert ruler.cells[2:] == (EMPTY,) * 4


CLICKS = {
    "n_nodules": 1100,
    "rows": [
        {"name": "anywhere in the outline", "other": 33, "share": 0.03}
        | {"share_low": 0.0207, "share_high": 0.0419},
        {"name": "spacing 20 % too small", "other": 0, "share": 0.0, "share_low": 0.0, "share_high": 0.0033},
    ],
    "enlarged": {
        "n_nodules": 30,
        "rows": [
            {"mm": 20, "n_nodules": 16, "benign": 1, "malignant": 10, "indeterminate": 5, "no_nodule": 0},
            {"mm": 80, "n_nodules": 30, "benign": 0, "malignant": 3, "indeterminate": 25, "no_nodule": 2},
        ],
    },
}


def test_another_click_is_told_with_the_share_of_other_verdicts():
    table = clicks({"clicks": CLICKS})
    assert TABLES.caption(table) == "Another click, or a wrong spacing (1,100 nodules)"
    assert columns_of(table) == ["Change", "Different verdict", "Share (95 % interval)"]
    assert texts_of(table) == [
        ["a click anywhere in the outline", "33", "3 % (2 to 4 %)"],
        ["spacing 20 % too small", "0", "0 % (0 to 0.3 %)"],
    ]


def test_verdicts_on_enlarged_lesions_are_counted_by_size():
    table = enlarged({"clicks": CLICKS})
    assert TABLES.caption(table) == "Large lesions (30 nodules rated malignant, enlarged)"
    assert columns_of(table) == [
        "Enlarged to",
        "Nodules",
        "Malignant-looking",
        "Indeterminate",
        "Benign-looking",
        "No nodule recognised",
    ]
    assert texts_of(table) == [["20 mm", "16", "10", "5", "1", "0"], ["80 mm", "30", "3", "25", "0", "2"]]


def group(name, n, malignant, sensitivity, specificity):
    rates = {} if malignant in (0, n) else {"sensitivity": sensitivity, "specificity": specificity}
    aucs = {"consensus": RESULT, "diameter": None}
    return {
        "heading": "Diameter",
        "name": name,
        "n_nodules": n,
        "n_malignant": malignant,
        "auc": aucs,
    } | rates


GROUPS = [
    group("below 6 mm", 92, 0, None, None),
    group("6 to 8 mm", 103, 8, 0.25, 0.94737),
    group("8 to 15 mm", 118, 47, 0.85, 0.68),
    group("above 30 mm", 15, 13, 1.0, 0.0),
]


def test_groups_in_which_most_are_missed_are_named():
    assert said("weak_spots", evaluation_with(subgroups=GROUPS)) == (
        "It recognises fewer than half of the malignant-rated ones here: diameter 6 to 8 mm (2 of 8). "
        "It recognises fewer than half of the benign-rated ones here: diameter above 30 mm (0 of 2)."
    )


def test_groups_with_few_cases_of_either_kind_are_flagged():
    rows = subgroups({"consensus": "Consensus"}, evaluation_with(subgroups=GROUPS)).rows
    assert [row.note for row in rows] == ["few", "few", "", "few"]
    nothing, auc = Cell("interval", (None, None, None)), Cell("interval", tuple(RESULT.values()))
    unknown = Cell("percent", (None,))
    assert rows[0].cells == (Cell("count_of", (92, 0)), auc, nothing, unknown, unknown)
    rates = Cell("percent", (0.85,)), Cell("percent", (0.68,))
    assert rows[2].cells == (Cell("count_of", (118, 47)), auc, nothing, *rates)


@pytest.mark.parametrize(
    ("n", "malignant", "ending"),
    [
        (30, 26, " Only 4 had no cancer: too few to say more."),
        (30, 3, " Only 3 had cancer: too few to say more."),
        (40, 20, ""),
    ],
)
def test_confirmed_diagnoses_with_the_number_of_patients(n, malignant, ending):
    ruler = {"auc": 0.875, "auc_low": 0.586, "auc_high": 1.0}
    diagnoses = {"n_patients": n, "n_malignant": malignant, "consensus": RESULT}
    diagnoses |= {"readers": RESULT, "diameter": ruler}
    assert said("diagnosed", evaluation_with(diagnoses=diagnoses)) == (
        f"Against confirmed diagnoses ({n} patients, {malignant} with cancer) it reaches AUC "
        "0.933 (0.900 to 0.961); the readers’ own ratings 0.933 (0.900 to 0.961), the diameter alone "
        f"0.875 (0.586 to 1.000).{ending}"
    )
