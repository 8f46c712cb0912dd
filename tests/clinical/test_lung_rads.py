"""The lines of the Lung-RADS v2022 table for nodules, and their limits."""

from dataclasses import replace

import pytest

from models.clinical.lung_rads import Category, LungRads, lung_rads
from models.clinical.terms import Refusal

CASE = LungRads(
    screening=True,
    exam="complete",
    nodule_type="solid",
    diameter_mm=7,
    benign="no",
    change="baseline",
    spiculation=False,
    suspicious=False,
)


def category(**changes):
    return lung_rads(replace(CASE, **changes)).category


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("baseline", {3: "2", 5.94: "2", 5.95: "3", 7.9: "3", 8: "4A", 14.9: "4A", 15: "4B"}),
        ("crossed", {5.9: "2", 6: "3", 7.9: "3", 8: "4A", 14.9: "4A", 15: "4B"}),
        ("new", {3.9: "2", 4: "3", 5.9: "3", 6: "4A", 7.9: "4A", 8: "4B"}),
        ("growing", {3: "4A", 7.9: "4A", 8: "4B"}),
        ("slow", {5: "4B", 9: "4B"}),
    ],
)
def test_solid_nodules(change, expected):
    assert {size: category(change=change, diameter_mm=size) for size in expected} == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [  # (total, solid component): category
        (
            "baseline",
            {(5.9, 4): "2", (6, 4): "3", (20, 5.9): "3", (20, 6): "4A", (20, 7.9): "4A", (20, 8): "4B"},
        ),
        ("crossed", {(6, 4): "3", (20, 6): "4A", (20, 8): "4B"}),
        ("new", {(5.9, 3): "3", (6, 3.9): "4A", (6, 4): "4B"}),
        ("growing", {(5.9, 3): "4A", (6, 3.9): "4A", (6, 4): "4B"}),
        ("slow", {(6, 3): "4B"}),
    ],
)
def test_part_solid_nodules(change, expected):
    case = {"nodule_type": "part-solid", "change": change}
    found = {(total, solid): category(diameter_mm=total, solid_mm=solid, **case) for total, solid in expected}
    assert found == expected


@pytest.mark.parametrize(
    ("change", "below_30", "from_30"),
    [("baseline", "2", "3"), ("new", "2", "3"), ("crossed", "2", "3"), ("slow", "2", "2")],
)
def test_ground_glass_nodules(change, below_30, from_30):
    found = [category(nodule_type="ground glass", change=change, diameter_mm=size) for size in (29.9, 30)]
    assert found == [below_30, from_30]


def test_growing_ground_glass():
    assert category(nodule_type="ground glass", change="growing", diameter_mm=29.9) == "2"
    with pytest.raises(Refusal) as refused:
        category(nodule_type="ground glass", change="growing", diameter_mm=30)
    assert refused.value.code == "no_line"


@pytest.mark.parametrize(("previous", "now"), [("2", "2"), ("3", "2"), ("4A", "3")])
@pytest.mark.parametrize("nodule_type", ["solid", "part-solid"])
def test_without_growth_a_nodule_steps_down(nodule_type, previous, now):
    changes = {"nodule_type": nodule_type, "solid_mm": 6, "diameter_mm": 9}
    assert category(change="stable", previous=previous, **changes) == now


def test_stable_ground_glass_is_category_2():
    assert category(nodule_type="ground glass", diameter_mm=35, change="stable", previous="3") == "2"


def test_after_4b_the_work_up_decides():
    with pytest.raises(Refusal) as refused:
        category(change="stable", previous="4B")
    assert refused.value.code == "after_4b"


def test_calcified_or_fat_is_negative():
    assert category(benign="calcified_or_fat", diameter_mm=20) == "1"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"diameter_mm": 9.9}, "2"),
        ({"diameter_mm": 9.9, "change": "new"}, "2"),
        ({"diameter_mm": 10}, "4A"),
        ({"diameter_mm": 9, "change": "growing"}, "4B"),
        ({"diameter_mm": 9, "nodule_type": "part-solid", "solid_mm": 7}, "4A"),
    ],
)
def test_juxtapleural_nodules(changes, expected):
    assert category(benign="juxtapleural", **changes) == expected


@pytest.mark.parametrize("feature", ["spiculation", "suspicious"])
def test_suspicious_features_make_4x_of_3_and_4_only(feature):
    found = [category(diameter_mm=size, **{feature: True}) for size in (5, 7, 9, 16)]
    assert found == ["2", "4X", "4X", "4X"]


@pytest.mark.parametrize(
    ("exam", "management"),
    [("prior_missing", "compare"), ("not_evaluable", "more_images"), ("infection", "ldct_1_3")],
)
def test_a_scan_that_cannot_be_judged_is_category_0(exam, management):
    assert lung_rads(replace(CASE, exam=exam)) == Category("0", management)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"benign": "calcified_or_fat"}, Category("1", "ldct_12")),
        ({"diameter_mm": 5}, Category("2", "ldct_12")),
        ({"diameter_mm": 7}, Category("3", "ldct_6")),
        ({"diameter_mm": 8}, Category("4A", "ldct_3", pet=True)),
        ({"diameter_mm": 7.9, "change": "new"}, Category("4A", "ldct_3", pet=False)),
        ({"diameter_mm": 15}, Category("4B", "workup", pet=True)),
        ({"diameter_mm": 7, "spiculation": True}, Category("4X", "workup", pet=False)),
        (
            {"nodule_type": "part-solid", "diameter_mm": 20, "solid_mm": 7.9},
            Category("4A", "ldct_3", pet=False),
        ),
        ({"nodule_type": "part-solid", "diameter_mm": 20, "solid_mm": 8}, Category("4B", "workup", pet=True)),
    ],
)
def test_management(changes, expected):
    assert lung_rads(replace(CASE, **changes)) == expected


def test_it_is_for_screening_only():
    with pytest.raises(Refusal) as refused:
        category(screening=False)
    assert refused.value.code == "not_screening"
