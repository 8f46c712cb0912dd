"""Scores for a list of nodules: one row each, whatever the files are and however often a run was stopped."""

import csv
import json
import os
import subprocess
import sys
import zipfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet
import pytest
from PIL import Image

from app import ROOT
from models.imaging.phantom import draw_phantom
from models.imaging.read import read_scan
from tests.conftest import encode, post, upload
from tests.imaging.dicom_files import make_ct
from tests.servers import wait_until
from tests.training.fragile import Fragile, Hopeless, Stillborn
from training.score.__main__ import CANNOT, COMPLETE, STOPPED, WITH_ERRORS, main
from training.score.cluster import OnRay, connect
from training.score.manifest import Group
from training.score.rows import COLUMNS
from training.score.worker import Scorer
from training.score.workers import InOwnProcess, rows_of

# not importorskip: Ray must not be imported before it is told whom to listen to
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
HEADER = ["file", "row", "col", "slice", "spacing_mm"]


def write_list(path, *rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return path


@pytest.fixture
def crops(tmp_path):
    """A folder with two pictures of nodules, and the list of them."""
    for kind in ("smooth", "spiculated"):
        Image.fromarray(draw_phantom(kind)).save(tmp_path / f"{kind}.png")
    return write_list(tmp_path / "list.csv", *([f"{kind}.png", "", "", "", "0.7"] for kind in KINDS))


KINDS = ("spiculated", "smooth", "spiculated")


@pytest.fixture
def score(app, capsys):
    """Run the command with the models that are loaded already; its status and what it said."""

    def run(*arguments):
        status = main([str(argument) for argument in arguments], app.bank)
        return status, capsys.readouterr().err

    return run


def table(path):
    return pyarrow.parquet.read_table(path).to_pylist()


def test_a_row_holds_the_answer_that_the_web_gives(score, client, crops, tmp_path):
    out = tmp_path / "scores.parquet"
    assert score(crops, "--out", out)[0] == COMPLETE
    rows = table(out)
    assert [row["file"] for row in rows] == [f"{kind}.png" for kind in KINDS]
    web = post(client, upload((tmp_path / "smooth.png").read_bytes()), spacing_mm="0.7").json
    row = rows[1]
    assert set(row) == set(COLUMNS)
    for name in ("verdict", "probability", "threshold"):
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


@pytest.fixture
def mixed(tmp_path):
    """A list of good and bad files and places of every kind, and the code that each row should get."""
    crop = encode(draw_phantom("smooth"))
    folder = tmp_path / "series"
    folder.mkdir()
    for n in range(3):
        grey = draw_phantom("smooth", seed=n).astype(np.int16)
        data = make_ct(grey * 5 - 1000, PixelSpacing=[0.7, 0.7], ImagePositionPatient=[0, 0, 2.0 * n])
        (folder / f"{n}.dcm").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "stack.zip", "w") as archive:
        for n in range(2):
            archive.writestr(f"slice-{n}.png", crop)
    (tmp_path / "crop.png").write_bytes(crop)
    (tmp_path / "cut.png").write_bytes(crop[:500])
    (tmp_path / "letter.txt").write_text("Dear colleague")
    (tmp_path / "empty").mkdir()
    rows = [
        (["cut.png", "", "", "", ""], "corrupt_file"),
        (["crop.png", "60", "64,5", "", "0.7"], None),
        (["gone.png", "", "", "", ""], "no_such_file"),
        (["crop.png", "ten", "64", "", "0.7"], "bad_number"),
        (["series", "63", "63", "2", ""], None),
        (["stack.zip", "", "", "1", "0.7"], None),
        (["letter.txt", "", "", "", ""], "unsupported_file"),
        (["series", "", "", "", ""], None),
        (["crop.png", "200", "64", "", "0.7"], "roi_outside"),
        (["empty", "", "", "", ""], "no_file"),
        (["crop.png", "", "", "", "0"], "bad_number"),
        (["crop.png", "60", "64,5", "", "0.7"], None),
    ]
    return write_list(tmp_path / "mixed.csv", *(row for row, _ in rows)), [code for _, code in rows]


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
    read, real = [], read_scan

    def counted(sources, *rest):
        read.append(Path(sources[0].name).name if sources else None)
        return real(sources, *rest)

    monkeypatch.setattr("training.score.worker.read_scan", counted)
    score(mixed[0], "--out", tmp_path / "scores.csv")
    assert read == ["cut.png", "crop.png", "0.dcm", "stack.zip", "letter.txt", None, "crop.png"]


