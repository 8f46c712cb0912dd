import io
import time
import zipfile

import numpy as np
import pydicom
import pytest
from PIL import Image

from models.imaging.lung import lung_area_mm2, lung_mask
from tests.ingest import body
from tests.ingest.dicom_files import ellipse

PIXEL_MM2 = 0.7 * 0.7


def lungs_drawn(cols=(0.3, 0.7), size=1.0):
    return np.logical_or.reduce([ellipse(body.SHAPE, 0.5, col, 0.24 * size, 0.15 * size) for col in cols])


def share(part, whole):
    return (part & whole).sum() / whole.sum()


def hu_of(dataset):
    hu = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    return np.where(hu < -1500, -1024, hu)


def test_both_lungs_with_their_vessels_are_in_the_mask_and_little_else():
    mask = lung_mask(body.chest(), body.SPACING_MM)
    assert mask.dtype == bool
    assert mask.shape == body.SHAPE
    assert share(lungs_drawn(), mask) > 0.8
    assert mask[lungs_drawn()].all()
    assert not mask[ellipse(body.SHAPE, 0.42, 0.5, 0.01, 0.01)].any()  # trachea


@pytest.mark.parametrize(("lost", "kept"), [(0.3, 0.7), (0.7, 0.3)])
def test_one_lung_without_air_leaves_the_other(lost, kept):
    hu = body.chest(**{"left" if lost == 0.3 else "right": None})
    mask = lung_mask(hu, body.SPACING_MM)
    assert mask[lungs_drawn((kept,))].all()
    assert not mask[lungs_drawn((lost,))].any()


@pytest.mark.parametrize("level", [-970, -900, -750, -600])
def test_emphysema_and_dense_lung_are_lung(level):
    assert lung_mask(body.chest(left=level, right=level), body.SPACING_MM)[lungs_drawn()].mean() > 0.99


@pytest.mark.parametrize("diameter_mm", [6, 15, 25, 35])
@pytest.mark.parametrize("location", ["within", "at the pleura"])
def test_a_solid_nodule_is_in_the_mask(diameter_mm, location):
    radius = diameter_mm / 2 / 0.7 / 511
    col = 0.3 if location == "within" else 0.3 - 0.15 + radius
    nodule = (0.5, col, radius, radius, 40)
    mask = lung_mask(body.paint([body.TRUNK, *body.lung_parts(), nodule]), body.SPACING_MM)
    assert share(mask, ellipse(body.SHAPE, *nodule[:4])) > 0.9


def test_the_apices_are_found_and_the_trachea_between_them_is_not():
    mask = lung_mask(body.chest(size=0.2), body.SPACING_MM)
    assert mask[lungs_drawn(size=0.2)].all()
    assert mask.sum() * PIXEL_MM2 < 3 * lungs_drawn(size=0.2).sum() * PIXEL_MM2
    assert not mask[ellipse(body.SHAPE, 0.42, 0.5, 0.01, 0.01)].any()


@pytest.mark.parametrize(
    "cut",
    [
        np.s_[:, 120:],
        np.s_[:, 120:400],
        np.s_[150:360],
        np.s_[100:410, 60:250],
        np.s_[170:340, 80:220],
    ],
    ids=["one lung cut", "both cut", "front and back cut", "one lung alone", "within one lung"],
)
def test_lungs_at_the_edge_of_a_small_field_are_found(cut):
    mask = lung_mask(body.chest()[cut], body.SPACING_MM)
    assert mask[lungs_drawn()[cut]].mean() > 0.97


def test_a_body_cut_by_the_field_and_padding_around_it_do_no_harm():
    hu = np.where(ellipse(body.SHAPE, 0.5, 0.5, 0.4, 0.4), body.chest(), -1024)
    mask = lung_mask(hu, body.SPACING_MM)
    assert mask[lungs_drawn()].all()
    assert not mask[~ellipse(body.SHAPE, 0.5, 0.5, 0.41, 0.41)].any()


def test_mattress_and_table_are_no_lung():
    hu = body.chest().copy()
    hu[440:490] = -930
    hu[490:496] = -200
    assert not lung_mask(hu, body.SPACING_MM)[440:].any()
    hu = body.water_cylinder()
    hu[440:490] = -930
    assert lung_area_mm2(hu, body.SPACING_MM) == 0


@pytest.mark.parametrize(
    "hu",
    [body.head_with_cells(), body.legs(True), body.legs(False), body.abdomen(), body.water_cylinder()],
    ids=["head", "legs apart", "legs together", "bowel gas", "water"],
)
def test_what_has_no_lung_has_an_empty_mask(hu):
    assert not lung_mask(hu, body.SPACING_MM).any()
    assert lung_area_mm2(hu, body.SPACING_MM) == 0


@pytest.mark.parametrize("value", [-1024, 0, 3000])
def test_a_uniform_slice_has_an_empty_mask(value):
    assert not lung_mask(np.full((64, 50), value, np.int16), (0.7, 0.7)).any()


def test_area_and_mask_follow_the_spacing():
    wide = np.asarray(Image.fromarray(body.chest()).resize((256, 512), Image.Resampling.BOX))
    expected = lungs_drawn().sum() * PIXEL_MM2
    assert lung_area_mm2(wide, (0.7, 1.4)) == pytest.approx(expected, rel=0.1)
    assert lung_area_mm2(body.chest(), (1.4, 1.4)) == pytest.approx(4 * expected, rel=0.1)
    assert lung_mask(wide, (0.7, 1.4)).shape == (512, 256)


def test_whole_numbers_and_a_read_only_slice_are_taken():
    hu = body.chest()
    whole = hu.round().astype(np.int16)
    whole.flags.writeable = False
    assert share(lung_mask(whole, body.SPACING_MM), lung_mask(hu, body.SPACING_MM)) > 0.99


def test_a_slice_takes_less_than_60_ms_of_processor_time():
    hu = body.chest()
    lung_mask(hu, body.SPACING_MM)
    started = time.process_time()
    for _ in range(5):
        lung_mask(hu, body.SPACING_MM)
    assert (time.process_time() - started) / 5 < 0.06


def test_the_nodule_of_a_real_series_is_in_the_mask(shared):
    folder = shared / "dicom" / "lidc-0002"
    dataset = pydicom.dcmread(folder / "069.dcm")
    mask = lung_mask(hu_of(dataset), tuple(map(float, dataset.PixelSpacing)))
    assert mask[351:377, 333:357].mean() > 0.8
    assert 0.05 < mask.mean() < 0.25


def test_lung_ends_where_the_neck_of_a_real_series_begins(shared):
    areas = []
    with zipfile.ZipFile(shared / "dicom" / "lungfcp-0001.zip") as archive:
        for name in sorted(name for name in archive.namelist() if not name.endswith("/"))[::7]:
            dataset = pydicom.dcmread(io.BytesIO(archive.read(name)))
            areas.append(lung_area_mm2(hu_of(dataset), tuple(map(float, dataset.PixelSpacing))))
    assert areas[:3] == [0, 0, 0]
    assert all(area > 2000 for area in areas[4:])
