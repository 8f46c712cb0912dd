import numpy as np
import pytest

from models.imaging.patch import PATCH, cut_patch
from models.inference.views import eight_views, turned_back, views


def orientations(image):
    """The eight mirror images and right-angle turns of an image (rows, cols, channels)."""
    turned = [np.rot90(image, quarters) for quarters in range(4)]
    return turned + [turn[:, ::-1] for turn in turned]


def as_bytes(images):
    return sorted(image.tobytes() for image in images)


def test_views_are_the_eight_mirror_images_and_turns_of_the_patch():
    pixels = np.random.default_rng(0).normal(size=(80, 80))
    patches = views(pixels, 0.7, 39.5, 39.5)
    assert patches.shape == (8, *PATCH.shape)
    assert as_bytes(patches) == as_bytes(orientations(cut_patch(pixels, 0.7, 39.5, 39.5)))
    assert len(set(as_bytes(patches))) == 8


def test_the_first_view_is_the_slice_as_it_is():
    pixels = np.random.default_rng(0).normal(size=(80, 80))
    np.testing.assert_array_equal(views(pixels, 0.7, 30, 50)[0], cut_patch(pixels, 0.7, 30, 50))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarters", range(4))
def test_a_turned_or_mirrored_scan_has_the_same_views_in_another_order(quarters, mirrored):
    pixels = np.random.default_rng(1).normal(size=(90, 90))
    other = np.rot90(pixels, quarters)
    other = other[:, ::-1] if mirrored else other
    here, there = (list(views(x, 0.7, 44.5, 44.5)) for x in (pixels, other))
    for view in here:
        distances = [np.abs(view - candidate).max() for candidate in there]
        nearest = int(np.argmin(distances))
        assert distances[nearest] < 1e-4  # resampling in another order rounds otherwise
        del there[nearest]
    assert not there


def test_a_turned_scan_of_unequal_spacing_has_the_same_views():
    pixels = np.random.default_rng(2).normal(size=(60, 90))
    here = views(pixels, (1.0, 0.7), 29.5, 44.5)
    there = views(np.rot90(pixels), (0.7, 1.0), 44.5, 29.5)
    for view in here:
        assert min(np.abs(view - candidate).max() for candidate in there) < 1e-4


def test_turning_and_turning_back_is_nothing():
    field = np.random.default_rng(0).random((5, 5, 1))
    back = turned_back(eight_views(field[None])[..., 0])
    np.testing.assert_array_equal(back, np.stack([field[..., 0]] * 8))
