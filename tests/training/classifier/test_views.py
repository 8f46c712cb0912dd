import numpy as np
import pytest

from training.classifier.views import random_patch

MIDDLE = 31.5


def blob(n_slices, offsets, radius=2.5, shape=(86, 86)):
    """Slices of dark noise with bright discs at (row, col) offsets from the middle, uint8."""
    rows, cols = np.indices(shape)
    ground = np.random.default_rng(0).integers(0, 40, (n_slices, *shape))
    row, col = (shape[0] - 1) / 2, (shape[1] - 1) / 2
    for down, across in offsets:
        inside = (rows - row - down) ** 2 + (cols - col - across) ** 2 <= radius**2
        ground[:, inside] = 230
    return ground.astype(np.uint8)


def views(stack, number, spacing_mm=0.7, seed=0):
    rng = np.random.default_rng(seed)
    return [random_patch(stack, spacing_mm, rng) for _ in range(number)]


def test_the_same_seed_gives_the_same_view():
    stack = blob(5, [(0, 0)])
    first, again = views(stack, 5, seed=3), views(stack, 5, seed=3)
    np.testing.assert_array_equal(first, again)


def test_another_seed_gives_another_view():
    stack = blob(5, [(0, 0)])
    assert not np.array_equal(views(stack, 1, seed=1), views(stack, 1, seed=2))


@pytest.mark.parametrize("n_slices", [1, 2, 7])
@pytest.mark.parametrize("spacing_mm", [0.46, 0.98])
def test_a_view_is_float32_in_0_to_1_and_shows_something(n_slices, spacing_mm):
    for patch in views(blob(n_slices, [(0, 0)]), 40, spacing_mm):
        assert patch.shape == (64, 64, 3)
        assert patch.dtype == np.float32
        assert patch.min() >= 0
        assert patch.max() <= 1
        assert np.ptp(patch) > 0.3


def test_the_stack_is_left_as_it_was():
    stack = blob(5, [(0, 0)])
    before = stack.copy()
    views(stack, 20)
    np.testing.assert_array_equal(stack, before)


def orientation(patch):
    """Which of the eight turns and mirrors of a triangle of a large, a middle and a small disc.

    Returns the quadrants of the large and of the middle disc, brighter than the third, empty one.
    """
    quadrants = [
        patch[rows, cols, 1].mean() for rows in (np.s_[:32], np.s_[32:]) for cols in (np.s_[:32], np.s_[32:])
    ]
    largest, second = np.argsort(quadrants)[:-3:-1]
    return int(largest), int(second)


def test_views_come_in_all_eight_orientations():
    rows, cols = np.indices((86, 86)) - 42.5
    picture = np.random.default_rng(0).integers(0, 30, (86, 86))
    picture[(rows + 11) ** 2 + (cols + 11) ** 2 <= 9**2] = 230  # top left: large
    picture[(rows + 11) ** 2 + (cols - 11) ** 2 <= 6**2] = 230  # top right: middle
    seen = {orientation(patch) for patch in views(picture[None].astype(np.uint8), 100)}
    neighbours = {(0, 1), (0, 2), (1, 0), (1, 3), (2, 0), (2, 3), (3, 1), (3, 2)}
    assert seen == neighbours


def test_a_small_nodule_stays_near_the_middle():
    # at most 3 mm away, enlarged by at most exp(0.12), at 0.5 mm a sample; one more for the resampling
    farthest = 3.0 * np.exp(0.12) / 0.5 + 1
    distances = []
    for patch in views(blob(5, [(0, 0)]), 80):
        bright = np.argwhere(patch[..., 1] > 0.75 * patch[..., 1].max()).mean(axis=0)
        distances.append(np.abs(bright - MIDDLE).max())
    assert max(distances) <= farthest
    assert max(distances) > 3  # it does move


def test_a_share_of_views_knows_one_slice_only():
    stack = np.stack([np.random.default_rng(n).integers(0, 256, (86, 86)) for n in range(9)])
    smooth = stack.reshape(9, 43, 2, 43, 2).mean(axis=(2, 4)).repeat(2, axis=1).repeat(2, axis=2)
    single = 0
    for patch in views(smooth.astype(np.uint8), 200):
        flat = patch.reshape(-1, 3)
        alike = np.corrcoef(flat[:, 0], flat[:, 1])[0, 1], np.corrcoef(flat.T)[1, 2]
        single += min(alike) > 0.8
    assert 40 <= single <= 80  # 30 %, give or take three standard deviations


def test_a_stack_of_one_slice_has_three_like_channels():
    for patch in views(blob(1, [(0, 0)]), 20):
        assert np.abs(patch[..., 0] - patch[..., 2]).mean() < 0.1
