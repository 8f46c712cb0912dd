"""What lies encrypted in the store: comes back to its owner, and to nobody who has only the disk."""

import io

import pytest

from models.errors import UserError
from models.web.store import disk
from models.web.store.keys import scan_name
from models.web.store.sealed import SEGMENT_BYTES, key_of, seal, sealed_size, unseal
from tests.web.store.scans import OTHER, OWNER, grow_old, make_scan, scans_on_disk

KEY = key_of("token", "owner")
LENGTHS = [0, 1, 17, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, 2 * SEGMENT_BYTES, 2_500_000]


def text_of(n_bytes):
    return bytes(i * 31 % 251 for i in range(997)) * (n_bytes // 997 + 1)


@pytest.mark.parametrize("n_bytes", LENGTHS)
def test_what_is_sealed_comes_back_whatever_pieces_it_came_in(n_bytes):
    plain = text_of(n_bytes)[:n_bytes]
    pieces = [plain[:5], plain[5:1_200_000], b"", plain[1_200_000:]]
    sealed = b"".join(seal(pieces, KEY))
    assert len(sealed) == sealed_size(n_bytes)
    assert b"".join(unseal(io.BytesIO(sealed), KEY)) == plain
    assert n_bytes < 100 or plain[:100] not in sealed


def test_a_change_a_cut_or_another_order_is_noticed():
    sealed = b"".join(seal([text_of(3 * SEGMENT_BYTES)[: 3 * SEGMENT_BYTES]], KEY))
    size = len(sealed) // 3
    first, second, third = (sealed[i * size : (i + 1) * size] for i in range(3))
    changed = bytearray(sealed)
    changed[size + 7] ^= 1
    for wrong in (
        changed,
        first + second,
        second + first + third,
        first + third,
        sealed[:-1],
        sealed + b"x",
        b"",
    ):
        with pytest.raises(ValueError, match="damaged"):
            list(unseal(io.BytesIO(bytes(wrong)), KEY))


def test_each_token_and_each_owner_has_a_key_of_its_own():
    keys = {key_of(token, owner) for token in ("a", "b") for owner in ("c", "d")}
    assert len(keys) == 4
    with pytest.raises(ValueError, match="another key"):
        list(unseal(io.BytesIO(b"".join(seal([b"x"], KEY))), key_of("token", "other")))


def put(store, plain=b"Jane Doe" * 9, owner=OWNER):
    return store.put_sealed(lambda: [plain], len(plain), owner)


def test_the_store_keeps_it_for_its_owner(store, folder):
    token = put(store)
    assert b"".join(store.get_sealed(token, OWNER)) == b"Jane Doe" * 9
    store.write(token, OWNER, "scans", [1])
    assert store.read(token, OWNER, "scans") == [1]
    on_disk = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"Jane" not in on_disk
    for key in ((token, OTHER), ("x" * 43, OWNER)):
        with pytest.raises(UserError) as caught:
            store.get_sealed(*key)
        assert caught.value.code == "scan_gone"
    store.remove(token, OWNER)
    assert scans_on_disk(folder) == []


def test_one_that_was_tampered_with_is_gone(store, folder):
    token = put(store)
    path = folder / scan_name(token, OWNER) / disk.SEALED
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError) as caught:
        list(store.get_sealed(token, OWNER))
    assert caught.value.code == "scan_gone"


def test_it_counts_with_its_bytes_and_goes_when_it_expires(make_store, folder):
    store = make_store(max_mb=1)
    with pytest.raises(UserError) as caught:
        put(store, bytes(1_000_000))
    assert (caught.value.code, scans_on_disk(folder)) == ("too_large", [])
    token = put(store, bytes(900_000))
    (kept,) = disk.kept_in(folder)
    assert kept.n_bytes == pytest.approx(sealed_size(900_000), abs=100)
    grow_old(folder / scan_name(token, OWNER), 31 * 60)
    store.sweep()
    assert scans_on_disk(folder) == []


def test_where_the_disk_is_full_old_scans_go_for_it(store, folder, monkeypatch):
    store.put(make_scan(), OWNER)
    real, tries = disk.write_sealed, []

    def once_full(path, segments):
        tries.append(path)
        if len(tries) == 1:
            next(iter(segments()))
            raise OSError(28, "No space left on device")
        real(path, segments)

    monkeypatch.setattr(disk, "write_sealed", once_full)
    token = put(store)
    assert scans_on_disk(folder) == [scan_name(token, OWNER)]
    assert b"".join(store.get_sealed(token, OWNER)) == b"Jane Doe" * 9


def test_what_is_used_together_stays_together(store, folder):
    token, scan = put(store), store.put(make_scan(), OWNER)
    store.use_together(scan, token, OWNER)
    for each in (token, scan):
        grow_old(folder / scan_name(each, OWNER), 25 * 60)
    store.get(scan, OWNER)
    assert {round((disk.wall() - kept.last_use) / 60) for kept in disk.kept_in(folder)} == {0}
    store.remove(token, OWNER)
    grow_old(folder / scan_name(scan, OWNER), 25 * 60)
    assert store.get(scan, OWNER).is_hu


def test_a_name_that_is_no_entry_is_not_followed(store, folder, tmp_path):
    scan = store.put(make_scan(), OWNER)
    (folder / scan_name(scan, OWNER) / disk.TOGETHER).write_text("../../x")
    grow_old(folder / scan_name(scan, OWNER), 60)
    assert store.get(scan, OWNER).is_hu
