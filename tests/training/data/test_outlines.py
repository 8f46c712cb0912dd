from dataclasses import replace

import numpy as np
import pytest

from tests.training.conftest import disc
from training.data.outlines import scan_of


def test_slices_of_a_nodule_are_neighbours(made):
    assert made.first.tolist() == list(range(0, 28, 2))
    assert made.n_slices.tolist() == [2] * 14
    assert made.grey.shape == made.readers.shape == (28, 128, 128)
    assert len(made) == 14


def test_labels_are_the_readers_means(made):
    assert made.diameter_mm.tolist() == [8.5] * 14
    assert made.texture.tolist() == [1.0] * 14
    assert made.n_readers.tolist() == [2] * 14
    assert made.label.tolist() == [1, 0] * 7


def test_each_reader_is_a_bit(made):
    large, half = disc(12), disc(12) & (np.arange(128) < 64)
    np.testing.assert_array_equal(made.readers[0], large.astype(np.uint8))
    np.testing.assert_array_equal(made.readers[1], large.astype(np.uint8) + 2 * half.astype(np.uint8))


def test_only_readers_who_marked_the_slice_have_a_mask(made):
    assert made.masks(0).shape == (1, 128, 128)
    np.testing.assert_array_equal(made.masks(1), [disc(12), disc(12) & (np.arange(128) < 64)])


def test_the_share_counts_all_readers_of_the_nodule(made):
    """One of two marked the first slice: half of them count its pixels to the nodule."""
    assert np.unique(made.share(0)).tolist() == [0, 0.5]
    share = made.share(1)
    assert (share[64, 60], share[64, 67], share[0, 0]) == (1, 0.5, 0)


def test_hu_are_estimated_slice_by_slice(made):
    hu = made.slice_hu(0)
    assert np.median(hu[~disc(14)]) == pytest.approx(-870, abs=25)
    assert hu[disc(11)].mean() > hu[~disc(14)].mean() + 300


def test_a_nodules_crops_are_a_scan_with_the_distance_of_its_slices(made):
    scan = scan_of(made, 3)
    assert (scan.spacing_mm, scan.positions_mm, scan.is_hu) == ((0.7, 0.7), (0.0, 2.5), True)
    np.testing.assert_array_equal(scan.slices, [made.slice_hu(6), made.slice_hu(7)])


def test_of_more_readers_than_there_are_outlines_the_outlines_count(made):
    many = replace(made, n_readers=np.full(len(made), 7))
    assert set(many.n_outlines) == {4}
    index = made.largest_slice(0)
    assert made.areas(0)[index] == made.areas(0).max()
    assert many.share(index).max() == np.bitwise_count(made.readers[index]).max() / 4
