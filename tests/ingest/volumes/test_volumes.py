"""Volumes of other formats against the same scan as DICOM: orientation, HU, spacing, positions."""

import gzip
import io
import itertools
import zlib

import nibabel
import nrrd
import numpy as np
import pytest

from models.errors import UserError
from models.ingest.limits import Limits
from models.ingest.read import read_scan
from tests.ingest.body import chest, water_cylinder
from tests.ingest.dicom_files import make_ct
from tests.ingest.series_files import make_series, make_slice, make_zip, marked

SPACING, ORIGIN = (0.6, 0.8, 2.0), (-180.0, -180.0, -90.0)  # x, y, z
N_SLICES = 5
VALUES = np.stack([marked(i) for i in range(N_SLICES)]).T  # x, y, z
LPS = np.diag([*SPACING, 1.0])
LPS[:3, 3] = ORIGIN
RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
WAYS = [
    (axes, flips)
    for axes in itertools.permutations(range(3))
    for flips in itertools.product((0, 1), repeat=3)
]


@pytest.fixture(scope="module")
def dicom():
    """The same scan as DICOM."""
    return read_scan(make_series(N_SLICES, PixelSpacing=[SPACING[1], SPACING[0]]))


def turned(axes, flips, values=VALUES, affine=LPS):
    """The same volume stored along other axes, and its affine map."""
    affine = affine.copy()
    for axis, flip in enumerate(flips):
        if flip:
            affine[:3, 3] += affine[:3, axis] * (values.shape[axis] - 1)
            affine[:3, axis] *= -1
            values = np.flip(values, axis)
    return values.transpose(axes), affine[:, [*axes, 3]]


def nifti(values, affine, kind=nibabel.Nifti1Image, code=1, slope=None, units="mm"):
    image = kind(values, RAS @ affine)
    image.header.set_xyzt_units(units)
    image.set_sform(RAS @ affine, code)
    image.set_qform(RAS @ affine, code)
    if slope:
        image.header.set_slope_inter(*slope)
    return image.to_bytes()


def nrrd_file(values, affine, space="left-posterior-superior", **more):
    header = {"space": space, "space directions": affine[:3, :3].T, "space origin": affine[:3, 3], **more}
    buffer = io.BytesIO()
    nrrd.write(buffer, np.asfortranarray(values), header)
    return buffer.getvalue()


def meta(values, affine, where="LOCAL", packed=False, big=False, **more):
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    raw = np.asarray(values).astype(values.dtype.newbyteorder(">" if big else "<")).tobytes(order="F")
    raw = zlib.compress(raw) if packed else raw
    names = {"i2": "MET_SHORT", "f4": "MET_FLOAT", "f8": "MET_DOUBLE", "i4": "MET_INT"}
    fields = {
        "ObjectType": "Image",
        "NDims": 3,
        "BinaryData": True,
        "BinaryDataByteOrderMSB": big,
        "CompressedData": packed,
        "TransformMatrix": " ".join(str(x) for x in (affine[:3, :3] / spacing).T.ravel()),
        "Offset": " ".join(map(str, affine[:3, 3])),
        "ElementSpacing": " ".join(map(str, spacing)),
        "DimSize": " ".join(map(str, values.shape)),
        "ElementType": names[values.dtype.str[1:]],
        **more,
        "ElementDataFile": where,
    }
    header = "".join(f"{name} = {value}\n" for name, value in fields.items() if value is not None).encode()
    return header + raw if where == "LOCAL" else (header, raw)


def read(*files, **options):
    return read_scan(
        [(f"{i}", data) if isinstance(data, bytes) else data for i, data in enumerate(files)], **options
    )


def refusal(*files, **options):
    with pytest.raises(UserError) as caught:
        read(*files, **options)
    return caught.value


def codes(scan):
    return [notice.code for notice in scan.notices]


def assert_same(scan, dicom):
    np.testing.assert_array_equal(scan.slices, dicom.slices)
    assert scan.slices.dtype == dicom.slices.dtype
    assert scan.spacing_mm == pytest.approx(dicom.spacing_mm, rel=1e-6)
    assert scan.positions_mm == pytest.approx(dicom.positions_mm, abs=1e-4)
    assert (scan.orientation, scan.is_hu, scan.spacing_assumed) == (dicom.orientation, True, False)
    assert (scan.references, scan.contrast) == (None, None)


@pytest.mark.parametrize("make", [nifti, nrrd_file, meta])
@pytest.mark.parametrize(("axes", "flips"), WAYS)
def test_a_volume_is_the_same_scan_as_its_dicom_files_however_it_is_stored(dicom, make, axes, flips):
    scan = read(make(*turned(axes, flips)))
    assert_same(scan, dicom)
    assert codes(scan) == ["units_assumed"]


