"""The store stays within its bytes and its number of scans, whoever puts at once."""

import dataclasses
import errno
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from models.errors import UserError
from models.web.store import disk
from models.web.store.keys import scan_name
from tests.web.store.scans import OWNER, grow_old, make_scan, scans_on_disk

ROOT = Path(__file__).resolve().parents[3]


def is_kept(store, token, owner=OWNER):
    with suppress(UserError):
        return store.get(token, owner).is_hu
    return False


def test_beyond_the_number_the_one_used_least_recently_goes(make_store, folder):
    store = make_store(max_scans=3)
    first, second, third = (store.put(make_scan(seed), OWNER) for seed in range(3))
    for token, seconds in [(first, 60), (second, 90), (third, 30)]:
        grow_old(folder / scan_name(token, OWNER), seconds)
    store.get(second, OWNER)
    fourth = store.put(make_scan(4), OWNER)
    assert [is_kept(store, token) for token in (first, second, third, fourth)] == [False, True, True, True]


def test_beyond_the_bytes_as_many_go_as_must(make_store, folder):
    store = make_store(max_mb=0.1)
    small = [store.put(make_scan(seed, (1, 100, 100)), OWNER) for seed in range(4)]  # 20 kB each
    for age, token in enumerate(small):
        grow_old(folder / scan_name(token, OWNER), 60 - age)
    large = store.put(make_scan(9, (3, 100, 100)), OWNER)
    assert [is_kept(store, token) for token in [*small, large]] == [False, False, False, True, True]
    assert sum(kept.n_bytes for kept in disk.kept_in(folder)) <= 100_000


def test_notes_count_with_their_bytes(make_store, folder):
    store = make_store(max_mb=0.1)
    noted = store.put(make_scan(0, (1, 100, 100)), OWNER)
    store.write(noted, OWNER, "findings", "x" * 50_000)
    grow_old(folder / scan_name(noted, OWNER), 60)
    store.put(make_scan(1, (2, 100, 100)), OWNER)
    assert not is_kept(store, noted)


def test_expired_scans_go_first_even_if_there_is_room(make_store, folder):
    store = make_store()
    grow_old(folder / scan_name(store.put(make_scan(), OWNER), OWNER), 30 * 60 + 1)
    token = store.put(make_scan(), OWNER)
    assert scans_on_disk(folder) == [scan_name(token, OWNER)]


def test_a_scan_beyond_the_whole_bound_is_refused_and_evicts_nothing(make_store):
    store = make_store(max_mb=1)
    token = store.put(make_scan(), OWNER)
    huge = dataclasses.replace(make_scan(), slices=np.zeros((2, 1000, 1000), np.int16))
    with pytest.raises(UserError) as caught:
        store.put(huge, OWNER)
    assert caught.value.code == "too_large"
    assert caught.value.message == "The scan takes 4 MB uncompressed; this server keeps at most 1 MB."
    assert is_kept(store, token)


def test_what_is_being_written_counts_and_is_not_evicted(make_store, folder):
    store = make_store(max_mb=0.1)
    disk.reserve(folder / ("0" * 64 + disk.NEW), 90_000)  # another process, in the midst of it
    with pytest.raises(UserError) as caught:
        store.put(make_scan(0, (1, 100, 100)), OWNER)
    assert caught.value.code == "store_full"
    assert scans_on_disk(folder) == ["0" * 64 + disk.NEW]


def test_what_was_left_half_written_or_half_removed_is_swept(store, folder):
    disk.reserve(folder / ("0" * 64 + disk.NEW), 100)
    disk.reserve(folder / ("1" * 64 + disk.GONE), 100)
    store.sweep()
    assert scans_on_disk(folder) == ["0" * 64 + disk.NEW]
    grow_old(folder / ("0" * 64 + disk.NEW), 30 * 60 + 1)
    store.sweep()
    assert scans_on_disk(folder) == []


def test_threads_that_put_at_once_stay_within_the_bounds(make_store, folder):
    stores = [make_store(max_scans=5), make_store(max_scans=5)]
    most, codes, tokens = [], [], []

    def work(number):
        for seed in range(10):
            try:
                token = stores[number % 2].put(make_scan(seed), OWNER)
                tokens.append((seed, token))
                got = stores[(number + 1) % 2].get(token, OWNER)
                assert got.slices.tobytes() == make_scan(seed).slices.tobytes()
            except UserError as error:
                codes.append(error.code)
            most.append(len([name for name in scans_on_disk(folder) if not name.endswith(disk.GONE)]))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(most) == 40  # nobody stumbled over anything but an evicted scan
    assert max(most) == 5
    assert set(codes) <= {"scan_gone", "store_full"}
    assert {len(scans_on_disk(folder)), sum(is_kept(stores[0], token) for _, token in tokens)} == {5}


