"""Figures of an evaluation in tables, and in the sentences that templates make of them."""

import pytest

from models.reports.evaluation import by_size, subgroups, tables_of
from models.reports.facts import figure_facts, in_short, nodules_measured
from models.reports.tables import Cell, part
from training.publish.words import SENTENCES, TABLES

STACK = {"auc": 0.93311, "auc_low": 0.89974, "auc_high": 0.96149}


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
    ]


def test_what_a_verdict_adds_is_told_by_size():
    looks = {"benign": {"nodules": 1085, "malignant": 6, "adds": False}}
    looks["malignant"] = {"nodules": 3, "malignant": 2, "adds": True}
    row = {"size_mm": [6, 8], "nodules": 1103, "malignant": 8, "recognised": 0, "verdicts": looks}
    report = {"models": {"consensus": {"stack": [row, row | {"size_mm": [30.0, None]}]}}}
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
    return {"models": {"consensus": {"stack": STACK}}} | others


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
    evaluation = {"models": {"consensus": {"stack": STACK | {"abstention": rule}}}}
    assert said("abstention", evaluation) == (
        "It calls 20 % of these nodules indeterminate. It is right on 91 % of those that get a verdict"
        + ending
    )


@pytest.mark.parametrize(
    ("ruler", "sentence"),
    [
        (
            {"auc": 0.9162, "auc_low": 0.8742, "auc_high": 0.9531},
            "The diameter alone, without any network, reaches AUC 0.916 (0.874 to 0.953). "
            "The two intervals overlap: much of the result could be had with a ruler.",
        ),
        (
            {"auc": 0.8, "auc_low": 0.75, "auc_high": 0.85},
            "The diameter alone, without any network, reaches AUC 0.800 (0.750 to 0.850).",
        ),
    ],
)
def test_the_ruler_is_put_beside_the_consensus(ruler, sentence):
    assert said("ruler", evaluation_with(baselines={"diameter": ruler})) == sentence


def group(name, n, malignant, sensitivity, specificity):
    rates = {} if malignant in (0, n) else {"sensitivity": sensitivity, "specificity": specificity}
    aucs = {"consensus": STACK, "diameter": None}
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
    nothing, auc = Cell("interval", (None, None, None)), Cell("interval", tuple(STACK.values()))
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
    diagnoses = {"n_patients": n, "n_malignant": malignant, "consensus": STACK}
    diagnoses |= {"readers": STACK, "diameter": ruler}
    assert said("diagnosed", evaluation_with(diagnoses=diagnoses)) == (
        f"Against confirmed diagnoses ({n} patients, {malignant} with cancer) it reaches AUC "
        "0.933 (0.900 to 0.961); the readers’ own ratings 0.933 (0.900 to 0.961), the diameter alone "
        f"0.875 (0.586 to 1.000).{ending}"
    )
