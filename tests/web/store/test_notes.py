"""Notes beside a scan, and the progress of uploads."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from models.errors import UserError
from models.web.store import store as module
from models.web.store.keys import job_name, scan_name
from tests.web.store.scans import OTHER, OWNER, grow_old, make_scan

JOB = "a-job-of-the-browser"


@pytest.fixture
def token(store):
    return store.put(make_scan(), OWNER)


def test_a_note_comes_back(store, token):
    value = {"candidates": [{"row": 1.5, "level": None}], "sentence": "5 mm, größer"}
    store.write(token, OWNER, "search", value)
    assert store.read(token, OWNER, "search") == value
    store.write(token, OWNER, "search", {"done": 2})
    assert store.read(token, OWNER, "search") == {"done": 2}


def test_a_missing_note_is_the_default(store, token):
    assert store.read(token, OWNER, "cancel") is None
    assert store.read(token, OWNER, "cancel", False) is False


def test_notes_go_with_their_scan(store, token):
    store.write(token, OWNER, "findings", [1])
    store.remove(token, OWNER)
    with pytest.raises(UserError, match="no longer available"):
        store.read(token, OWNER, "findings")


def test_notes_that_follow_from_another_are_removed_with_its_change(store, token, folder):
    for name in ("reading0", "reading1", "saliency1"):
        store.write(token, OWNER, name, name)
    changed = store.update(
        token, OWNER, "findings", lambda _: [1, None], lambda kept: [f"reading{i}" for i in (1, 7) if kept]
    )
    assert changed == store.read(token, OWNER, "findings") == [1, None]
    names = ("reading0", "reading1", "saliency1")
    assert [store.read(token, OWNER, name) for name in names] == ["reading0", None, "saliency1"]
    assert not (folder / scan_name(token, OWNER) / "reading1.json").exists()


def test_a_note_keeps_its_scan_in_use(store, token, folder):
    path = folder / scan_name(token, OWNER)
    for use in (lambda: store.write(token, OWNER, "search", 1), lambda: store.read(token, OWNER, "search")):
        grow_old(path, 30 * 60 - 5)
        before = path.stat().st_mtime
        use()
        assert path.stat().st_mtime > before + 1000


@pytest.mark.parametrize(
    "name",
    ["", "scan", "3", "a3b", "a0123456789", "../scan", "Findings", "a/b", "a\0", "a\n", "ä", "x" * 41],
)
def test_other_names_are_no_notes(store, token, name):
    for ask in (store.read, lambda *key: store.write(*key, 1), lambda *key: store.append(*key, 1)):
        with pytest.raises(ValueError, match="a note's name"):
            ask(token, OWNER, name)
    assert store.get(token, OWNER).is_hu


def test_items_get_their_index(store, token):
    assert [store.append(token, OWNER, "findings", item) for item in "abc"] == [0, 1, 2]
    assert store.read(token, OWNER, "findings") == ["a", "b", "c"]


def test_items_added_at_once_are_all_kept(store, make_store, token):
    stores, indices = [store, make_store()], []

    def add(number):
        for i in range(20):
            indices.append((stores[number % 2].append(token, OWNER, "findings", [number, i]), [number, i]))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    items = store.read(token, OWNER, "findings")
    assert sorted(index for index, _ in indices) == list(range(80))
    assert all(items[index] == item for index, item in indices)


def test_a_note_has_a_bound(store, token, monkeypatch):
    monkeypatch.setattr(module, "NOTE_BYTES", 100)
    store.append(token, OWNER, "findings", "x" * 50)
    with pytest.raises(UserError) as caught:
        store.append(token, OWNER, "findings", "x" * 50)
    assert caught.value.code == "too_large"
    assert store.read(token, OWNER, "findings") == ["x" * 50]


def test_progress_is_reported_to_the_owner_of_the_upload(store):
    assert store.reported(JOB, OWNER) is None
    store.report(JOB, OWNER, {"done": 3, "total": 300})
    assert store.reported(JOB, OWNER) == {"done": 3, "total": 300}
    store.report(JOB, OWNER, {"done": 4, "total": 300})
    assert store.reported(JOB, OWNER) == {"done": 4, "total": 300}
    assert store.reported(JOB, OTHER, "nothing") == "nothing"
    assert store.reported(JOB + "2", OWNER, "nothing") == "nothing"


@pytest.mark.parametrize(
    "job", ["", None, 5, "short", "../../../../../../x", "x" * 65, "a" * 20 + "\0", "é" * 20]
)
def test_a_malformed_job_is_passed_over(store, folder, job):
    store.report(job, OWNER, 1)
    assert store.reported(job, OWNER, "nothing") == "nothing"
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_progress_is_forgotten_after_minutes(store, folder):
    store.report(JOB, OWNER, 1)
    path = folder / "jobs" / job_name(JOB, OWNER)
    grow_old(path, 299)
    store.sweep()
    assert store.reported(JOB, OWNER) == 1
    grow_old(path, 301)
    assert store.reported(JOB, OWNER, "nothing") == "nothing"
    store.sweep()
    assert not path.exists()


def test_the_number_of_jobs_is_bounded(store, folder, monkeypatch):
    monkeypatch.setattr(module, "JOBS_AT_MOST", 3)
    for number in range(5):
        store.report(JOB + str(number), OWNER, number)
        grow_old(folder / "jobs" / job_name(JOB + str(number), OWNER), 60 - number)
    assert [store.reported(JOB + str(number), OWNER) for number in range(5)] == [None, None, 2, 3, 4]
    assert len(list((folder / "jobs").iterdir())) == 3


def test_what_a_scan_says_is_changed_and_its_notes_go(store):
    scan = make_scan()
    token = store.put(scan, OWNER)
    for name in ("findings", "reading0", "saliency0", "cancel", "upload"):
        store.write(token, OWNER, name, [1])
    store.change(token, OWNER, replace(scan, spacing_mm=(1.5, 1.5), spacing_source="given"))
    got = store.get(token, OWNER)
    assert (got.spacing_mm, got.spacing_source) == ((1.5, 1.5), "given")
    assert np.array_equal(got.slices, scan.slices)
    assert store.read(token, OWNER, "reading0") is None
    assert store.read(token, OWNER, "saliency0") is None
    assert store.read(token, OWNER, "findings") == [1], "no position must be given again meanwhile"
    assert store.read(token, OWNER, "cancel") == [1], "a search that still runs looks there"
    assert store.read(token, OWNER, "upload") == [1], "where it came from is still true"
    for owner in ("another", ""):
        with pytest.raises(UserError, match="no longer available"):
            store.change(token, owner, scan)


def test_a_note_is_replaced_by_what_is_made_of_it(store, token):
    assert store.update(token, OWNER, "count", lambda value: (value or 0) + 1) == 1
    assert store.update(token, OWNER, "count", lambda value: (value or 0) + 1) == 2
    assert store.read(token, OWNER, "count") == 2