def test_a_finished_run_is_left_alone(score, crops, tmp_path):
    for out in (tmp_path / "scores.parquet", tmp_path / "scores.csv"):
        assert score(crops, "--out", out)[0] == COMPLETE
        before = out.stat()
        status, said = score(crops, "--out", out)
        assert status == COMPLETE
        assert "Nothing to do" in said
        assert (out.stat().st_mtime_ns, out.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert {path.name for path in tmp_path.glob("scores*")} == {"scores.parquet", "scores.csv"}


def test_a_changed_list_and_other_weights_are_noticed(score, crops, tmp_path, monkeypatch):
    out = tmp_path / "scores.csv"
    score(crops, "--out", out)
    before = out.read_bytes()
    write_list(crops, ["smooth.png", "", "", "", "0.7"])
    status, said = score(crops, "--out", out)
    assert status == CANNOT
    assert "another list" in said
    monkeypatch.setattr("training.score.__main__.__version__", "99")
    assert "another version of the app and of another list" in score(crops, "--out", out)[1]
    monkeypatch.undo()
    assert out.read_bytes() == before
    assert score(crops, "--out", out, "--restart")[0] == COMPLETE
    weights = tmp_path / "weights"
    weights.mkdir()
    for path in (ROOT / "weights").glob("*.json"):
        (weights / path.name).write_text(path.read_text().replace('"sha256": "', '"sha256": "0'))
    status, said = score(crops, "--out", out, "--weights", weights)
    assert status == CANNOT
    assert "of other weights;" in said


class Stopped:
    """Takes the place of the progress bar: stops the run as Ctrl-C does after some files."""

    def __init__(self, after):
        self.left, self.seen = after, []

    def __call__(self, **options):
        self.seen.append((options["initial"], options["total"]))
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def update(self, n):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def test_a_stopped_run_goes_on_where_it_was(score, mixed, tmp_path, monkeypatch):
    manifest, _ = mixed
    whole, out = tmp_path / "whole.csv", tmp_path / "scores.csv"
    score(manifest, "--out", whole)
    monkeypatch.setattr("training.score.__main__.tqdm", Stopped(2))
    status, said = score(manifest, "--out", out)
    assert status == STOPPED
    assert "Stopped after 5 of 12" in said  # the first file, and four nodules of the second
    assert not out.exists()
    unfinished = tmp_path / "scores.csv.unfinished"
    unfinished.write_bytes(unfinished.read_bytes() + b'[[2], [{"fil')  # killed while it wrote a line
    again = Stopped(-1)
    monkeypatch.setattr("training.score.__main__.tqdm", again)
    assert score(manifest, "--out", out)[0] == WITH_ERRORS
    assert again.seen == [(5, 12)]
    assert out.read_bytes() == whole.read_bytes()
    assert not unfinished.exists()


def test_a_killed_run_goes_on_and_reads_nothing_twice(score, tmp_path, monkeypatch):
    names = [f"{n}.png" for n in range(12)]
    for n, name in enumerate(names):
        Image.fromarray(draw_phantom("smooth", seed=n)).save(tmp_path / name)
    manifest = write_list(tmp_path / "list.csv", *([name, "", "", "", "0.7"] for name in [*names, names[0]]))
    out, unfinished = tmp_path / "scores.csv", tmp_path / "scores.csv.unfinished"
    command = [sys.executable, "-m", "training.score", manifest, "--out", out, "--threads", "1"]
    process = psutil.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    wait_until(lambda: unfinished.exists() and unfinished.read_bytes().count(b"\n") > 3, 120)
    workers = process.children(recursive=True)
    process.kill()
    process.wait(30)
    assert psutil.wait_procs(workers, 30)[1] == []  # nobody is left behind
    before = unfinished.read_bytes().splitlines(keepends=True)[1:]
    finished = {index for line in before if line.endswith(b"\n") for index in json.loads(line)[0]}
    read, real = [], Scorer.score
    monkeypatch.setattr(Scorer, "score", lambda self, group: read.append(group) or real(self, group))
    assert score(manifest, "--out", out)[0] == COMPLETE
    assert 3 <= len(finished) < 13
    assert sorted(nodule.index for group in read for nodule in group.nodules) == sorted(
        set(range(13)) - finished
    )
    with open(out, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [*names, names[0]]
    assert rows[0] == rows[12]


def test_a_stopped_run_of_another_list_is_not_gone_on_with(score, crops, mixed, tmp_path, monkeypatch):
    out = tmp_path / "scores.csv"
    monkeypatch.setattr("training.score.__main__.tqdm", Stopped(1))
    score(mixed[0], "--out", out)
    status, said = score(crops, "--out", out)
    assert status == CANNOT
    assert "scores.csv.unfinished is of another list" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "must begin with the names"),
        (b"name,row\na.png,1\n", "must begin with the names"),
        (b"file,row,col,slice\n", "lists no nodules"),
        (b"file\na.png,1\n", "Line 2"),
        (b"file\n\xff\n", "UTF-8"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused(score, tmp_path, text, words):
    manifest = tmp_path / "list.csv"
    manifest.write_bytes(text)
    status, said = score(manifest, "--out", tmp_path / "scores.csv")
    assert status == CANNOT
    assert words in said
    assert not list(tmp_path.glob("scores*"))


def test_a_table_that_is_none_is_not_replaced(score, crops, tmp_path):
    for name in ("thesis.csv", "thesis.parquet"):
        (tmp_path / name).write_text("file,verdict\n1,2\n")
        status, said = score(crops, "--out", tmp_path / name)
        assert status == CANNOT
        assert "is no table of scores" in said
        assert (tmp_path / name).read_text() == "file,verdict\n1,2\n"


def read_by_processes(make, names):
    workers = [InOwnProcess(make) for _ in range(2)]
    try:
        groups = [Group(Path(name), "", ()) for name in names]
        return {group.path.name: rows for group, rows in rows_of(groups, workers)}
    finally:
        for worker in workers:
            worker.close()


def test_a_worker_that_dies_takes_along_only_the_file_that_kills_it(tmp_path):
    names = ["a", "deadly", "b", "unlucky", "c"]
    rows = read_by_processes(partial(Fragile, tmp_path), names)
    assert rows == {"a": "A", "deadly": None, "b": "B", "unlucky": "UNLUCKY", "c": "C"}


@pytest.mark.parametrize(("reader", "words"), [(Hopeless, "Not all models"), (Stillborn, "before it could")])
def test_workers_that_cannot_begin_end_the_run(reader, words):
    with pytest.raises(RuntimeError, match=words):
        read_by_processes(reader, ["a", "b", "c"])


@needs_ray
def test_a_ray_cluster_goes_on_with_what_a_stopped_run_left(score, tmp_path, monkeypatch):
    # a cluster of its own: this comes before the tests that share one
    for n in range(4):
        Image.fromarray(draw_phantom("smooth", seed=n)).save(tmp_path / f"{n}.png")
    (tmp_path / "3.png").write_bytes(b"")
    manifest = write_list(tmp_path / "list.csv", *([f"{n % 4}.png", "", "", "", "0.7"] for n in range(6)))
    plain, out = tmp_path / "plain.parquet", tmp_path / "scores.parquet"
    score(manifest, "--out", plain)
    with monkeypatch.context() as patch:
        patch.setattr("training.score.__main__.tqdm", Stopped(1))
        assert score(manifest, "--out", out)[0] == STOPPED
    monkeypatch.setenv("RAY_worker_niceness", "0")  # else whatever else runs comes first
    status, said = score(manifest, "--out", out, "--ray", "--threads", "1")
    assert status == WITH_ERRORS, said
    assert "6 rows, 1 with an error" in said
    rows = table(out)
    assert [row["file"] for row in rows] == [f"{n % 4}.png" for n in range(6)]
    assert rows[3]["error_code"] == "corrupt_file"
    for row, other in zip(rows, table(plain), strict=True):
        assert row["verdict"] == other["verdict"]
        assert row["probability"] == pytest.approx(other["probability"], abs=1e-6)


@pytest.fixture(scope="module")
def ray():
    """Ray on this machine, for two workers."""
    ray = connect("local", 2, 1)
    yield ray
    ray.shutdown()


@needs_ray
@pytest.mark.parametrize(("reader", "words"), [(Hopeless, "Not all models"), (Stillborn, "before it could")])
def test_workers_on_ray_that_cannot_begin_end_the_run(ray, reader, words):
    with pytest.raises(RuntimeError, match=words):
        list(rows_of([Group(Path("a"), "", ())], [OnRay(ray, partial(reader), 1)]))


@needs_ray
def test_a_worker_on_ray_that_dies_takes_along_only_the_file_that_kills_it(ray, tmp_path):
    groups = [Group(Path(name), "", ()) for name in ("a", "deadly", "unlucky")]
    found = {
        group.path.name: rows for group, rows in rows_of(groups, [OnRay(ray, partial(Fragile, tmp_path), 1)])
    }
    assert found == {"a": "A", "deadly": None, "unlucky": "UNLUCKY"}


@needs_ray
def test_a_ray_cluster_of_this_machine_is_nobody_elses(ray):
    """Ray runs what anyone sends who reaches its ports."""
    worker = OnRay(ray, partial(Fragile, Path()), 1)
    assert worker.submit(Group(Path("a"), "", ())).result() == "A"
    names, addresses = set(), set()
    for process in psutil.Process().children(recursive=True):
        sockets = [each for each in process.net_connections() if each.status == psutil.CONN_LISTEN]
        names |= {process.name() for each in sockets}
        addresses |= {each.laddr.ip.removeprefix("::ffff:") for each in sockets}
    worker.close()
    assert {"gcs_server", "raylet", "ray::Fragile"} <= names
    assert addresses == {"127.0.0.1"}
    assert ray.get_runtime_context().gcs_address.startswith("127.0.0.1:")
    assert os.environ["RAY_AUTH_MODE"] == "token"
