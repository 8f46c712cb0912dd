import io
import time
import zipfile

import numpy as np
import pydicom
import pytest

from models.imaging.content import refuse_other_regions
from tests.imaging import body
from tests.imaging.dicom_files import chest_slice, head_slice


def not_chest(*slices, spacing_mm=body.SPACING_MM, is_hu=True):
    return body.code_of(refuse_other_regions, np.stack(slices), spacing_mm, is_hu) == "not_chest"


BASE_SLIVER = body.paint([body.TRUNK, (0.75, 0.75, 0.012, 0.06, -800)])


@pytest.mark.parametrize(
    "hu",
    [
        chest_slice(),
        body.chest(),
        body.chest(left=None),
        body.chest(size=0.2),
        body.chest(left=-970, right=-970),
        BASE_SLIVER,
    ],
    ids=["plain", "with vessels", "one lung opaque", "apex", "emphysema", "base"],
)
def test_slices_with_lung_are_chest(hu):
    assert not not_chest(hu)


WITHOUT_LUNG = {
    "head": head_slice(),
    "head with sinuses and mastoids": body.head_with_cells(),
    "legs apart": body.legs(True),
    "legs together": body.legs(False),
    "abdomen": body.abdomen(),
    "abdomen with more gas": body.abdomen(3),
    "water": body.water_cylinder(),
    "neck": body.paint([(0.5, 0.5, 0.2, 0.2, 40), (0.45, 0.5, 0.02, 0.02, -990)]),
    "air": body.paint([]),
}


@pytest.mark.parametrize("hu", WITHOUT_LUNG.values(), ids=WITHOUT_LUNG)
def test_slices_without_lung_are_refused(hu):
    assert not_chest(hu)


@pytest.mark.parametrize(("chests", "refused"), [(0, True), (2, False), (10, False)])
def test_a_series_needs_one_slice_of_chest(chests, refused):
    others = [body.abdomen(seed) for seed in range(4)] * 3
    assert not_chest(*others, *[body.chest()] * chests) == refused


def test_a_part_of_a_slice_and_a_picture_are_not_judged():
    assert not not_chest(body.water_cylinder()[200:328, 200:328])
    assert not not_chest(body.water_cylinder(), spacing_mm=(0.3, 0.3))
    assert not not_chest(body.water_cylinder(), is_hu=False)


def test_a_long_series_is_judged_within_half_a_second_of_processor_time():
    volume = np.broadcast_to(body.water_cylinder().astype(np.int16), (300, *body.SHAPE))
    started = time.process_time()
    assert body.code_of(refuse_other_regions, volume, body.SPACING_MM, True) == "not_chest"
    assert time.process_time() - started < 0.5


def test_a_real_series_passes_whole_and_its_neck_is_refused(shared):
    with zipfile.ZipFile(shared / "dicom" / "lungfcp-0001.zip") as archive:
        names = sorted(name for name in archive.namelist() if not name.endswith("/"))[::8]
        volume = [body.hu_of(pydicom.dcmread(io.BytesIO(archive.read(name)))) for name in names]
    spacing = (0.76, 0.76)
    assert not not_chest(*volume, spacing_mm=spacing)
    assert not not_chest(volume[-1], spacing_mm=spacing)
    assert not_chest(volume[0], spacing_mm=spacing)


def test_a_real_head_is_refused(shared):
    dataset = pydicom.dcmread(shared / "dicom" / "refuse" / "ct_head.dcm")
    assert not_chest(body.hu_of(dataset), spacing_mm=(0.468, 0.468))
