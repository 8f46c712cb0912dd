import numpy as np
import pytest

from models.imaging.field import GRID_MM, Grid
from models.inference.detection.candidates import Blob, Linking, best_of, blobs_in, link

GRID = Grid(10.0, 20.0, (64, 64), (GRID_MM, GRID_MM))


def disc(row, col, radius_mm, value=0.9):
    rows, cols = np.indices((64, 64))
    return np.where(np.hypot(rows - row, cols - col) * GRID_MM <= radius_mm, value, 0.0)


def blob(row, z, score=0.8, diameter=6.0):
    return Blob(row, 0.0, z, (row, 0.0), score, diameter)


def test_a_disc_is_one_candidate_with_place_size_and_score():
    (found,) = blobs_in(disc(30, 40, 4.0), GRID, 7)
    assert (found.row, found.col) == pytest.approx((40, 60))
    assert found.at_mm == pytest.approx((40 * GRID_MM, 60 * GRID_MM))
    assert found.slice == 7
    assert found.diameter_mm == pytest.approx(8.0, abs=0.3)
    assert found.score == pytest.approx(0.9)


def test_faint_and_tiny_places_are_none():
    assert blobs_in(disc(30, 40, 4.0, value=0.14), GRID, 0) == []
    assert blobs_in(disc(30, 40, 1.0), GRID, 0) == []


def test_the_score_is_that_of_the_best_pixels():
    probability = disc(30, 40, 8.0, value=0.4) + disc(30, 40, 1.5, value=0.5)
    (found,) = blobs_in(probability, GRID, 0)
    assert found.score == pytest.approx(0.9)
    assert found.diameter_mm == pytest.approx(16, abs=0.4)


def test_two_places_are_two_candidates():
    found = blobs_in(disc(15, 15, 3.0) + disc(45, 50, 5.0), GRID, 0)
    assert [(round(b.row), round(b.col)) for b in found] == [(25, 35), (55, 70)]


def test_blobs_above_one_another_are_one_chain():
    layers = [[blob(10, 0), blob(50, 0)], [blob(12, 2)], [], [blob(12, 6)], [blob(14, 8), blob(50, 8)]]
    chains = link(layers)
    assert sorted([(b.row, b.slice) for b in chain] for chain in chains) == [
        [(10, 0), (12, 2)],
        [(12, 6), (14, 8)],
        [(50, 0)],
        [(50, 8)],
    ]


def test_a_chain_goes_on_with_the_nearest_and_takes_one_blob_a_slice():
    chains = link([[blob(10, 0)], [blob(13, 2, score=0.5), blob(11, 2, score=0.9)]])
    assert [[b.row for b in chain] for chain in chains] == [[10, 11], [13]]


def test_a_large_blob_may_lie_farther_off():
    assert len(link([[blob(10, 0, diameter=30)], [blob(22, 2, diameter=30)]])) == 1
    assert len(link([[blob(10, 0)], [blob(22, 2)]])) == 2


def test_a_chain_stands_in_its_largest_good_slice():
    chain = [blob(1, 0, 0.70, 9.0), blob(2, 2, 0.90, 5.0), blob(3, 4, 0.85, 7.0)]
    assert best_of(chain).row == 3


def test_chains_are_given_as_soon_as_they_end():
    linking = Linking()
    assert linking.add([blob(10, 0), blob(50, 0)]) == []
    assert linking.add([blob(11, 1)]) == [[blob(50, 0)]]
    assert linking.end() == [[blob(10, 0), blob(11, 1)]]
