import os

from models.web.store import ScanStore
from models.web.store.revoked import FOLDER


def test_what_was_ended_is_known_to_all_processes_and_after_a_start_anew(tmp_path, monkeypatch):
    now = 2_000_000_000
    monkeypatch.setattr("models.web.store.disk.wall", lambda: now)
    first, second = ScanStore(tmp_path / "store"), ScanStore(tmp_path / "store")
    first.revoked["session"] = now + 100
    assert "session" in first.revoked
    assert "session" in second.revoked
    assert "other" not in second.revoked
    assert "session" not in str(os.listdir(tmp_path / "store" / FOLDER))
    first.close()
    second.close()
    third = ScanStore(tmp_path / "store")
    assert "session" in third.revoked
    third.sweep()
    assert "session" in third.revoked
    now += 101
    third.sweep()
    assert "session" not in third.revoked
    third.close()
