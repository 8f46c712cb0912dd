"""Slabs, and coronal and sagittal planes: which voxels they show, and where."""

import numpy as np
import pytest

from models.errors import UserError
from models.imaging.planes import (
    MOST_ROWS,
    SLABS,
    Slab,
    brightest_slice,
    has_planes,
    plane_geometry,
    plane_values,
    slab_range,
    slab_values,
)
from models.imaging.scan import Orientation, Scan

ROWS, COLS = 6, 8


def scan_of(slices, step_mm=2.0, spacing_mm=(1.0, 1.0), **fields):
    slices = np.asarray(slices, np.int16)
    positions = tuple(10.0 + step_mm * i for i in range(len(slices)))
    return Scan(slices, spacing_mm, False, True, **({"positions_mm": positions} | fields))


@pytest.fixture
def ramp():
    """A slice of constant value for each of eleven positions, 2 mm apart: 0, 100, …, 1000."""
    return scan_of(np.broadcast_to(np.arange(0, 1100, 100)[:, None, None], (11, ROWS, COLS)))


@pytest.mark.parametrize(
    ("step_mm", "mm", "expected"),
    [
        (2.0, 5, (4, 6)),
        (2.0, 10, (3, 7)),
        (2.5, 5, (4, 6)),
        (5.0, 5, (5, 5)),
        (1.0, 15, (0, 10)),
        (0.6, 5, (1, 9)),
    ],
)
def test_a_slab_has_the_slices_whose_middles_lie_in_it(step_mm, mm, expected):
    assert slab_range(scan_of(np.zeros((11, 2, 2)), step_mm), 5, mm) == expected


def test_a_mip_shows_the_brightest_and_a_mean_the_mean(ramp):
    mip = slab_values(ramp, 5, SLABS["mip-5"])
    assert (mip.dtype, np.unique(mip).tolist()) == (np.int16, [600])
    mean = slab_values(ramp, 5, SLABS["mean-5"])
    assert (mean.dtype, mean.shape) == (np.float32, (ROWS, COLS))
    assert np.unique(mean).tolist() == [500]


def test_slices_at_the_faces_count_with_what_lies_within():
    scan = scan_of(np.array([100, 0, 0])[:, None, None].repeat(2, 1).repeat(2, 2), step_mm=2.5)
    assert slab_values(scan, 1, SLABS["mean-5"]) == pytest.approx(np.full((2, 2), 25.0))  # 1.25 of 5 mm


def test_a_slab_ends_with_the_scan_and_a_part_of_it_is_that_of_the_whole(ramp):
    assert np.unique(slab_values(ramp, 0, SLABS["mip-15"])).tolist() == [300]
    assert np.unique(slab_values(ramp, 10, SLABS["mip-15"])).tolist() == [1000]
    noisy = scan_of(np.random.default_rng(0).integers(-1000, 1000, (5, ROWS, COLS)))
    part = slice(1, 4), slice(2, 7)
    for slab in SLABS.values():
        assert slab_values(noisy, 2, slab, part) == pytest.approx(slab_values(noisy, 2, slab)[part])


def test_the_brightest_slice_of_a_slab_is_found():
    volume = np.full((9, ROWS, COLS), -800)
    volume[6, 2:5, 3:6] = 60
    scan = scan_of(volume)
    assert brightest_slice(scan, 4, SLABS["mip-10"], 3.2, 4.0) == 6
    assert brightest_slice(scan, 4, SLABS["mip-5"], 3.2, 4.0) in (3, 4, 5), "that slice is beyond the slab"
    assert brightest_slice(scan, 4, SLABS["mip-10"], -0.5, COLS - 0.5) in range(2, 7), "at a corner"


@pytest.mark.parametrize("positions", [None, (1.0,)])
def test_without_positions_there_is_no_volume(positions):
    scan = scan_of(np.zeros((1, 4, 4)), positions_mm=positions)
    assert not has_planes(scan)
    for ask in (
        lambda: slab_range(scan, 0, 5),
        lambda: plane_values(scan, "coronal", 0),
        lambda: plane_geometry(scan, "sagittal"),
    ):
        with pytest.raises(UserError) as error:
            ask()
        assert error.value.code == "bad_field"


def one_voxel(row, col, index, **fields):
    volume = np.zeros((5, ROWS, COLS))
    volume[index, row, col] = 100
    return scan_of(volume, **fields)


def test_a_voxel_is_where_it_lies_in_both_planes_head_up():
    scan = one_voxel(2, 5, 3, step_mm=1.0)
    coronal, sagittal = plane_values(scan, "coronal", 2), plane_values(scan, "sagittal", 5)
    assert (coronal.shape, sagittal.shape) == ((5, COLS), (5, ROWS))
    assert np.argwhere(coronal == 100).tolist() == [[1, 5]]  # the second highest of five
    assert np.argwhere(sagittal == 100).tolist() == [[1, 2]]
    assert not plane_values(scan, "coronal", 3).any()


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("flip_rows", [False, True])
@pytest.mark.parametrize("flip_cols", [False, True])
def test_planes_are_cut_through_slices_as_they_are_displayed(transpose, flip_rows, flip_cols):
    turned = Orientation(transpose, flip_rows, flip_cols)
    scan = one_voxel(2, 5, 3, step_mm=1.0, orientation=turned)
    row, col = turned.to_shown(2, 5, (ROWS, COLS))
    assert np.argwhere(plane_values(scan, "coronal", row) == 100).tolist() == [[1, col]]
    assert np.argwhere(plane_values(scan, "sagittal", col) == 100).tolist() == [[1, row]]


def test_between_slices_it_is_interpolated_and_pixels_are_square():
    scan = scan_of(
        np.array([0, 100])[:, None, None].repeat(4, 1).repeat(4, 2), step_mm=2.0, spacing_mm=(0.5, 1.0)
    )
    assert plane_values(scan, "coronal", 0)[:, 0].tolist() == [100, 50, 0]
    assert plane_values(scan, "sagittal", 0)[:, 0].tolist() == [100, 75, 50, 25, 0]
    geometry = plane_geometry(scan, "sagittal")
    assert (geometry.rows, geometry.cols, geometry.step_mm, geometry.col_mm, geometry.top_mm) == (
        5,
        4,
        0.5,
        0.5,
        12,
    )


def test_a_gap_between_slices_is_as_long_as_it_is():
    scan = scan_of(
        np.array([0, 10, 100])[:, None, None].repeat(2, 1).repeat(2, 2), positions_mm=(0.0, 1.0, 4.0)
    )
    assert plane_values(scan, "coronal", 0)[:, 0] == pytest.approx([100, 70, 40, 10, 0])


def test_a_thick_plane_is_the_brightest_or_the_mean_of_those_around_it():
    scan = one_voxel(2, 5, 3, step_mm=1.0)
    assert plane_values(scan, "coronal", 4, Slab("mip", 5))[1, 5] == 100
    assert plane_values(scan, "coronal", 5, Slab("mip", 5))[1, 5] == 0
    assert plane_values(scan, "coronal", 2, Slab("mean", 5))[1, 5] == 20


def test_a_very_long_scan_has_a_bounded_plane():
    scan = scan_of(np.zeros((3, 2, 2)), step_mm=2000.0)
    assert plane_geometry(scan, "coronal").rows == MOST_ROWS
    assert plane_values(scan, "coronal", 1).shape == (MOST_ROWS, 2)


def test_a_plane_beyond_the_scan_is_refused():
    with pytest.raises(UserError) as error:
        plane_values(scan_of(np.zeros((3, ROWS, COLS))), "sagittal", COLS)
    assert error.value.code == "roi_outside"
