from dataclasses import replace

import numpy as np
import pytest

from models.errors import UserError
from models.imaging.lung import lung_mask
from models.imaging.scan import Scan
from models.inference.detection.candidates import best_of
from models.inference.detection.search import (
    MOST,
    SCALES,
    Cancelled,
    search,
    search_all,
    slices_to_search,
    suggest,
)
from models.inference.runtime.parallel import CORES
from tests.inference.detection.made_finder import BrightPlaces
from tests.ingest.dicom_files import chest_slice


def with_nodules(*places, n=1, spacing_z=None, radius=6, **changed):
    """Lung everywhere but for bright balls at (slice, row, col); 256 x 256 pixels, too small for a chest."""
    hu = np.full((n, 256, 256), -850, np.int16)
    z, rows, cols = np.indices(hu.shape)
    for place in places:
        off = (z - place[0]) * (spacing_z or 1) / 0.7, rows - place[1], cols - place[2]
        hu[np.sqrt(sum(part**2 for part in off)) <= radius] = 40
    positions = tuple(spacing_z * i for i in range(n)) if spacing_z else None
    return replace(Scan(hu, (0.7, 0.7), False, True, positions_mm=positions), **changed)


def test_a_nodule_is_found_with_place_and_size():
    (found,) = search(with_nodules((0, 100, 180)), BrightPlaces())
    assert (found.row, found.col) == pytest.approx((100, 180), abs=1)
    assert found.slice == 0
    assert found.probability == pytest.approx(0.9)
    assert found.diameter_mm == pytest.approx(2 * 6 * 0.7, abs=0.8)


def test_no_size_is_given_where_the_spacing_is_assumed():
    (found,) = search(with_nodules((0, 100, 180), spacing_assumed=True), BrightPlaces())
    assert found.diameter_mm is None


def test_one_nodule_in_many_slices_is_one_candidate_in_its_middle_slice():
    scan = with_nodules((10, 60, 60), (14, 200, 120), n=24, spacing_z=1.0)
    found = search(scan, BrightPlaces())
    assert sorted(c.slice for c in found) == pytest.approx([10, 14], abs=1)


def test_at_most_five_are_shown():
    places = [(0, row, col) for row in (40, 120, 200) for col in (40, 120, 200)]
    assert len(search(with_nodules(*places), BrightPlaces())) == MOST == 5


def test_below_the_threshold_is_none():
    one, many = with_nodules((0, 100, 180)), with_nodules((1, 100, 180), n=3, spacing_z=3.0)
    assert search(one, BrightPlaces(picture=0.95)) == ()
    assert len(search(one, BrightPlaces(series=0.95))) == 1
    assert search(many, BrightPlaces(series=0.95)) == ()
    assert len(search(many, BrightPlaces(picture=0.95))) == 1


def test_all_that_is_proposed_is_known_however_improbable_and_however_many():
    places = [(0, row, col) for row in (40, 120, 200) for col in (40, 120, 200)]
    assert len(search_all(with_nodules(*places), BrightPlaces(picture=0.95))) == 9


def test_the_most_probable_comes_first():
    class Doubting(BrightPlaces):
        def judged(self, scan, chains, scale=1.0):
            return np.array([0.6 if best_of(chain).row > 100 else 0.8 for chain in chains])

    found = search(with_nodules((0, 180, 60), (0, 60, 180)), Doubting())
    assert [(c.row, c.probability) for c in found] == [
        (pytest.approx(60, abs=0.6), 0.8),
        (pytest.approx(180, abs=0.6), 0.6),
    ]


def test_a_mass_that_both_grids_show_is_one_candidate():
    (found,) = search(with_nodules((0, 128, 128), radius=40), BrightPlaces())
    assert found.diameter_mm == pytest.approx(2 * 40 * 0.7, abs=1.5)


def test_marks_are_told_while_the_search_goes_on():
    scan, told = with_nodules((1, 100, 180), n=8 * CORES, spacing_z=3.0), []
    search(scan, BrightPlaces(), progress=lambda done, total, marks: told.append((done, len(marks))))
    assert [n for done, n in told if done >= 4 * CORES] == [1] * 5
    assert told[-1] == (8 * CORES, 1)


@pytest.mark.parametrize(
    ("n", "spacing_z", "expected"),
    [
        (1, None, [0]),
        (3, None, [0, 1, 2]),
        (4, 5.0, [0, 1, 2, 3]),
        (5, 2.0, [0, 1, 2, 3, 4]),
        (6, 1.0, [1, 3, 5]),
        (9, 0.6, [1, 4, 7]),
    ],
)
def test_slices_are_looked_at_two_millimetres_apart(n, spacing_z, expected):
    assert list(slices_to_search(with_nodules(n=n, spacing_z=spacing_z))) == expected


def test_progress_is_told_and_the_search_can_be_cancelled():
    scan, told = with_nodules(n=2 * CORES, spacing_z=3.0), []
    search(scan, BrightPlaces(), progress=lambda *counts: told.append(counts))
    assert told == [(n * CORES, 2 * CORES, ()) for n in range(3)]
    scan, finder = with_nodules(n=2 * CORES, spacing_z=3.0), BrightPlaces()
    with pytest.raises(Cancelled):
        search(scan, finder, cancelled=lambda: len(finder.seen) > 0)
    assert len(finder.seen) == CORES * len(SCALES)  # those that were being looked at


def test_in_a_whole_slice_only_the_lungs_count():
    """All tissue is as bright as the nodule; what lies off the lungs is no candidate."""
    scan = Scan(chest_slice()[None], (0.7, 0.7), False, True)
    found = search(scan, BrightPlaces())
    lungs = lung_mask(scan.slices[0], scan.spacing_mm)
    assert all(lungs[round(c.row), round(c.col)] for c in found)
    assert any((c.row, c.col) == pytest.approx((255.5, 153.3), abs=1.5) for c in found)


def test_a_whole_slice_is_looked_at_around_the_lungs_only():
    finder = BrightPlaces()
    search(Scan(chest_slice()[None], (0.7, 0.7), False, True), finder)
    (rows, cols, channels), coarse = finder.seen
    assert channels == 3
    assert rows < 300 * 0.7 / 0.75 + 30
    assert rows % 16 == cols % 16 == 0
    assert coarse[0] == pytest.approx(rows / 2, abs=16)


def test_spacing_may_differ_in_rows_and_columns():
    scan = with_nodules((0, 100, 180), spacing_mm=(0.7, 0.9))
    (found,) = search(scan, BrightPlaces())
    assert (found.row, found.col) == pytest.approx((100, 180), abs=1)


def test_the_most_probable_candidate_is_suggested():
    roi, found = suggest(with_nodules((0, 100, 180)), BrightPlaces())
    assert (roi.row, roi.col) == pytest.approx((100, 180), abs=1)
    assert (roi.slice, roi.source, len(found)) == (0, "suggested", 1)


@pytest.mark.parametrize(("finder", "words"), [(BrightPlaces(), "No nodule was found"), (None, "missing")])
def test_no_suggestion_is_an_error_with_its_reason(finder, words):
    with pytest.raises(UserError) as caught:
        suggest(with_nodules(), finder)
    assert caught.value.code == "nodule_not_found"
    assert words in caught.value.message
