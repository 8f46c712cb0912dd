import numpy as np
import pytest

from models.imaging.patch import PATCH
from models.inference.views import eight_views, patch_at, slices_to_read, turned_back, views


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


def orientations(image):
    """The eight mirror images and right-angle turns of an image (rows, cols, channels)."""
    turned = [np.rot90(image, quarters) for quarters in range(4)]
    return turned + [turn[:, ::-1] for turn in turned]


def as_bytes(images):
    return sorted(image.tobytes() for image in images)


@pytest.mark.parametrize("n_slices", [1, 2, 5])
def test_views_are_the_eight_mirror_images_and_turns_of_each_slice(n_slices):
    stack = np.random.default_rng(0).normal(size=(n_slices, 80, 80))
    patches = views(stack, 0.7, 39.5, 39.5, 0)
    assert patches.shape == (8 * n_slices, *PATCH.shape)
    expected = [view for i in range(n_slices) for view in orientations(patch_at(stack, 0.7, 39.5, 39.5, i))]
    assert as_bytes(patches) == as_bytes(expected)
    assert len(set(as_bytes(patches))) == 8 * n_slices


def test_the_first_view_is_the_slice_as_it_is():
    stack = np.random.default_rng(0).normal(size=(1, 80, 80))
    np.testing.assert_array_equal(views(stack, 0.7, 30, 50, 0)[0], patch_at(stack, 0.7, 30, 50, 0))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarters", range(4))
def test_a_turned_or_mirrored_scan_has_the_same_views_in_another_order(quarters, mirrored):
    stack = np.random.default_rng(1).normal(size=(2, 90, 90))
    other = np.rot90(stack, quarters, axes=(1, 2))
    other = other[:, :, ::-1] if mirrored else other
    here, there = (list(views(x, 0.7, 44.5, 44.5, 0)) for x in (stack, other))
    for view in here:
        distances = [np.abs(view - candidate).max() for candidate in there]
        nearest = int(np.argmin(distances))
        assert distances[nearest] < 1e-4  # resampling in another order rounds otherwise
        del there[nearest]
    assert not there


def test_a_turned_scan_of_unequal_spacing_has_the_same_views():
    stack = np.random.default_rng(2).normal(size=(1, 60, 90))
    turned = np.rot90(stack, axes=(1, 2))
    here = views(stack, (1.0, 0.7), 29.5, 44.5, 0)
    there = views(turned, (0.7, 1.0), 44.5, 29.5, 0)
    for view in here:
        assert min(np.abs(view - candidate).max() for candidate in there) < 1e-4


def test_turning_and_turning_back_is_nothing():
    field = np.random.default_rng(0).random((5, 5, 1))
    back = turned_back(eight_views(field[None])[..., 0])
    np.testing.assert_array_equal(back, np.stack([field[..., 0]] * 8))
