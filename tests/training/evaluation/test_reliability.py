"""What a verdict adds to the size: counted, with exact intervals, and as shipped."""

import json

import numpy as np
import pytest

from app import ROOT
from models.inference.reliability import SIZES_MM, group_of
from models.networks.registry import ARCHITECTURES
from training.evaluation.calibrate import Answers
from training.evaluation.evaluate import KEYS
from training.evaluation.reliability import reliability_table

WEIGHTS = ROOT / "weights"


def table_of(diameters, labels, called, deferred):
    """The rows of one model that called and deferred these."""
    column = np.array(called, bool)[:, None], np.array(deferred, bool)[:, None]
    given = Answers(None, None, column[0], None, column[1])
    table = reliability_table(np.array(diameters), np.array(labels), given, ("vgg16",))
    return table["models"]["vgg16"]


def test_verdicts_are_counted_by_size():
    diameters = [5, 5, 7, 7, 7, 7, 7, 40]
    rows = table_of(diameters, [0, 1, 1, 1, 1, 0, -1, 1], [0, 1, 1, 1, 0, 0, 1, 0], [0, 0, 0, 1, 0, 0, 0, 1])
    assert [tuple(row["size_mm"]) for row in rows] == list(SIZES_MM)
    counts = [(row["nodules"], row["malignant"], row["recognised"]) for row in rows]
    assert counts == [(2, 1, 1), (4, 3, 1), *[(0, 0, 0)] * 4, (1, 1, 0)]
    given = {name: (v["nodules"], v["malignant"]) for name, v in rows[1]["verdicts"].items()}
    assert given == {"benign": (2, 1), "malignant": (1, 1)}


def test_each_model_has_its_own_column():
    called, deferred = np.array([[0, 1]] * 3, bool), np.array([[0, 0], [0, 0], [0, 1]], bool)
    given = Answers(None, None, called, None, deferred)
    found = reliability_table(np.full(3, 5.0), np.array([1, 0, 1]), given, ("vgg16", "consensus"))["models"]
    assert {key: rows[0]["recognised"] for key, rows in found.items()} == {"vgg16": 0, "consensus": 1}
    assert found["vgg16"][0]["verdicts"]["benign"]["nodules"] == 3


def test_an_interval_is_that_of_clopper_and_pearson():
    rows = table_of([12] * 30, [0] * 11 + [1] * 19, [0] * 11 + [1] * 19, [0] * 30)
    benign, malignant = (rows[3]["verdicts"][name] for name in ("benign", "malignant"))
    # none of 11: 1 - (alpha / 2)^(1/n); all of 19: (alpha / 2)^(1/n)
    assert (benign["low"], benign["high"]) == (0, pytest.approx(1 - 0.025 ** (1 / 11)))
    assert (malignant["low"], malignant["high"]) == (pytest.approx(0.025 ** (1 / 19)), 1)
    assert (benign["adds"], malignant["adds"]) == (True, True)  # the share of the size is 0.63


@pytest.mark.parametrize(("n", "adds"), [(1, False), (3, False), (20, True)])
def test_few_answers_add_nothing(n, adds):
    rows = table_of([12] * 2 * n, [0] * n + [1] * n, [0] * n + [1] * n, [0] * 2 * n)
    assert [verdict["adds"] for verdict in rows[3]["verdicts"].values()] == [adds, adds]


def test_a_verdict_that_was_never_given_adds_nothing():
    row = table_of([12] * 4, [0, 0, 1, 1], [0] * 4, [0] * 4)[3]
    empty = {"nodules": 0, "malignant": 0, "low": 0.0, "high": 1.0, "adds": False}
    assert row["verdicts"]["malignant"] == empty


def test_a_look_that_misleads_adds_nothing():
    """Benign answers to the malignant ones, and the other way round."""
    rows = table_of([12] * 40, [1] * 20 + [0] * 20, [0] * 20 + [1] * 20, [0] * 40)
    assert [verdict["adds"] for verdict in rows[3]["verdicts"].values()] == [False, False]


def test_the_shipped_table_counts_the_nodules_of_the_shipped_evaluation():
    shipped = json.loads((WEIGHTS / "reliability.json").read_text())["models"]
    data = json.loads((WEIGHTS / "evaluation.json").read_text())["data"]
    assert set(shipped) == set(KEYS) == {*ARCHITECTURES, "consensus"}
    for rows in shipped.values():
        assert [group_of(row["size_mm"][0] + 1e-3) for row in rows] == list(range(len(SIZES_MM)))
        assert sum(row["nodules"] for row in rows) == data["n_benign"] + data["n_malignant"]
        assert sum(row["malignant"] for row in rows) == data["n_malignant"]
        for row in rows:
            assert row["recognised"] == row["verdicts"]["malignant"]["malignant"]
