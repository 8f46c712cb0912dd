import numpy as np
import pytest

from models.errors import UserError
from models.imaging.scan import Roi, Scan, locate


def blank(n_slices, rows, cols):
    slices = np.zeros((n_slices, rows, cols), np.float32)
    return Scan(slices, (0.7, 0.7), False, False)


CROP, WHOLE, TALL = (5, 128, 100), (3, 512, 512), (1, 161, 20)


@pytest.mark.parametrize(
    ("size", "location", "expected"),
    [
        (CROP, {}, Roi(63.5, 49.5, 2, "centre")),
        (CROP, {"index": 0}, Roi(63.5, 49.5, 0, "centre")),
        (CROP, {"index": 4}, Roi(63.5, 49.5, 4, "centre")),
        ((4, 128, 128), {}, Roi(63.5, 63.5, 2, "centre")),
        ((1, 160, 160), {}, Roi(79.5, 79.5, 0, "centre")),
        (CROP, {"row": 10.5, "col": 20}, Roi(10.5, 20, 2, "given")),
        (CROP, {"row": -0.5, "col": -0.5}, Roi(-0.5, -0.5, 2, "given")),
        (CROP, {"row": 127.5, "col": 99.5}, Roi(127.5, 99.5, 2, "given")),
        (WHOLE, {"row": 0, "col": 511, "index": 1}, Roi(0, 511, 1, "given")),
        (TALL, {"row": 3, "col": 4}, Roi(3, 4, 0, "given")),
    ],
)
def test_the_nodule_is_where_it_is_said_or_in_the_middle_of_a_crop(size, location, expected):
    assert locate(blank(*size), **location) == expected


@pytest.mark.parametrize(
    ("size", "location", "code"),
    [
        (CROP, {"row": 10}, "bad_number"),
        (CROP, {"col": 10}, "bad_number"),
        (CROP, {"row": -0.6, "col": 5}, "roi_outside"),
        (CROP, {"row": 127.6, "col": 5}, "roi_outside"),
        (CROP, {"row": 5, "col": 99.6}, "roi_outside"),
        (CROP, {"row": 100, "col": 100}, "roi_outside"),
        (CROP, {"row": float("nan"), "col": 5}, "roi_outside"),
        (CROP, {"row": 5, "col": float("inf")}, "roi_outside"),
        (CROP, {"index": 5}, "roi_outside"),
        (CROP, {"index": -1}, "roi_outside"),
        (WHOLE, {}, "nodule_not_found"),
        (WHOLE, {"index": 1}, "nodule_not_found"),
        (TALL, {}, "nodule_not_found"),
    ],
)
def test_a_location_that_cannot_be_is_refused(size, location, code):
    with pytest.raises(UserError) as caught:
        locate(blank(*size), **location)
    assert caught.value.code == code
