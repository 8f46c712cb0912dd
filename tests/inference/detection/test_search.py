from dataclasses import replace

import numpy as np
import pytest

from models.errors import UserError
from models.imaging.lung import lung_mask
from models.imaging.scan import Scan
from models.inference.detection.search import MOST, Cancelled, search, slices_to_search, suggest
from models.inference.runtime.parallel import CORES
from tests.inference.detection.made_localiser import BrightPlaces
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
    assert (found.row, found.col) == pytest.approx((100, 180), abs=0.5)
    assert found.slice == 0
    assert found.score == pytest.approx(0.9)
    assert found.diameter_mm == pytest.approx(2 * 6 * 0.7, abs=0.3)


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
    part, whole = with_nodules((0, 100, 180)), Scan(chest_slice()[None], (0.7, 0.7), False, True)
    assert search(part, BrightPlaces(part=0.95, whole=0.0)) == ()
    assert search(whole, BrightPlaces(part=0.0, whole=0.95)) == ()
    assert len(search(part, BrightPlaces(part=0.85, whole=0.95))) == 1
    assert len(search(whole, BrightPlaces(part=0.95, whole=0.85))) >= 1


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
    scan, told = with_nodules(n=4, spacing_z=3.0), []
    search(scan, BrightPlaces(), progress=lambda *counts: told.append(counts))
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    scan, localiser = with_nodules(n=2 * CORES, spacing_z=3.0), BrightPlaces()
    with pytest.raises(Cancelled):
        search(scan, localiser, cancelled=lambda: len(localiser.seen) > 0)
    assert len(localiser.seen) == CORES  # those that were being looked at


def test_two_pieces_that_the_second_look_joins_are_one_candidate():
    class Broken(BrightPlaces):
        """Sees a nodule in two pieces at first, whole when it looks at it alone."""

        def maps(self, fields):
            maps = super().maps(fields)
            if len(fields) == 1:
                rows, cols = np.nonzero(maps[0])
                maps[0, :, round(cols.mean())] = 0
            return maps

    assert len(search(with_nodules((0, 100, 180), radius=12), Broken())) == 1


def test_in_a_whole_slice_only_the_lungs_count():
    """All tissue is as bright as the nodule; what lies off the lungs is no candidate."""
    scan = Scan(chest_slice()[None], (0.7, 0.7), False, True)
    found = search(scan, BrightPlaces())
    lungs = lung_mask(scan.slices[0], scan.spacing_mm)
    assert all(lungs[round(c.row), round(c.col)] for c in found)
    assert any((c.row, c.col) == pytest.approx((255.5, 153.3), abs=1) for c in found)


def test_a_whole_slice_is_looked_at_around_the_lungs_only():
    localiser = BrightPlaces()
    search(Scan(chest_slice()[None], (0.7, 0.7), False, True), localiser)
    rows, cols, channels = localiser.seen[0]
    assert channels == 3
    assert rows < 300 * 0.7 / 0.75 + 30
    assert rows % 16 == cols % 16 == 0


def test_spacing_may_differ_in_rows_and_columns():
    scan = with_nodules((0, 100, 180), spacing_mm=(0.7, 0.9))
    (found,) = search(scan, BrightPlaces())
    assert (found.row, found.col) == pytest.approx((100, 180), abs=0.5)


def test_the_best_candidate_is_suggested():
    roi = suggest(with_nodules((0, 100, 180)), BrightPlaces())
    assert (roi.row, roi.col) == pytest.approx((100, 180), abs=0.5)
    assert (roi.slice, roi.source) == (0, "suggested")


@pytest.mark.parametrize(("localiser", "words"), [(BrightPlaces(), "No nodule was found"), (None, "missing")])
def test_no_suggestion_is_an_error_with_its_reason(localiser, words):
    with pytest.raises(UserError) as caught:
        suggest(with_nodules(), localiser)
    assert caught.value.code == "nodule_not_found"
    assert words in caught.value.message
