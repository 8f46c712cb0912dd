import io
import zipfile

import numpy as np
import pytest

from models.errors import UserError
from models.imaging.scan import Orientation
from models.ingest.read import read_scan
from models.ingest.source import Source


@pytest.fixture(scope="module")
def lidc(shared):
    """(name, bytes) of twelve neighbouring slices; the names count from the head to the feet."""
    paths = sorted((shared / "dicom" / "lidc-0002").iterdir())
    return [(path.name, path.read_bytes()) for path in paths]


def test_neighbouring_slices_come_feet_to_head(lidc):
    scan = read_scan(lidc)
    assert scan.slices.shape == (12, 512, 512)
    assert scan.slices.dtype == np.int16
    assert scan.is_hu
    assert scan.positions_mm == tuple(-94.5 + 1.25 * i for i in range(12))
    assert scan.thickness_mm == 1.25
    assert scan.spacing_mm == (0.681641, 0.681641)
    assert scan.orientation == Orientation()
    assert scan.notices == ()
    for index, (_, data) in zip((0, 11), (lidc[-1], lidc[0]), strict=True):
        np.testing.assert_array_equal(scan.slices[index], read_scan([("a", data)]).slices[0])


def test_a_whole_series_in_a_zip_is_read_in_order(shared):
    with (shared / "dicom" / "lungfcp-0001.zip").open("rb") as file:
        scan = read_scan([Source.of_stream("a.zip", file)])
    assert scan.slices.shape == (98, 512, 512)
    assert scan.slice_spacing_mm == pytest.approx(1)
    assert np.diff(scan.positions_mm) == pytest.approx(np.ones(97))
    assert scan.thickness_mm == 2
    assert scan.notices == ()
    lung = [(pixels < -500)[128:384].mean() for pixels in scan.slices[::97]]
    assert lung[0] > lung[1] + 0.1  # the aortic arch is below, the neck above


def test_two_patients_are_two_series(shared, lidc):
    with zipfile.ZipFile(shared / "dicom" / "lungfcp-0001.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".dcm")][:3]
        others = [(name, archive.read(name)) for name in names]
    with pytest.raises(UserError) as caught:
        read_scan(lidc + others)
    assert caught.value.code == "mixed_series"
    assert "12 slices of 1.25 mm" in caught.value.message
    assert "3 slices of 2 mm, kernel B31f" in caught.value.message


def test_other_objects_beside_a_series_are_left_out(shared, lidc):
    others = [(name, (shared / "dicom" / "refuse" / f"{name}.dcm").read_bytes()) for name in REFUSED]
    del others[0]  # the head is a series of its own
    scan = read_scan([*others, *lidc[:2]])
    assert len(scan.slices) == 2
    assert [notice.code for notice in scan.notices] == ["left_out"]


REFUSED = {
    "ct_head": "not_chest",
    "mr": "not_ct",
    "mr_truncated": "not_ct",
    "rtstruct": "not_ct",
    "structured_report": "not_ct",
}


@pytest.mark.filterwarnings("ignore:End of file reached")
@pytest.mark.parametrize(("name", "code"), REFUSED.items())
@pytest.mark.parametrize("pack", [False, True], ids=["file", "zip"])
def test_other_objects_alone_are_refused(shared, name, code, pack):
    data = (shared / "dicom" / "refuse" / f"{name}.dcm").read_bytes()
    if pack:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("CT/1", data)
        data = buffer.getvalue()
    with pytest.raises(UserError) as caught:
        read_scan([("a", data)])
    assert caught.value.code == code