STORED = {
    "NIfTI-2": nifti(VALUES, LPS, nibabel.Nifti2Image),
    "NIfTI, gzip": gzip.compress(nifti(VALUES, LPS), mtime=0),
    "NIfTI, float": nifti(VALUES.astype(np.float32), LPS),
    "NIfTI, scaled": nifti((VALUES + 1024).astype(np.uint16), LPS, slope=(1.0, -1024.0)),
    "NIfTI, in m": nifti(VALUES, np.diag([0.001, 0.001, 0.001, 1]) @ LPS, units="meter"),
    "NIfTI, big endian": nibabel.Nifti1Image(
        VALUES, RAS @ LPS, nibabel.Nifti1Header(endianness=">")
    ).to_bytes(),
    "NIfTI, 4 axes": nifti(VALUES[..., None], LPS),
    "NRRD, raw": nrrd_file(VALUES, LPS, encoding="raw"),
    "NRRD, RAS": nrrd_file(VALUES, RAS @ LPS, "right-anterior-superior"),
    "NRRD, gzip": gzip.compress(nrrd_file(VALUES, LPS, encoding="raw"), mtime=0),
    "NRRD, float": nrrd_file(VALUES.astype(np.float32), LPS),
    "MetaImage, zlib": meta(VALUES, LPS, packed=True),
    "MetaImage, big endian": meta(VALUES, LPS, big=True),
    "MetaImage, double": meta(VALUES.astype(np.float64), LPS),
}


@pytest.mark.parametrize("name", STORED)
def test_volumes_are_read_whatever_way_they_are_stored(dicom, name):
    assert_same(read(STORED[name]), dicom)
    assert_same(read(make_zip([("scan", STORED[name]), ("notes.txt", b"-")])), dicom)


@pytest.mark.parametrize("packed", [False, True])
def test_a_header_and_its_values_in_two_files_are_read_together(dicom, packed):
    header, raw = meta(VALUES, LPS, where="Scan.RAW", packed=packed)
    detached = nrrd_file(VALUES, LPS, encoding="gzip" if packed else "raw")
    start = detached.index(b"\n\n") + 1
    nhdr = detached[:start] + b"data file: C:\\scans\\Scan.RAW\n"
    for files in (
        [("a/scan.mhd", header), ("a/scan.raw", raw)],
        [("scan.nhdr", nhdr), ("scan.raw", detached[start + 1 :])],
        [
            ("scan.nhdr", nhdr.replace(b".RAW", b".raw.gz")),
            ("scan.raw.gz", gzip.compress(VALUES.tobytes("F"), mtime=0)),
        ],
    ):
        for order in (files, files[::-1]):
            assert_same(read(*order), dicom)
        assert_same(read(("a.zip", make_zip(files))), dicom)
        error = refusal(files[0])
        assert (error.code, "send both together" in error.message) == ("unsupported_file", True)


def test_no_file_of_the_computer_is_opened_for_a_header(tmp_path):
    path = tmp_path / "values.raw"
    path.write_bytes(VALUES.tobytes(order="F"))
    header, _ = meta(VALUES, LPS, where=str(path))
    nhdr = nrrd_file(VALUES, LPS, encoding="raw")
    nhdr = nhdr[: nhdr.index(b"\n\n") + 1] + f"data file: {path}\n".encode()
    for data in (header, nhdr):
        assert refusal(data).code == "unsupported_file"


def test_a_rotated_volume_keeps_its_own_pixels_and_says_its_tilt(dicom):
    angle = np.radians(10)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    grid = [1, 0, 0, 0, float(np.cos(angle)), float(np.sin(angle))]
    places = [(turn @ LPS @ [0, 0, k, 1])[:3] for k in range(N_SLICES)]
    files = [
        (
            "",
            make_slice(
                k,
                ImagePositionPatient=[*map(float, place)],
                ImageOrientationPatient=grid,
                PixelSpacing=[0.8, 0.6],
            ),
        )
        for k, place in enumerate(places)
    ]
    wanted = read_scan(files)
    scan = read(nifti(VALUES, turn @ LPS))
    assert_same(scan, wanted)
    assert [n.message for n in scan.notices if n.code == "gantry_tilt"] == [n.message for n in wanted.notices]
    angle = np.radians(40)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    assert refusal(nifti(VALUES, turn @ LPS)).code == "not_axial"


def test_padding_is_air_as_in_dicom_and_other_regions_are_refused():
    padded = np.where(np.indices(chest().shape)[0] < 9, -3024, np.rint(chest()))
    grid = np.diag([0.7, 0.7, 2.0, 1.0])
    wanted = read_scan([("a", make_ct(padded, signed=True, intercept=0))])
    scan = read(nifti(padded.T[..., None].astype(np.int16), grid))
    np.testing.assert_array_equal(scan.slices, wanted.slices)
    water = np.rint(water_cylinder()).T[..., None].astype(np.int16)
    assert refusal(nifti(water, grid)).code == "not_chest"


@pytest.mark.parametrize(
    "values",
    [VALUES + 1024, (VALUES + 1024) / 4000, VALUES * 100.0, VALUES > 0, np.zeros_like(VALUES)],
    ids=["from 0", "to 1", "beyond", "mask", "empty"],
)
def test_values_that_are_no_hu_are_refused_with_the_reason(values):
    error = refusal(nifti(values.astype(np.float32), LPS))
    assert (error.code, "not Hounsfield units" in error.message) == ("not_ct", True)


