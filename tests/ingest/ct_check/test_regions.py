import io
import time
import zipfile

import numpy as np
import pydicom
import pytest

from models.errors import ContentDoubted
from models.ingest.ct_check.check import refuse_other_regions
from models.ingest.read import read_scan
from tests.ingest import body
from tests.ingest.dicom_files import chest_slice, head_slice, make_ct


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


def test_what_is_too_small_and_a_picture_are_not_judged():
    assert not not_chest(body.water_cylinder()[200:256, 200:256])
    assert not not_chest(body.water_cylinder(), is_hu=False)


@pytest.mark.parametrize("edge_mm", [60, 90, 150, 200])
@pytest.mark.parametrize("col", [0.24, 0.3, 0.7])
def test_a_small_field_of_lung_is_chest(edge_mm, col):
    half = round(edge_mm / 0.7 / 2)
    row, col = 256, round(col * 511)
    part = body.chest()[max(0, row - half) : row + half, max(0, col - half) : col + half]
    assert not not_chest(part)


@pytest.mark.parametrize("scale", [0.6, 1.3])
def test_a_child_and_a_large_patient_are_chest(scale):
    assert not not_chest(body.chest(), spacing_mm=(0.7 * scale, 0.7 * scale))


def face():
    """Air-filled sinuses and nose among the bones of a face, with no vessels within."""
    parts = [(0.5, 0.5, 0.46, 0.4, 40)]
    for col in (0.32, 0.68):
        parts += [(0.45, col, 0.14, 0.11, 1100), (0.45, col, 0.11, 0.085, -850), (0.75, col, 0.1, 0.05, 1300)]
    parts += [(0.35, 0.5, 0.13, 0.05, 60), (0.35, 0.48, 0.11, 0.015, -900), (0.6, 0.5, 0.08, 0.12, -850)]
    return body.paint([*parts, (0.85, 0.5, 0.06, 0.12, 1200)], noise_hu=100)


def spine():
    """A small field around a vertebra, with gas of the bowel before it."""
    parts = [(0.5, 0.5, 0.7, 0.7, 30), (0.6, 0.5, 0.15, 0.2, 400), (0.8, 0.5, 0.1, 0.05, 500)]
    return body.paint([*parts, (0.2, 0.35, 0.07, 0.1, body.GAS), (0.15, 0.7, 0.05, 0.08, body.GAS)])


@pytest.mark.parametrize("spacing_mm", [0.3, 0.35])
@pytest.mark.parametrize("hu", [face(), spine(), body.water_cylinder()], ids=["face", "spine", "water"])
def test_a_small_field_of_another_region_is_refused(hu, spacing_mm):
    assert not_chest(hu, spacing_mm=(spacing_mm, spacing_mm))
    assert not_chest(*[hu] * 12, spacing_mm=(spacing_mm, spacing_mm))


def test_a_label_of_another_region_asks_for_more_lung():
    sliver = BASE_SLIVER
    assert body.code_of(refuse_other_regions, sliver[None], body.SPACING_MM, True, False) is None
    assert body.code_of(refuse_other_regions, sliver[None], body.SPACING_MM, True, True) == "not_chest"
    assert body.code_of(refuse_other_regions, body.chest()[None], body.SPACING_MM, True, True) is None


def test_a_face_is_refused_with_and_without_its_label_and_read_with_its_scan():
    for label in ({}, {"BodyPartExamined": "FACE"}):
        with pytest.raises(ContentDoubted) as doubt:
            read_scan([("a.dcm", make_ct(np.maximum(face(), -1024), PixelSpacing=[0.3, 0.3], **label))])
        assert doubt.value.code == "not_chest"
        codes = [notice.code for notice in doubt.value.scan.notices]
        assert codes[0] == "content_doubted"
        assert ("region_label" in codes) == bool(label)
        assert doubt.value.scan.slices.shape == (1, 512, 512)


def test_a_real_face_is_refused(shared):
    with pytest.raises(ContentDoubted) as doubt:
        read_scan([("face.zip", (shared / "faults" / "K1-face.zip").read_bytes())])
    assert doubt.value.code == "not_chest"
    spacing = doubt.value.scan.spacing_mm
    assert sum(not_chest(hu, spacing_mm=spacing) for hu in doubt.value.scan.slices) >= 12


@pytest.mark.parametrize("edge_mm", [60, 100, 200])
def test_parts_of_real_slices_around_their_nodule_are_chest(shared, edge_mm):
    for path in sorted((shared / "dicom" / "lidc-0002").iterdir())[::5]:
        hu, half = body.hu_of(pydicom.dcmread(path)), round(edge_mm / 0.68 / 2)
        part = hu[max(0, 360 - half) : 360 + half, max(0, 341 - half) : 341 + half]
        assert not not_chest(part, spacing_mm=(0.68, 0.68))


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
