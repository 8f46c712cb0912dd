"""Which errors are shown with a size."""

import pytest

from models.inference.size_errors import FEW, size_errors_of

LENGTH, VOLUME = {"median": 0.5}, {"median": 0.18}


def group(size_mm, nodules):
    return {
        "size_mm": size_mm,
        "nodules": nodules,
        "errors": {"long_axis_mm": LENGTH, "short_axis_mm": None, "volume_mm3": VOLUME},
        "readers": {"long_axis_mm": LENGTH | {"median": 0.4}, "volume_mm3": None},
    }


REPORT = {"unseen": True, "sizes": [group([0, 6], 40), group([6, 10], FEW - 1), group([20, None], FEW)]}


@pytest.mark.parametrize(
    ("long_axis_mm", "size_mm"),
    [(5.9, (0, 6)), (6.0, None), (12.0, None), (20.0, (20, None)), (90.0, (20, None)), (None, None)],
)
def test_errors_are_those_of_the_size_where_enough_nodules_were_measured(long_axis_mm, size_mm):
    found = size_errors_of(REPORT, long_axis_mm)
    assert (found and found.size_mm) == size_mm


def test_each_size_has_its_error_and_that_of_the_readers():
    found = size_errors_of(REPORT, 4.0)
    assert (found.nodules, found.unseen, list(found.errors)) == (40, True, ["long_axis_mm", "volume_mm3"])
    assert (found.errors["long_axis_mm"].median, found.errors["long_axis_mm"].readers) == (0.5, 0.4)
    assert found.errors["volume_mm3"].median == 0.18
    assert found.errors["volume_mm3"].readers is None


def test_without_a_report_nothing_is_said():
    assert size_errors_of({}, 8.0) is None
