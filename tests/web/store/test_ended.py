import os

from models.web.store import ScanStore
from models.web.store.ended import FOLDER


def test_what_was_ended_is_known_to_all_processes_and_after_a_start_anew(tmp_path, monkeypatch):
    now = 2_000_000_000
    monkeypatch.setattr("models.web.store.clock.wall", lambda: now)
    first, second = ScanStore(tmp_path / "store"), ScanStore(tmp_path / "store")
    first.ended["session"] = now + 100
    assert "session" in first.ended
    assert "session" in second.ended
    assert "other" not in second.ended
    assert "session" not in str(os.listdir(tmp_path / "store" / FOLDER))
    first.close()
    second.close()
    third = ScanStore(tmp_path / "store")
    assert "session" in third.ended
    third.sweep()
    assert "session" in third.ended
    now += 101
    third.sweep()
    assert "session" not in third.ended
    third.close()
