"""The folder is this user's alone; the life of a store within one process."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from models.errors import UserError
from models.web.store import ScanStore, process_lock
from models.web.store.process_lock import default_folder
from tests.web.store.scans import OWNER, make_scan, scans_on_disk

ROOT = Path(__file__).resolve().parents[3]


def sweepers():
    return [thread for thread in threading.enumerate() if thread.name == "store-sweeper"]


def test_everything_is_made_for_this_user_alone(store, folder):
    token = store.put(make_scan(), OWNER)
    store.write(token, OWNER, "findings", [])
    store.report("a-job-of-the-browser", OWNER, 1)
    paths = [folder, *folder.rglob("*")]
    assert len(paths) == 9
    for path in paths:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o750, 0o755, 0o777, 0o1777])
def test_a_folder_open_to_others_is_refused(folder, mode):
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(PermissionError, match="belongs to this user alone"):
        ScanStore(folder)
    assert list(folder.iterdir()) == []


def test_a_folder_of_this_user_alone_is_taken(make_store, folder):
    folder.mkdir(mode=0o700)
    assert make_store().put(make_scan(), OWNER)


def test_a_link_is_refused(folder, tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    for target in (tmp_path / "real", tmp_path / "nowhere"):
        folder.symlink_to(target)
        with pytest.raises(PermissionError, match="no link"):
            ScanStore(folder)
        folder.unlink()
    assert list((tmp_path / "real").iterdir()) == []


def test_a_file_is_refused(folder):
    folder.write_text("")
    with pytest.raises(PermissionError, match="real folder"):
        ScanStore(folder)


def test_the_folder_of_another_user_is_refused(folder, monkeypatch):
    folder.mkdir(mode=0o700)
    owner = folder.stat().st_uid
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(PermissionError, match="belongs to this user"):
        ScanStore(folder)


def test_the_default_folder_is_one_a_user(monkeypatch, tmp_path):
    code = "from models.web.store.process_lock import default_folder; print(default_folder())"
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert done.stdout.strip() == str(tmp_path / f"lung-nodule-store-{os.getuid()}")
    assert default_folder().name == f"lung-nodule-store-{os.getuid()}"


def test_a_closed_store_keeps_and_gives_nothing(make_store):
    store, other = make_store(), make_store()
    token = other.put(make_scan(), OWNER)
    store.close()
    store.close()
    for ask in (lambda: store.get(token, OWNER), lambda: store.put(make_scan(), OWNER), store.sweep):
        with pytest.raises(UserError, match="no longer available"):
            ask()
    store.report("a-job-of-the-browser", OWNER, 1)
    assert other.reported("a-job-of-the-browser", OWNER) is None
    assert other.get(token, OWNER).is_hu


def test_the_sweeper_ends_with_its_store_and_keeps_no_process_alive(make_store):
    before = sweepers()
    store = make_store(sweep_seconds=0.01)
    (sweeper,) = set(sweepers()) - set(before)
    assert sweeper.daemon
    store.close()
    assert not sweeper.is_alive()


def test_the_sweeper_survives_a_folder_that_fails(make_store, folder):
    before = sweepers()
    store = make_store(sweep_seconds=0.01)
    (sweeper,) = set(sweepers()) - set(before)
    os.rename(folder, folder.with_name("elsewhere"))
    folder.write_text("in the way")
    sweeper.join(0.2)
    assert sweeper.is_alive()
    with pytest.raises(UserError) as caught:
        store.put(make_scan(), OWNER)
    assert caught.value.code == "store_full"
    folder.unlink()
    assert store.get(store.put(make_scan(), OWNER), OWNER).is_hu


def test_without_flock_each_store_has_a_folder_of_its_own(monkeypatch, folder):
    monkeypatch.setattr(process_lock, "fcntl", None)
    first, second = ScanStore(folder, max_scans=2), ScanStore(folder, max_scans=2)
    tokens = [first.put(make_scan(seed), OWNER) for seed in range(3)]
    assert len(scans_on_disk(folder)) == 2  # one a store
    assert first.get(tokens[2], OWNER).slices.tobytes() == make_scan(2).slices.tobytes()
    assert first.append(tokens[2], OWNER, "findings", 1) == 0
    with pytest.raises(UserError, match="no longer available"):
        second.get(tokens[2], OWNER)
    first.close()
    assert len(scans_on_disk(folder)) == 1
    second.close()
    assert list(folder.iterdir()) == []
