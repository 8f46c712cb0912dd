from argparse import Namespace
from dataclasses import replace

import numpy as np
import pytest

from models.imaging.field import GRID_MM, Grid, cut_field, field_at, to_unit
from models.imaging.scan import Scan
from training.localiser.views import FIELD, RandomFields, other_scanner, random_box, random_field, times


def args(**changed):
    return Namespace(**({"seed": 0, "views": 2, "batch": 8} | changed))


def test_a_field_and_its_truth_show_the_same_place(made):
    """The nodule of the made crops is the only bright disc, so that the truth lies where it is bright."""
    rng, seen = np.random.default_rng(0), 0
    for _ in range(40):
        field, share = random_field(made, 0, rng)
        assert (field.shape, share.shape) == ((FIELD, FIELD, 3), (FIELD, FIELD, 1))
        assert (field.dtype, share.dtype) == (np.float32, np.float32)
        inside = share[..., 0] >= 0.4
        if inside.sum() > 50:
            seen += 1
            assert field[inside].mean() > field[share[..., 0] == 0].mean() + 0.15
    assert seen > 10


def test_the_nodule_lies_anywhere_and_often_outside(made):
    rng = np.random.default_rng(0)
    shares = [random_field(made, 1, rng)[1][..., 0] for _ in range(150)]
    with_nodule = [share for share in shares if share.max() > 0.4]
    assert 0.6 < len(with_nodule) / len(shares) < 0.95
    centres = np.array([np.argwhere(share > 0.4).mean(axis=0) for share in with_nodule])
    assert centres.min() < 0.1 * FIELD
    assert centres.max() > 0.9 * FIELD
    assert (np.abs(centres - FIELD / 2).max(axis=1) > FIELD / 4).mean() > 0.25


def test_boxes_have_the_fields_size_but_for_scale():
    rng = np.random.default_rng(0)
    edges = np.array([random_box((128, 128), 0.6, rng) for _ in range(500)])
    sizes = (edges[:, 2] - edges[:, 0]) * 0.6
    np.testing.assert_allclose(edges[:, 2] - edges[:, 0], edges[:, 3] - edges[:, 1])
    assert sizes.min() == pytest.approx(60 * np.exp(-0.2), rel=0.02)
    assert sizes.max() == pytest.approx(60 * np.exp(0.2), rel=0.02)


def test_training_and_serving_see_the_same_field(made):
    """What a random view is made of, before it is changed, is what an upload of that crop gives."""
    pixels = made.grey[made.first[0] : made.first[0] + 2].astype(np.float32)
    scan = Scan(pixels, (0.7, 0.7), False, False)
    grid = Grid.around(60.0, 70.0, FIELD, (0.7, 0.7))
    served = field_at(scan, 1, grid)
    trained = [to_unit(cut_field(made.slice_hu(made.first[0] + i), grid.box, grid.size)) for i in (0, 1, 1)]
    np.testing.assert_array_equal(served, np.stack(trained, axis=-1))
    assert FIELD * GRID_MM == 60


def test_another_scanner_shifts_and_scales_but_keeps_the_picture():
    hu = np.linspace(-1000, 200, 80 * 80 * 3).reshape(80, 80, 3)
    changed = [other_scanner(hu, np.random.default_rng(seed)) for seed in range(60)]
    assert all(np.corrcoef(hu.ravel(), c.ravel())[0, 1] > 0.9 for c in changed)
    means = [c.mean() - hu.mean() for c in changed]
    assert min(means) < -40
    assert max(means) > 40


def test_subsolid_and_large_nodules_are_drawn_more_often(made):
    texture, diameter = np.full(14, 5.0), np.full(14, 8.0)
    texture[3], diameter[3:5] = 2.0, 20.0
    changed = replace(made, texture=texture, diameter_mm=diameter)
    assert times(changed).tolist() == [1, 1, 1, 3, 2] + [1] * 9
    drawn = np.concatenate(RandomFields(changed, np.array([2, 3, 4]), 0, args()).batches)
    assert np.bincount(drawn).tolist() == [0, 0, 2, 6, 4]


def test_an_epoch_is_the_same_whenever_seed_and_epoch_are(made):
    indices = np.arange(4)
    first, again, later = (RandomFields(made, indices, epoch, args())[0] for epoch in (1, 1, 2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first[0] != later[0]).any()


def test_few_readers_weigh_less(made):
    changed = replace(made, n_readers=np.array([1, 2, 3, 4, 6] + [4] * 9))
    weight = RandomFields(changed, np.arange(5), 0, args()).weight
    assert weight[:5] == pytest.approx([0.5, 0.5**0.5, 0.75**0.5, 1, 1])
