import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.training.conftest import disc, write_labels
from training.data.dataset import load
from training.data.outlines import load as load_outlines
from training.data.prepare import PrepareError, Slices, build, main, read_labels

ROOT = Path(__file__).resolve().parents[3]


def prepared(lidc, source="folder"):
    return build(Slices(getattr(lidc, source)), read_labels(lidc.labels), progress=False)


def run(lidc, out, **changed):
    arguments = {"slices": lidc.folder, "labels": lidc.labels, "out": out} | changed
    return main([part for name, value in arguments.items() for part in (f"--{name}", str(value))])


def failure(lidc, out, **changed):
    """The exit status's sentence of a run that must fail, and that nothing was written."""
    with pytest.raises(SystemExit) as caught:
        run(lidc, out, **changed)
    assert not Path(out).exists()
    return caught.value.code


@pytest.fixture
def out(tmp_path):
    return tmp_path / "nodules.npz"


def test_what_is_loaded_are_the_png_files_and_who_outlined_what_in_them(lidc, out):
    run(lidc, out)
    outlines = load_outlines(out)
    assert len(outlines) == 3
    assert (outlines.first.tolist(), outlines.n_slices.tolist()) == ([0, 11, 12], [11, 1, 2])
    for i, key in enumerate(zip(outlines.patient, outlines.nodule, strict=True)):
        first, n = outlines.first[i], outlines.n_slices[i]
        np.testing.assert_array_equal(outlines.grey[first : first + n], lidc.stacks[key])
        np.testing.assert_array_equal(outlines.readers[first], disc((12, 5, 5)[i]))  # one reader, one slice
        assert not outlines.readers[first + 1 : first + n].any()
    assert outlines.n_readers.tolist() == [4, 1, 2]
    assert outlines.diameter_mm.tolist() == [31.5, 8.5, 8.5]


def test_slices_are_in_the_order_of_their_numbers(lidc):
    stack = Slices(lidc.folder).read(("LIDC-IDRI-0001", "nodule-0"))
    np.testing.assert_array_equal(stack, lidc.stacks["LIDC-IDRI-0001", "nodule-0"])


def test_masks_are_no_slices(lidc):
    index = Slices(lidc.folder).index
    assert {key: len(names) for key, names in index.items()} == {
        ("LIDC-IDRI-0001", "nodule-0"): 11,
        ("LIDC-IDRI-0001", "nodule-1"): 1,
        ("LIDC-IDRI-0007", "nodule-0"): 2,
        ("LIDC-IDRI-0009", "nodule-0"): 1,
    }


def test_ratings_are_kept_reader_by_reader(lidc, out):
    run(lidc, out)
    nodules = load(out)
    nan = np.nan
    np.testing.assert_array_equal(
        nodules.malignancy,
        [[5, 5, 4, 4] + [nan] * 4, [3] + [nan] * 7, [1, 2] + [nan] * 6],
    )
    np.testing.assert_array_equal(nodules.n_readers, [4, 1, 2])
    np.testing.assert_array_equal(nodules.label, [1, -1, 0])
    np.testing.assert_allclose(nodules.diameter_mm, [31.5, 8.5, 8.5])
    np.testing.assert_allclose(nodules.spacing_mm, [0.7, 0.5, 0.9])
    np.testing.assert_array_equal(nodules.descriptors, np.zeros((3, 7)))
    np.testing.assert_array_equal(
        nodules.rating_distribution,
        [[0, 0, 0, 0.5, 0.5], [0, 0, 1, 0, 0], [0.5, 0.5, 0, 0, 0]],
    )


def test_rows_whose_masks_do_not_match_are_left_out_and_counted(lidc, out, capsys):
    arrays, left_out = prepared(lidc)
    assert left_out == 1
    assert arrays["patient"].tolist() == ["LIDC-IDRI-0001", "LIDC-IDRI-0001", "LIDC-IDRI-0007"]
    run(lidc, out)
    printed = capsys.readouterr().out
    assert "3 nodules of 2 patients, 14 slices" in printed
    assert "1 rows left out (masks_match 0)" in printed


def test_folder_and_tar_give_equal_arrays(lidc):
    from_folder, from_tar = prepared(lidc)[0], prepared(lidc, "tar")[0]
    assert from_folder.keys() == from_tar.keys()
    for name, values in from_folder.items():
        np.testing.assert_array_equal(values, from_tar[name])