def test_a_disk_that_refuses_is_said_clearly_and_leaves_nothing(folder):
    code = f"""
import resource
from pathlib import Path
from models.errors import UserError
from models.web.store import ScanStore
from tests.web.store.scans import OWNER, make_scan, scans_on_disk
store = ScanStore({str(folder)!r})
small = store.put(make_scan(), OWNER)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, -1))
for ask in (lambda: store.put(make_scan(shape=(3, 100, 100)), OWNER),
            lambda: store.write(small, OWNER, "findings", "x" * 60_000)):
    try:
        ask()
    except UserError as error:
        print(error.code, error.message)
store.report("a" * 20, OWNER, "x" * 60_000)
print(len(scans_on_disk(Path({str(folder)!r}))), store.get(small, OWNER).rows)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    sentence = "The server has no room for the scan at the moment; try again in a few minutes."
    assert done.stdout.splitlines() == [f"store_full {sentence}"] * 2 + ["1 8"]
    assert done.stderr.splitlines() == ["The temporary store cannot be used: File too large"] * 2
    assert str(folder) not in done.stdout + done.stderr


HERE, ELSEWHERE = "192.0.2.1", "198.51.100.1"


@pytest.mark.parametrize("bound", [{"max_scans": 4}, {"max_mb": 0.085}])
def test_who_sends_many_evicts_their_own(make_store, bound):
    store = make_store(**bound)
    first = store.put(make_scan(0, (1, 100, 100)), "victim", ELSEWHERE)
    beside = store.put(make_scan(0, (1, 100, 100)), "colleague", HERE)
    many = [store.put(make_scan(0, (1, 100, 100)), "greedy", HERE) for _ in range(20)]
    assert is_kept(store, first, "victim")
    assert is_kept(store, beside, "colleague")
    assert [is_kept(store, token, "greedy") for token in many] == [False] * 18 + [True] * 2


def test_who_changes_the_browser_still_has_one_address(make_store):
    store = make_store(max_scans=5)
    first = store.put(make_scan(), "victim", ELSEWHERE)
    for i in range(20):
        store.put(make_scan(), f"greedy {i}", HERE)
    assert is_kept(store, first, "victim")


def test_a_newcomer_gets_room_from_who_has_most(make_store):
    stores = make_store(max_scans=4), make_store(max_scans=4)  # two processes
    many = [stores[i % 2].put(make_scan(), "greedy", HERE) for i in range(4)]
    token = stores[0].put(make_scan(), "newcomer", ELSEWHERE)
    assert is_kept(stores[1], token, "newcomer")
    assert [is_kept(stores[1], each, "greedy") for each in many] == [False, True, True, True]


def test_nothing_on_disk_tells_the_address(make_store, folder):
    make_store().put(make_scan(), OWNER, HERE)
    for path in folder.rglob("*"):
        assert HERE not in str(path)
        assert path.is_dir() or HERE.encode() not in path.read_bytes()


@pytest.mark.parametrize("step", ["reserve", "write_scan"])
def test_on_a_full_disk_old_scans_go_for_a_new_one(make_store, folder, monkeypatch, step):
    store = make_store()
    old = [store.put(make_scan(seed), OWNER) for seed in range(3)]
    act = getattr(disk, step)

    def full(*arguments):
        if len(scans_on_disk(folder)) > 2 + (step == "write_scan"):  # one of them is being written
            raise OSError(errno.ENOSPC, "No space left on device")
        return act(*arguments)

    monkeypatch.setattr(disk, step, full)
    token = store.put(make_scan(9), OWNER)
    assert store.get(token, OWNER).slices.tobytes() == make_scan(9).slices.tobytes()
    assert [is_kept(store, each) for each in old] == [False, True, True]


def test_where_no_scan_is_left_to_go_the_disk_is_full(make_store, folder, monkeypatch):
    store = make_store()
    old = [store.put(make_scan(seed), OWNER) for seed in range(3)]

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(disk, "write_scan", full)
    with pytest.raises(UserError) as caught:
        store.put(make_scan(9), OWNER)
    assert caught.value.code == "store_full"
    assert not any(is_kept(store, each) for each in old)
    assert scans_on_disk(folder) == []


def test_the_scan_beside_which_another_is_put_stays(make_store, folder):
    store = make_store(max_scans=2)
    first, second = (store.put(make_scan(seed), OWNER) for seed in range(2))
    grow_old(folder / scan_name(first, OWNER), 60)
    third = store.put(make_scan(2), OWNER, beside=first)
    assert [is_kept(store, token) for token in (first, second, third)] == [True, False, True]


def test_where_only_the_scan_beside_could_go_there_is_no_room(make_store):
    store = make_store(max_scans=1)
    first = store.put(make_scan(), OWNER)
    with pytest.raises(UserError) as caught:
        store.put(make_scan(1), OWNER, beside=first)
    assert caught.value.code == "store_full"
    assert is_kept(store, first)