def test_a_volume_that_does_not_say_where_it_lies_is_warned_of(dicom):
    image = nibabel.Nifti1Image(VALUES[:, ::-1], None)
    image.header.set_zooms(SPACING)
    scan = read(image.to_bytes())
    np.testing.assert_array_equal(scan.slices, dicom.slices)  # x to the left, y to the front
    assert codes(scan) == ["units_assumed", "order_assumed"]
    bare = meta(VALUES, LPS, TransformMatrix=None)
    assert codes(read(bare)) == ["units_assumed", "order_assumed"]
    bare = nrrd_file(VALUES, LPS, encoding="raw").replace(
        b"space: left-posterior-superior\n", b"space dimension: 3\n"
    )
    assert codes(read(bare)) == ["units_assumed", "order_assumed"]


def test_spacing_that_cannot_be_is_not_used():
    scan = read(nifti(VALUES, np.diag([50.0, 50.0, 2.0, 1.0])), spacing_mm=0.6)
    assert scan.spacing_mm == (0.6, 0.6)
    assert read(nifti(VALUES, np.diag([50.0, 50.0, 2.0, 1.0]))).spacing_assumed


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (nifti(np.stack([VALUES, VALUES], axis=-1), LPS), "mixed_series"),
        (nifti(VALUES.astype(np.complex64), LPS), "unsupported_file"),
        (nifti(VALUES, LPS).replace(b"n+1\0", b"ni1\0"), "unsupported_file"),
        (nrrd_file(VALUES, LPS, encoding="ascii"), "unsupported_file"),
        (nrrd_file(VALUES, LPS, encoding="bzip2"), "unsupported_file"),
        (meta(VALUES, LPS, ElementNumberOfChannels=3), "unsupported_file"),
        (meta(VALUES, LPS, BinaryData=False), "unsupported_file"),
        (meta(VALUES, LPS, where="slice%03d.raw")[0], "unsupported_file"),
        (meta(VALUES, LPS, DimSize="0 24 5"), "corrupt_file"),
        (meta(VALUES, LPS, DimSize="32 24 50"), "corrupt_file"),
        (meta(VALUES, LPS, Offset="0 0 nan"), "corrupt_file"),
        (meta(VALUES, LPS, TransformMatrix="0 0 0 0 0 0 0 0 0"), "corrupt_file"),
        (meta(VALUES, LPS, ElementType="MET_OTHER"), "corrupt_file"),
        (meta(VALUES, LPS)[:300], "corrupt_file"),
        (meta(VALUES, LPS, packed=True)[:-200], "corrupt_file"),
        (gzip.compress(nifti(VALUES, LPS), mtime=0)[:-100], "corrupt_file"),
        (gzip.compress(b"Dear colleague", mtime=0), "unsupported_file"),
        (gzip.compress(bytes(257) + b"ustar\0" + bytes(300), mtime=0), "unsupported_file"),
    ],
)
def test_what_is_not_read_is_refused_with_the_reason(data, code):
    assert refusal(data).code == code


@pytest.mark.parametrize("name", STORED)
def test_a_volume_cut_anywhere_is_refused(name):
    data = STORED[name]
    for percent in range(1, 100, 9):
        assert refusal(data[: len(data) * percent // 100]).code in ("corrupt_file", "unsupported_file")


@pytest.mark.parametrize("name", STORED)
def test_random_damage_gives_a_scan_or_a_refusal(name):
    rng = np.random.default_rng(0)
    for _ in range(25):
        damaged = bytearray(STORED[name])
        for place in rng.integers(0, 400, 3):
            damaged[place] = rng.integers(256)
        try:
            assert read(bytes(damaged)).slices.ndim == 3
        except UserError:
            continue


def test_bounds_hold_before_anything_is_unpacked():
    data = nifti(VALUES, LPS)
    assert len(read(data, limits=Limits(pixels=VALUES.size)).slices) == N_SLICES
    assert refusal(data, limits=Limits(pixels=VALUES.size - 1)).code == "too_large"
    assert refusal(meta(VALUES, LPS, DimSize="30000 30000 30000")).code == "too_large"
    bomb = gzip.compress(bytes(3_000_000), mtime=0)
    assert refusal(bomb, limits=Limits(zip_small_bytes=1_000_000)).code == "too_large"


def test_one_volume_is_read_at_a_time_and_not_beside_others():
    volume, slice_ = nifti(VALUES, LPS), make_slice(0)
    assert refusal(volume, volume).code == "mixed_series"
    assert refusal(volume, slice_).message.startswith("The upload mixes DICOM files and volumes;")
    assert len(read(make_zip([("a.nii", volume), ("b.dcm", slice_)])).slices) == 1  # of a CD, DICOM counts


def test_dicom_files_packed_by_gzip_are_read(dicom):
    files = [(f"{name}.gz", gzip.compress(data, mtime=0)) for name, data in make_series(N_SLICES)]
    np.testing.assert_array_equal(read_scan(files).slices, dicom.slices)
    np.testing.assert_array_equal(read(make_zip(files)).slices, dicom.slices)
