import numpy as np
import pytest

from models.imaging.patch import PATCH
from models.inference.views import patch_at, slices_to_read, views


@pytest.mark.parametrize(
    ("n_slices", "middle", "expected"),
    [
        (1, None, [0]),
        (4, None, [0, 1, 2, 3]),
        (5, None, [0, 1, 2, 3, 4]),
        (9, None, [2, 3, 4, 5, 6]),
        (9, 0, [0, 1, 2, 3, 4]),
        (9, 8, [4, 5, 6, 7, 8]),
    ],
)
def test_reads_at_most_five_slices_around_the_chosen_one(n_slices, middle, expected):
    assert list(slices_to_read(n_slices, middle=middle)) == expected


def test_views_are_the_four_mirror_images_of_each_slice():
    stack = np.random.default_rng(0).normal(size=(2, 80, 80))
    patches = views(stack, 0.7, 39.5, 39.5, 0)
    first = patch_at(stack, 0.7, 39.5, 39.5, 0)
    assert patches.shape == (8, *PATCH.shape)
    np.testing.assert_array_equal(patches[0], first)
    np.testing.assert_array_equal(patches[2], first[:, ::-1])
    np.testing.assert_array_equal(patches[4], first[::-1])
    np.testing.assert_array_equal(patches[6], first[::-1, ::-1])


def test_a_mirrored_scan_has_the_same_views_in_another_order():
    stack = np.random.default_rng(1).normal(size=(1, 90, 90))
    views_of = {p.tobytes() for p in views(stack, 0.7, 44.5, 44.5, 0)}
    mirrored = {p.tobytes() for p in views(stack[:, :, ::-1], 0.7, 44.5, 44.5, 0)}
    assert len(views_of) == 4
    close = [
        min(np.abs(np.frombuffer(a, np.float32) - np.frombuffer(b, np.float32)).max() for b in mirrored)
        for a in views_of
    ]
    assert max(close) < 1e-4
