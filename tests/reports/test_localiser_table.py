from models.reports.evaluation import localiser_table, recognition_table
from training.publish.words import TABLES

RESULT = {
    "nodules": 250,
    "patients": 80,
    "dice": 0.8406,
    "diameter_error_mm": {"median": 0.407, "bias": -0.2, "limits": [-3.06, 2.6]},
    "long_axis_error_mm": {"median": 0.77, "bias": -1.0, "limits": [-5.0, 3.1]},
    "readers": {"dice": 0.8404, "diameter_error_mm": {"median": 0.498, "bias": 0.0, "limits": [-2.04, 2.04]}},
}


def test_a_line_a_group():
    table = localiser_table({"measured": {"all": RESULT, "6 mm or more": RESULT}})
    assert [TABLES.heading(row) for row in table.rows] == ["All", "6 mm or more"]
    columns = [TABLES.column(table, column) for column in table.columns]
    row = table.rows[0]
    assert dict(zip(columns, [TABLES.heading(row), *map(TABLES.cell, row.cells)], strict=True)) == {
        "Kind": "All",
        "Nodules (patients)": "250 (80)",
        "Dice": "0.841",
        "Dice, readers": "0.840",
        "Diameter error: median (mm)": "0.41",
        "Diameter error: limits of agreement (mm)": "−3.1 to +2.6",
        "Diameter error, readers: median and limits (mm)": "0.50; −2.0 to +2.0",
        "Long axis error: median (mm)": "0.77",
    }


def test_what_was_not_measured_is_a_dash():
    table = localiser_table({"measured": {"all": {"nodules": 3, "readers": {"dice": None}}}})
    assert [TABLES.cell(cell) for cell in table.rows[0].cells] == ["3 (–)", "–", "–", "–", "–", "–; –", "–"]


def test_without_results_there_is_no_table():
    assert localiser_table({}) is None
    assert localiser_table({"thresholds": {}}) is None


def test_what_is_refused_has_a_line_a_kind():
    nodule = {"kind": "all", "n": 2010, "refused": 20, "low": 0.0051, "high": 0.0149}
    lung = {"kind": "lung", "n": 400, "refused": 360, "low": 0.86, "high": 0.93}
    table = recognition_table({"measured": {"thresholds": [], "nodules": [nodule], "locations": [lung]}})
    assert [(row.group, TABLES.heading(row), *map(TABLES.cell, row.cells)) for row in table.rows] == [
        ("nodules", "All", "2,010", "1 % (1 to 1 %)"),
        ("locations", "Lung", "400", "90 % (86 to 93 %)"),
    ]
    assert recognition_table({}) is None
