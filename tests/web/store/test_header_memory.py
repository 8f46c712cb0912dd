"""Whose study a scan is: in memory, for its owner, as long as the scan is kept; never on the disk."""

import os
from dataclasses import replace

import pytest

from models.errors import UserError
from models.imaging.study_header import StudyHeader
from models.web.store import ScanStore, header_memory
from models.web.store.keys import scan_name
from tests.web.store.scans import OTHER, OWNER, grow_old, make_scan

DOE = StudyHeader(patient_name="Doe, Jane", patient_id="ID-4711", study_date="2024-02-29")
LONGEST = StudyHeader(*["名" * 9999] * 8).trimmed()


def with_header(header=DOE, seed=0):
    return replace(make_scan(seed), header=header)


def memory_of(store):
    return bytes(store._headers._memory)


def written_in(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("header", [DOE, LONGEST, None])
def test_it_comes_back_to_the_owner_alone(store, header):
    token = store.put(with_header(header), OWNER)
    assert store.header(token, OWNER) == header
    with pytest.raises(UserError, match="no longer available"):
        store.header(token, OTHER)


def test_the_scan_that_comes_back_has_none(store):
    assert store.get(store.put(with_header(), OWNER), OWNER).header is None


def test_nothing_of_it_is_on_the_disk_and_in_memory_it_is_encrypted(store, folder):
    token = store.put(with_header(), OWNER)
    store.append(token, OWNER, "findings", 1)
    store.change(token, OWNER, store.get(token, OWNER))
    assert store.header(token, OWNER) == DOE
    for data in (written_in(folder), memory_of(store)):
        assert b"Doe" not in data
        assert b"4711" not in data
        assert b"2024" not in data
    assert bytes.fromhex(scan_name(token, OWNER)) in memory_of(store)


def test_it_goes_with_the_scan(store):
    token, other = (store.put(with_header(seed=seed), OWNER) for seed in (0, 1))
    store.remove(token, OWNER)
    assert store.header(other, OWNER) == DOE
    store.remove(other, OWNER)
    assert not any(memory_of(store))


def test_it_goes_when_the_scan_expires(store, folder):
    token = store.put(with_header(), OWNER)
    grow_old(folder / scan_name(token, OWNER), 31 * 60)
    with pytest.raises(UserError, match="no longer available"):
        store.header(token, OWNER)
    store.sweep()
    assert not any(memory_of(store))


def test_of_scans_that_make_room_it_goes_too(make_store):
    store = make_store(max_scans=2)
    tokens = [store.put(with_header(StudyHeader(patient_id=f"ID-{i}"), i), OWNER) for i in range(9)]
    assert [store.header(token, OWNER).patient_id for token in tokens[-2:]] == ["ID-7", "ID-8"]
    names = [bytes.fromhex(scan_name(token, OWNER)) in memory_of(store) for token in tokens]
    assert names == [False] * 7 + [True] * 2


def test_a_scan_without_one_leaves_the_others(store):
    token = store.put(with_header(), OWNER)
    assert store.header(store.put(make_scan(), OWNER), OWNER) is None
    assert store.header(token, OWNER) == DOE


def test_what_cannot_be_decrypted_is_no_header(store):
    token = store.put(with_header(), OWNER)
    at = header_memory.NAME_BYTES + header_memory.LENGTH_BYTES + 3
    store._headers._memory[at] ^= 1
    assert store.header(token, OWNER) is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked on POSIX only")
def test_forked_processes_share_it_and_others_do_not(folder, monkeypatch):
    monkeypatch.setattr(header_memory, "_shared", None)
    header_memory.share(20)
    store = ScanStore(folder)
    reading, writing = os.pipe()
    if not os.fork():
        try:
            os.write(writing, ScanStore(folder).put(with_header(), OWNER).encode())
        finally:
            os._exit(0)
    token = os.read(reading, 100).decode()
    os.wait()
    assert store.header(token, OWNER) == DOE
    monkeypatch.setattr(header_memory, "_shared", None)
    assert ScanStore(folder).header(token, OWNER) is None
    store.close()
