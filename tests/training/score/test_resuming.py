"""A run that was stopped goes on where it was; a finished one, or one of another list, is left alone."""

import csv
import sqlite3
import subprocess
import sys
from contextlib import closing

import psutil
import pytest
from PIL import Image

from app import ROOT
from models.imaging.phantom import draw_phantom
from tests.servers import wait_until
from tests.training.score.lists import Stopped, write_list
from training.score.__main__ import CANNOT, COMPLETE, STOPPED, WITH_ERRORS
from training.score.scorer import Scorer


def finished_rows(path):
    """Numbers of the rows in a journal, whether or not a run has it; none where there is no journal yet."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as database:
            return {number for (number,) in database.execute("SELECT number FROM rows")}
    except sqlite3.Error:
        return set()


def kill_while_it_writes(path):
    """Leave a journal as a run that is killed in the middle of a row does."""
    row = "x" * 100_000  # more than SQLite keeps in memory here
    program = (
        "import os, sqlite3, sys\n"
        "database = sqlite3.connect(sys.argv[1])\n"
        "database.execute('PRAGMA cache_size = 1')\n"
        f"database.execute('INSERT INTO rows VALUES (2, ?)', [{row!r}])\n"
        "os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", program, path]).returncode == 9


pytestmark = pytest.mark.slow


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
    kill_while_it_writes(unfinished)
    assert unfinished.with_name("scores.csv.unfinished-journal").exists()
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
    wait_until(lambda: len(finished_rows(unfinished)) > 2, 120)
    workers = process.children(recursive=True)
    process.kill()
    process.wait(30)
    assert psutil.wait_procs(workers, 30)[1] == []  # nobody is left behind
    finished = finished_rows(unfinished)
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


def test_what_is_no_journal_is_left_alone(score, crops, tmp_path):
    out, unfinished = tmp_path / "scores.csv", tmp_path / "scores.csv.unfinished"
    unfinished.write_text("my notes, which are longer than a hundred bytes are. " * 3)
    status, said = score(crops, "--out", out)
    assert status == CANNOT
    assert "scores.csv.unfinished is not of a run" in said
    assert unfinished.read_text().startswith("my notes")


def test_two_runs_do_not_write_one_table(score, crops, tmp_path, monkeypatch):
    out, others = tmp_path / "scores.csv", []

    class Second(Stopped):
        def update(self, n):
            others.append(score(crops, "--out", out))
            super().update(n)

    monkeypatch.setattr("training.score.__main__.tqdm", Second(1))
    assert score(crops, "--out", out)[0] == STOPPED
    ((status, said),) = others
    assert status == CANNOT
    assert "Another run is writing" in said
