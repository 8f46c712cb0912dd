import numpy as np
import pytest
import tifffile

from models.ingest.picture import without_padding
from models.ingest.read import read_scan
from tests.ingest import body
from tests.ingest.test_picture import tiff

FIELD = np.hypot(*(np.mgrid[:512, :512] - 255.5)) < 250  # round, as a scanner's


def padded(values, padding, noise=0):
    """A deep picture, outside its round field of one value, or nearly."""
    spread = np.random.default_rng(0).normal(0, noise, values.shape) if noise else 0
    return np.where(FIELD, values, padding + spread).astype(np.float32)


CHEST = np.maximum(body.chest(), -1024).round()


@pytest.mark.parametrize("noise", [0, 20])
@pytest.mark.parametrize("padding", [-1800, -2000, -3024, -32768])
def test_what_lies_far_below_air_in_hu_is_lifted_to_air(padding, noise):
    lifted = without_padding(padded(CHEST, padding, noise))
    assert (lifted[FIELD] == CHEST[FIELD]).all()
    assert (lifted[~FIELD] == -1024).all()


@pytest.mark.parametrize(
    ("scale", "shift", "padding"),
    [(1, 1024, -1976), (1, 3024, 0), (16, 2048, 0), (2, 1024, -30000), (0.001, 1, -4)],
)
def test_so_is_a_spike_of_lowest_values_in_any_other_scale_with_more_than_255_steps(scale, shift, padding):
    values = (CHEST + shift) * scale
    picture = padded(values, padding)
    lifted = without_padding(picture)
    assert (lifted[FIELD] == values[FIELD].astype(np.float32)).all()
    lowest = picture[FIELD].min() if scale != 0.001 else padding  # of less than 255 steps: left alone
    assert (lifted[~FIELD] == np.float32(lowest)).all()


@pytest.mark.parametrize(
    "picture",
    [
        CHEST,
        (CHEST + 1024) * 16,
        np.clip((CHEST + 160) / 400, 0, 1) * 65535,
        np.clip((CHEST + 1350) / 1500, 0, 1) * 255,
        np.where(body.chest() > 0, 60000, 0),
        np.full((40, 40), -3000),
    ],
    ids=["HU", "16 bits", "mediastinal window", "8 bits", "mask", "one value"],
)
def test_a_picture_without_padding_stays_as_it_is(picture):
    picture = np.asarray(picture, np.float32)
    assert without_padding(picture) is picture


def test_a_padded_file_is_read_as_without_padding():
    files = [tiff(padded(CHEST, value).astype(np.int16)) for value in (-1024, -3024, -2000)]
    first, *others = (read_scan([("a.tif", data)], 0.7) for data in files)
    for other in others:
        np.testing.assert_array_equal(other.slices, first.slices)


@pytest.mark.parametrize("name", ["K2-padding.tif", "K2-padding-2.tif"])
def test_real_padded_slices_are_read(shared, name):
    path = shared / "faults" / name
    scan = read_scan([(name, path.read_bytes())])
    stored = tifffile.imread(path)
    assert stored.min() < -1500
    assert -1100 <= scan.slices.min() <= -900
    np.testing.assert_array_equal(scan.slices[0][stored > -1000], stored[stored > -1000])
