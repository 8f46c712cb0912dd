import re

import numpy as np
import pytest

from models.networks.registry import ARCHITECTURES
from tests.training.data.made_nodules import make_nodules
from training.evaluation.ahead import BEFORE, ahead
from training.evaluation.calibrate import with_consensus
from training.evaluation.evaluate import KEYS
from training.evaluation.predict import read_scores


@pytest.fixture
def earlier(tmp_path):
    """A function that writes version 0.5's scores of some nodules: the third network says the opposite."""

    def write(scores):
        lines = [f"{','.join(key)},{x},{x},{1 - x},{x},{x}" for key, x in scores.items()]
        path = tmp_path / "before.csv"
        path.write_text(
            "\n".join(["patient,nodule," + ",".join(f"{key}_score" for key in ARCHITECTURES), *lines])
        )
        return path

    return write


RATED = [[1], [5], [2], [4], [3], [1], [5], [5]]  # by P0 to P7


def ahead_of(before, indices, scores):
    nodules = make_nodules([f"P{n}" for n in range(8)], RATED, diameter_mm=np.arange(8) + 4.0)
    columns = np.repeat(np.array(scores)[:, None], 5, axis=1)
    return dict(zip(KEYS, ahead(nodules, np.array(indices), with_consensus(columns), before), strict=True))


def test_version_0_5_is_compared_on_what_it_had_not_seen(earlier, few_draws):
    known = {("P0", "nodule-0"): 0.6, ("P1", "nodule-1"): 0.5, ("P6", "nodule-6"): 0.7}
    known |= {("P2", "nodule-2"): 0.2, ("P4", "nodule-4"): 0.9}  # the last is indeterminate
    others = {("P9", "nodule-0"): 0.1, ("P1", "nodule-0"): 0.1}
    indices, scores = [7, 6, 5, 4, 3, 2, 1, 0], [0.9, 0.7, 0.1, 0.5, 0.2, 0.4, 0.8, 0.3]
    found = ahead_of(earlier(others | known), indices, scores)
    assert list(found) == list(KEYS)
    for key, leads in found.items():
        # P1 and P6 against P0 and P2: all four pairs in order, before three of them
        assert leads["version_0_5"]["value"] == pytest.approx(0.75 if key == "resnet" else 0.25)
        assert leads["version_0_5"]["n_nodules"] == 4
        # 0.9, 0.7, 0.2, 0.8 against 0.1, 0.4, 0.3: ten of twelve; 5, 7, 10, 11 mm against 4, 6, 9: nine
        assert leads["diameter"]["value"] == pytest.approx(10 / 12 - 9 / 12)
        assert leads["diameter"]["n_nodules"] == 7


@pytest.mark.parametrize("known", [{}, {("P1", "nodule-1"): 0.5, ("P4", "nodule-4"): 0.2}])
def test_nothing_is_said_of_version_0_5_where_nothing_can_be(earlier, few_draws, known):
    path = earlier(known | {("P9", "nodule-0"): 0.1})
    found = ahead_of(path, [0, 1, 4], [0.1, 0.5, 0.3])
    assert [list(leads) for leads in found.values()] == [["diameter"]] * 6


def test_the_shipped_scores_of_version_0_5_are_of_nodules_once():
    rows, scores = read_scores(BEFORE)
    assert len({(row["patient"], row["nodule"]) for row in rows}) == len(rows) == len(scores)
    assert all(re.fullmatch(r"LIDC-IDRI-\d{4}", row["patient"]) for row in rows)
    assert 0 < scores.min() < scores.max() < 1
