"""Scores for a list of nodules: one row each, whatever the files are."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app import ROOT
from models.imaging.phantom import draw_phantom
from models.ingest.read import read_scan
from models.ingest.sandbox.decoder import IS_ISOLATED, Decoder
from models.networks.registry import ARCHITECTURES
from tests import several_series
from tests.conftest import encode, post, upload
from tests.ingest.series_files import make_zip
from tests.reports.dicom.made_finding import make_nothing
from tests.training.score.lists import KINDS, table
from training.score.__main__ import CANNOT, COMPLETE, WITH_ERRORS
from training.score.manifest import Group, Nodule, read_manifest
from training.score.rows import COLUMNS, row_of
from training.score.scorer import Scorer

WEIGHTS = ROOT / "weights"


def test_a_row_holds_the_answer_that_the_web_gives(score, client, crops, tmp_path):
    out = tmp_path / "scores.parquet"
    assert score(crops, "--out", out)[0] == COMPLETE
    rows = table(out)
    assert [row["file"] for row in rows] == [f"{kind}.png" for kind in KINDS]
    web = post(client, upload((tmp_path / "smooth.png").read_bytes()), spacing_mm="0.7").json
    row = rows[1]
    assert set(row) == set(COLUMNS)
    for name in ("verdict", "probability", "nodule_probability", "threshold"):
        assert row[name] == web[name]
    for model in web["models"]:
        assert row[f"probability_{model['key']}"] == model["probability"]
    for name in ("row", "col", "slice"):
        assert row[f"used_{name}"] == web["nodule"][name]
    for name in ("source", "long_axis_mm", "short_axis_mm"):
        assert row[name] == web["nodule"][name]
    assert {name: row[name] for name in web["characteristics"]} == web["characteristics"]
    assert (row["row"], row["col"], row["slice"], row["spacing_mm"]) == ("", "", "", 0.7)
    assert (row["warnings"], row["error_code"], row["error"]) == ("", None, None)
    assert {name: row[name] for name in web["version"]} == web["version"]
    assert rows[0] == rows[2]


def test_without_a_nodule_the_row_has_a_verdict_and_no_scores():
    scan = read_scan([("a.png", encode(draw_phantom("smooth")))], 0.7)
    nodule = Nodule(0, {"file": "a.png", "row": "", "col": "", "slice": "", "series": ""})
    row = row_of(nodule, make_nothing(scan))
    assert set(row) <= set(COLUMNS)
    assert (row["verdict"], row["probability"], row["nodule_probability"]) == ("no_nodule", None, 0.03125)
    assert {row[f"probability_{key}"] for key in ARCHITECTURES} == {None}
    assert (row["long_axis_mm"], row["short_axis_mm"]) == (None, None)


def test_each_nodule_has_its_row_and_bad_files_stop_nothing(score, client, mixed, tmp_path):
    manifest, codes = mixed
    out = tmp_path / "scores.csv"
    status, said = score(manifest, "--out", out)
    assert status == WITH_ERRORS
    assert "12 rows, 7 with an error" in said
    assert "bad_number: 2" in said
    with open(out, newline="") as file:
        rows = list(csv.DictReader(file))
    with open(manifest, newline="") as file:
        given = list(csv.DictReader(file))
    names = ("file", "row", "col", "slice")
    assert [[row[name] for name in names] for row in rows] == [[row[name] for name in names] for row in given]
    assert [row["error_code"] or None for row in rows] == codes
    assert [bool(row["verdict"]) for row in rows] == [code is None for code in codes]
    assert all(bool(row["error"]) == bool(row["error_code"]) for row in rows)
    assert [rows[4]["used_slice"], rows[5]["used_slice"], rows[7]["source"]] == ["2", "1", "centre"]
    assert rows[1] == rows[11]
    files = [upload(path.read_bytes(), path.name) for path in sorted((tmp_path / "series").iterdir())]
    web = post(client, files, row="63", col="63", slice="2").json
    assert (rows[4]["verdict"], float(rows[4]["probability"])) == (web["verdict"], web["probability"])


def test_a_file_is_read_once_for_all_its_nodules(score, mixed, tmp_path, monkeypatch):
    read, real = [], Decoder.read

    def counted(decoder, sources, *rest):
        read.append(Path(sources[0].name).name if sources else None)
        return real(decoder, sources, *rest)

    monkeypatch.setattr("training.score.scorer.Decoder.read", counted)
    score(mixed[0], "--out", tmp_path / "scores.csv")
    assert read == ["cut.png", "crop.png", "0.dcm", "stack.zip", "letter.txt", None, "crop.png"]


@pytest.mark.skipif(not IS_ISOLATED, reason="decoding has a process of its own on Linux only")
def test_files_that_are_not_decoded_in_time_get_their_rows(app, tmp_path):
    (tmp_path / "slow").mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (4000, 4000), np.uint8)
    for n in range(3):
        Image.fromarray(noise).save(tmp_path / "slow" / f"{n}.png", compress_level=0)
    nodule = Nodule(0, {"file": "slow", "row": "", "col": "", "slice": "", "series": ""})
    (row,) = Scorer(WEIGHTS, app.registry, Decoder(seconds=1)).score(
        Group(tmp_path / "slow", {"spacing_mm": "0.7"}, (nodule,))
    )
    assert (row["error_code"], "takes more than 1 s to decode" in row["error"]) == ("corrupt_file", True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "must begin with the names"),
        (b"name,row\na.png,1\n", "must begin with the names"),
        (b"file,row,col,slice\n", "lists no nodules"),
        (b"file\na.png,1\n", "Line 2"),
        (b"file\n\xff\n", "UTF-8"),
        (b"file,row,col,slice,diagnosis\na.png,1,2,,x\n", "a column 'diagnosis', which is not known here"),
        (b"file,x,y\na.png,1,2\n", "a column 'x', which is not known here"),
        (b"file,,row\na.png,,2\n", "a column without a name"),
        (b"file,row,Row\na.png,1,2\n", "the column 'row' twice"),
        (b"file,row,col\n,1,2\n", "Line 2"),
        (b"sep=;\n\nfile;row;col\na.png;1;2\n;1;2\n", "Line 5"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused(score, tmp_path, text, words):
    manifest = tmp_path / "list.csv"
    manifest.write_bytes(text)
    status, said = score(manifest, "--out", tmp_path / "scores.csv")
    assert status == CANNOT
    assert words in said
    assert not list(tmp_path.glob("scores*"))


ROWS = [["a b.png", "360", "341,5", "12", "0.68"], ["c.png", "1", "2", "", ""]]


def listed(separator, header="file row col slice spacing_mm", blanks="", end="\n"):
    lines = [header.split(), *([value.replace("12", "12.0") for value in row] for row in ROWS)]
    quoted = [[f'"{value}"' if separator.strip(" ") in value else value for value in line] for line in lines]
    return "".join(f"{(blanks + separator + blanks).join(line)}{blanks}{end}" for line in quoted)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text",
    [
        listed(","),
        listed(", "),
        listed(",", blanks="  "),
        listed(";", end="\r\n"),
        listed("\t", end="\r"),
        listed(";", header=" FILE Row COL Slice Spacing_MM"),
        "sep=;\n" + listed(";"),
        '"sep=\t"\r\n' + listed("\t"),
        "\n\n" + listed(",", end=",,\n") + ",,,,,,\n  \n",
    ],
)
def test_lists_are_read_as_people_write_them(tmp_path, text, encoding):
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode(encoding))
    fields = [list(nodule.fields.values()) for nodule in read_manifest(path).nodules]
    assert fields == [[*row[:4], "", row[4], ""] for row in ROWS]  # neither series nor slice spacing


def test_columns_may_come_in_any_order_and_be_absent(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("col; file\n341; é.dcm\n", encoding="utf-8")
    (nodule,) = read_manifest(path).nodules
    assert nodule.fields == {
        **{"file": "é.dcm", "row": "", "col": "341"},
        **{"slice": "", "spacing_mm": "", "slice_spacing_mm": "", "series": ""},
    }


@pytest.mark.parametrize(
    ("written", "read"), [("2", "2"), ("2.0", "2"), ("1.2.840.10", "1.2.840.10"), ("", "")]
)
def test_a_series_is_a_number_or_an_identifier(tmp_path, written, read):
    path = tmp_path / "list.csv"
    path.write_text(f"file,series\nstudy.zip,{written}\n")
    assert read_manifest(path).nodules[0].fields["series"] == read


def test_nodules_of_several_series_of_one_file_are_scored(score, tmp_path):
    (tmp_path / "study.zip").write_bytes(make_zip(several_series.soft() + several_series.lung()))
    path = tmp_path / "list.csv"
    path.write_text(
        "file,row,col,slice,series\n"
        f"study.zip,100,100,3,1\nstudy.zip,100,100,3,{several_series.UIDS['lung']}\n"
        "study.zip,100,100,3,\nstudy.zip,100,100,3,7\n"
    )
    status, _ = score(path, "--out", tmp_path / "scores.parquet")
    rows = table(tmp_path / "scores.parquet")
    assert status == WITH_ERRORS
    assert [row["series"] for row in rows] == ["1", several_series.UIDS["lung"], "", "7"]
    assert [row["error_code"] for row in rows] == [None, None, "mixed_series", "bad_field"]
    assert [row["used_slice"] for row in rows[:2]] == [3, 3]


def test_a_table_that_is_none_is_not_replaced(score, crops, tmp_path):
    for name in ("thesis.csv", "thesis.parquet"):
        (tmp_path / name).write_text("file,verdict\n1,2\n")
        status, said = score(crops, "--out", tmp_path / name)
        assert status == CANNOT
        assert "is no table of scores" in said
        assert (tmp_path / name).read_text() == "file,verdict\n1,2\n"
