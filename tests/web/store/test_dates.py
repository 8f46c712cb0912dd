"""The clock of the machine is set while scans are kept: none stays for ever, none goes before its time."""

import os
import time

import pytest

from models.errors import UserError
from models.web.store import disk
from models.web.store.keys import scan_name
from tests.web.store.scans import OWNER, grow_old, make_scan, scans_on_disk

HOUR, YEAR = 3600, 365 * 24 * 3600
JOB = "a-job-of-the-browser"


@pytest.fixture
def set_clock(folder, monkeypatch):
    """``set_clock(seconds)``: everything on disk now dates from so much longer ago, as after such a jump."""
    jumped = [0.0]
    ahead = disk.ahead
    monkeypatch.setattr(disk, "ahead", lambda: ahead() + jumped[0])

    def jump(seconds):
        jumped[0] += seconds
        for path in folder.rglob("*"):
            then = path.stat().st_mtime - seconds
            os.utime(path, (then, then))

    return jump


def test_the_steady_clock_does_not_move_with_the_wall_clock():
    ahead = disk.ahead()
    time.sleep(0.05)
    assert abs(disk.ahead() - ahead) < 0.04


@pytest.mark.parametrize("jump", [HOUR, YEAR, -HOUR, -YEAR])
def test_a_scan_outlives_a_jump_of_the_clock(store, folder, set_clock, jump):
    token = store.put(make_scan(), OWNER)
    store.report(JOB, OWNER, {"done": 1})
    set_clock(jump)
    store.sweep()
    assert store.get(token, OWNER).is_hu
    assert store.reported(JOB, OWNER) == {"done": 1}


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_scan_is_there_for_a_request_that_comes_before_the_sweep(store, set_clock, jump):
    token = store.put(make_scan(), OWNER)
    set_clock(jump)
    store.write(token, OWNER, "search", {"done": 1})
    assert store.read(token, OWNER, "search") == {"done": 1}


@pytest.mark.parametrize("jump", [YEAR, -YEAR])
def test_after_a_jump_a_scan_expires_as_if_it_had_just_been_used(store, folder, set_clock, jump):
    token = store.put(make_scan(), OWNER)
    set_clock(jump)
    store.sweep()
    path = folder / scan_name(token, OWNER)
    newest = max(file.stat().st_mtime for file in [path, *path.iterdir()])
    assert abs(newest - time.time()) < 5
    grow_old(path, 30 * 60 + 1)
    store.sweep()
    assert scans_on_disk(folder) == []
    with pytest.raises(UserError) as caught:
        store.get(token, OWNER)
    assert caught.value.code == "scan_gone"


def test_a_scan_dated_in_the_future_by_another_machine_counts_as_used_now(store, folder):
    token = store.put(make_scan(), OWNER)
    path = folder / scan_name(token, OWNER)
    grow_old(path, -YEAR)
    store.sweep()
    assert all(abs(file.stat().st_mtime - time.time()) < 5 for file in [path, *path.iterdir()])


def test_a_jump_counts_once(store, folder, set_clock):
    token = store.put(make_scan(), OWNER)
    set_clock(HOUR)
    store.sweep()
    grow_old(folder / scan_name(token, OWNER), 30 * 60 + 1)
    store.sweep()
    assert scans_on_disk(folder) == []
