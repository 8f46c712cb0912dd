import pytest

from models.errors import UserError
from models.ingest.limits import Limits
from models.ingest.read import read_scan
from tests.ingest.series_files import SUPINE, make_enhanced, make_zip, numbers

CORONAL = (1, 0, 0, 0, 0, -1)


def codes(scan):
    return [notice.code for notice in scan.notices]


@pytest.mark.parametrize("pack", [False, True], ids=["file", "zip"])
def test_frames_are_slices_ordered_by_their_own_positions(pack):
    data = make_enhanced([8, 2, 6, 4])
    scan = read_scan([("a", make_zip([("b", data)]) if pack else data)])
    assert numbers(scan) == [1, 3, 2, 0]
    assert scan.positions_mm == (2, 4, 6, 8)
    assert scan.spacing_mm == (0.8, 0.6)
    assert scan.thickness_mm == 2
    assert codes(scan) == []


def test_a_series_in_several_enhanced_files_is_one_stack():
    files = [("a", make_enhanced([0, 4, 8])), ("b", make_enhanced([2, 6, 10]))]
    scan = read_scan(files)
    assert scan.positions_mm == (0, 2, 4, 6, 8, 10)
    assert numbers(scan) == [0, 0, 1, 1, 2, 2]


def test_a_frame_in_another_plane_is_left_out():
    scan = read_scan([("a", make_enhanced([0, 2, 4], orientations=[CORONAL, SUPINE, SUPINE]))])
    assert numbers(scan) == [1, 2]
    assert codes(scan) == ["left_out"]


def test_phases_in_one_enhanced_file_are_refused():
    with pytest.raises(UserError, match="phases") as caught:
        read_scan([("a", make_enhanced([0, 2, 4, 0, 2, 4]))])
    assert caught.value.code == "mixed_series"


def test_the_bound_on_pixels_counts_frames():
    with pytest.raises(UserError) as caught:
        read_scan([("a", make_enhanced([0, 2, 4]))], limits=Limits(pixels=3 * 24 * 32 - 1))
    assert caught.value.code == "too_large"


def test_progress_counts_frames():
    reports = []
    read_scan([("a", make_enhanced([0, 2, 4]))], progress=lambda *pair: reports.append(pair))
    assert reports == [(1, 2), (4, 6), (5, 6), (6, 6)]