def test_a_folder_that_is_not_there_is_named(lidc, out, tmp_path):
    wrong = tmp_path / "nowhere"
    assert failure(lidc, out, slices=wrong) == f"error: {wrong} does not exist."


def test_a_folder_of_another_layout_is_named(lidc, out, tmp_path):
    wrong = tmp_path / "empty"
    wrong.mkdir()
    assert failure(lidc, out, slices=wrong) == (
        f"error: {wrong} holds no PATIENT/nodule-K/images/slice-N.png; "
        "expected the layout of LIDC-IDRI-slices."
    )


def test_a_file_that_is_no_tar_is_named(lidc, out):
    sentence = f"error: {lidc.labels} is neither a folder nor a tar file."
    assert failure(lidc, out, slices=lidc.labels) == sentence


@pytest.mark.parametrize("keep", [0.3, 0.8])
def test_a_tar_cut_short_is_named(lidc, out, keep):
    data = lidc.tar.read_bytes()
    lidc.tar.write_bytes(data[: int(len(data) * keep) // 512 * 512 - 300])
    sentence = failure(lidc, out, slices=lidc.tar)
    assert sentence.startswith(f"error: {lidc.tar} is damaged: ")


DAMAGE = {
    "empty": lambda data: b"",
    "text": lambda data: b"no picture",
    "cut short": lambda data: data[: len(data) // 2],
    "header": lambda data: data[:20] + b"\xa5" * 8 + data[28:],
    "pixels": lambda data: data[:200] + b"\xa5" * 60 + data[260:],
    "chunk": lambda data: data[:33] + b"\xff" * 8 + data[41:],
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_png_is_named(lidc, out, kind):
    name = Path("LIDC-IDRI-0007", "nodule-0", "images", "slice-1.png")
    path = lidc.folder / name
    path.write_bytes(DAMAGE[kind](path.read_bytes()))
    assert failure(lidc, out).startswith(f"error: {name} is damaged: ")


def test_a_missing_png_is_counted(lidc, out):
    (lidc.folder / "LIDC-IDRI-0007" / "nodule-0" / "images" / "slice-0.png").unlink()
    sentence = "error: LIDC-IDRI-0007/nodule-0 has 1 slices; the labels say 2."
    assert failure(lidc, out) == sentence


def test_a_row_without_its_folder_is_named(lidc, out):
    (lidc.folder / "LIDC-IDRI-0007").rename(lidc.folder / "LIDC-IDRI-0008")
    sentence = "error: No slices for LIDC-IDRI-0007/nodule-0, which the labels name."
    assert failure(lidc, out) == sentence


@pytest.mark.parametrize("column", ["malignancy", "masks_match", "spiculation", "n_slices"])
def test_a_label_file_that_lacks_a_column_is_refused(lidc, out, column):
    rows = [{k: v for k, v in row.items() if k != column} for row in lidc.rows]
    write_labels(lidc.labels, rows)
    assert failure(lidc, out) == f"error: {lidc.labels} lacks the columns {column}."


def test_a_label_file_that_is_not_there_is_named(lidc, out, tmp_path):
    wrong = tmp_path / "none.csv"
    sentence = f"error: {wrong} cannot be read: No such file or directory."
    assert failure(lidc, out, labels=wrong) == sentence


def test_an_empty_label_file_is_refused(lidc):
    lidc.labels.write_text("")
    with pytest.raises(PrepareError, match="lacks the columns calcification, contrast, diameter_mm"):
        read_labels(lidc.labels)


def test_labels_without_a_usable_row_are_refused(lidc, out):
    write_labels(lidc.labels, [{**row, "masks_match": "0"} for row in lidc.rows])
    assert failure(lidc, out) == "error: The labels have no usable row."


def test_main_ends_with_status_1_and_one_sentence_on_stderr(lidc, out, tmp_path):
    missing = tmp_path / "nowhere"
    command = [sys.executable, "-m", "training.data.prepare", "--labels", lidc.labels, "--out", out]
    result = subprocess.run(
        [*command, "--slices", missing], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == f"error: {missing} does not exist."


def test_main_ends_with_status_0(lidc, out):
    assert run(lidc, out, slices=lidc.tar) is None  # what sys.exit makes 0 of
    assert len(load(out)) == 3
