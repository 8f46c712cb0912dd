from argparse import Namespace

import numpy as np
import pytest

from models.imaging.lung import lung_mask
from tests.ingest.dicom_files import chest_slice, ellipse, make_ct
from training.localiser.healthy import HealthySlices
from training.localiser.views import FIELD, HEALTHY, NOBODY, RandomFields, healthy_field


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """A folder with three chest slices, the lowest one written last."""
    folder = tmp_path_factory.mktemp("series")
    for number, z in enumerate((-80, -90, -100)):
        tags = {"ImagePositionPatient": [-180, -180, z], "SeriesInstanceUID": "1.2.3"}
        (folder / f"{number}.dcm").write_bytes(make_ct(chest_slice() + z + 90, intercept=-1200.0, **tags))
    return folder


def test_all_slices_of_a_series_or_some(series):
    assert [index for _, index, _, _ in HealthySlices([series]).slices] == [0, 1, 2]
    some = HealthySlices([f"{series}:1-2", series / "0.dcm"]).slices
    assert [(len(scan.slices), index) for scan, index, _, _ in some] == [(3, 1), (3, 2), (1, 0)]


def test_fields_lie_in_the_lungs(series):
    healthy = HealthySlices([series / "0.dcm"])
    (scan, _, rows, cols), rng = healthy.slices[0], np.random.default_rng(0)
    mask = lung_mask(scan.slices[0].astype(np.float32), scan.spacing_mm)
    assert mask[rows, cols].all()
    assert len(rows) == mask.sum()
    fields = [healthy.random_field(FIELD, 0.2, 1.0, rng) for _ in range(20)]
    assert all(field.shape == (FIELD, FIELD, 3) for field in fields)
    assert all((field == field[..., :1]).all() for field in fields)  # one slice only
    assert np.mean([(field < -700).mean() for field in fields]) > 0.4


def test_channels_are_neighbouring_slices(series):
    field = HealthySlices([f"{series}:1-1"]).random_field(FIELD, 0.0, 0.0, np.random.default_rng(0))
    assert np.diff(field, axis=-1).mean() == pytest.approx(10, abs=0.01)  # each slice is 10 HU brighter


def test_nothing_is_a_nodule_there(series):
    field, share = healthy_field(HealthySlices([series]), np.random.default_rng(0))
    assert 0 <= field.min() < field.max() <= 1
    assert share.shape == (FIELD, FIELD, 1)
    assert not share.any()


def test_one_field_in_so_many_is_of_a_healthy_slice(made, series):
    args = Namespace(seed=0, views=5, batch=7)
    fields = RandomFields(made, np.arange(14), 0, args, HealthySlices([series]))
    drawn = np.concatenate(fields.batches)
    assert np.bincount(drawn[drawn != NOBODY]).tolist() == [10] * 14  # ground glass: twice
    assert (drawn == NOBODY).sum() == 10 * 14 // (HEALTHY - 1)
    number = next(i for i, batch in enumerate(fields.batches) if NOBODY in batch)
    _, shares, weight = fields[number]
    nobody = fields.batches[number] == NOBODY
    assert not shares[nobody].any()
    assert (weight[nobody] == 1).all()


class Bright:
    """A network that takes what is as bright as tissue for nodule."""

    def predict(self, fields, verbose):
        return (fields[..., 1:2] > 0.6).astype(np.float32)


def share_with_nodule(healthy):
    rng = np.random.default_rng(0)
    return np.mean([healthy.random_field(FIELD, 0.0, 1.0, rng).max() > 1500 for _ in range(200)])


def test_what_a_network_mistakes_for_a_nodule_is_shown_more_often(tmp_path):
    hu = chest_slice()
    hu[ellipse(hu.shape, 0.5, 0.30, 0.02, 0.02)] = 2000
    (tmp_path / "0.dcm").write_bytes(make_ct(hu, intercept=-1200.0))
    healthy = HealthySlices([tmp_path])
    assert share_with_nodule(healthy) < 0.3
    healthy.mine(Bright())
    places = [(row, col) for _, row, col in healthy.mistaken]
    (nodule,) = [place for place in places if np.hypot(place[0] - 255.5, place[1] - 153.3) < 2]
    healthy.mistaken = [(0, *nodule)]
    assert share_with_nodule(healthy) > 0.5
