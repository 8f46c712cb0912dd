"""What is put into the store comes back, to its owner alone, for a while."""

import dataclasses
import threading

import numpy as np
import pytest

from models.errors import UserError
from models.imaging.scan import Orientation, Scan, describe
from models.ingest.read import read_scan
from models.web.store import disk, new_token
from models.web.store.keys import scan_name
from tests.ingest.dicom_files import chest_slice, make_ct
from tests.ingest.series_files import make_series
from tests.web.store.scans import OTHER, OWNER, grow_old, make_scan, scans_on_disk

GONE = (
    "This scan is no longer available: scans are kept only for a short time, and only for the browser that "
)
GONE += "sent them. Upload it again."
NO_KEYS = ["", None, 7, b"x", "../x", "../" * 14 + "x", "/etc/passwd", "x" * 100_000, "\0" * 43, "é" * 43]


def assert_gone(store, token, owner):
    """Every method says the same of a scan that is not there."""
    for ask in (
        lambda: store.get(token, owner),
        lambda: store.remove(token, owner),
        lambda: store.read(token, owner, "findings"),
        lambda: store.write(token, owner, "findings", []),
        lambda: store.append(token, owner, "findings", 1),
    ):
        with pytest.raises(UserError) as caught:
            ask()
        assert (caught.value.code, caught.value.message) == ("scan_gone", GONE)


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_a_scan_comes_back_bit_by_bit(store, dtype):
    scan = make_scan(dtype=dtype)
    if dtype is np.float32:
        scan.slices[0, 0, :4] = [np.nan, -0.0, 1 / 3, np.inf]
    got = store.get(store.put(scan, OWNER), OWNER)
    assert got.slices.dtype == dtype
    assert got.slices.shape == scan.slices.shape
    assert got.slices.tobytes() == scan.slices.tobytes()
    for field in dataclasses.fields(Scan):
        if field.name not in ("slices", "day"):  # see test_days
            assert getattr(got, field.name) == getattr(scan, field.name)
            assert type(getattr(got, field.name)) is type(getattr(scan, field.name))


def test_a_picture_comes_back_with_its_fields_empty(store):
    got = store.get(store.put(Scan(np.zeros((1, 4, 5), np.float32), (0.7, 0.7), True, False), OWNER), OWNER)
    assert (got.spacing_assumed, got.is_hu, got.notices) == (True, False, ())
    assert (got.orientation, got.positions_mm, got.thickness_mm) == (Orientation(), None, None)
    assert (got.references, got.contrast) == (None, None)


def test_a_series_comes_back_with_the_names_of_its_images(store):
    scan = read_scan(make_series(4, StudyInstanceUID="1.2.3", ContrastBolusAgent="Iopamidol"))
    got = store.get(store.put(scan, OWNER), OWNER)
    assert len(got.references) == 4
    assert got.references == scan.references
    assert got.contrast is True


def test_every_field_of_a_scan_is_stored_but_whose_it_is():
    assert {*describe(make_scan()), "slices", "header"} == {field.name for field in dataclasses.fields(Scan)}
    plain = Scan(make_scan().slices, (1.0, 1.0), True, False)
    same = [name for name in describe(plain) if getattr(make_scan(), name) == getattr(plain, name)]
    assert same == []  # so that the tests here see each of them travel


def test_numbers_of_numpy_are_stored_as_numbers(store):
    scan = dataclasses.replace(
        make_scan(),
        spacing_mm=(np.float32(0.5), np.float64(0.7)),
        positions_mm=tuple(np.array([0, 1, 2], np.float32)),
        is_hu=np.True_,
    )
    got = store.get(store.put(scan, OWNER), OWNER)
    assert (got.spacing_mm, got.positions_mm, got.is_hu) == ((0.5, 0.7), (0.0, 1.0, 2.0), True)


def test_slices_are_mapped_and_read_only(store):
    slices = store.get(store.put(make_scan(), OWNER), OWNER).slices
    assert isinstance(slices, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        slices[0, 0, 0] = 1


LAYOUTS = [
    lambda volume: volume.transpose(2, 0, 1),
    lambda volume: volume.swapaxes(1, 2),
    lambda volume: volume[::-1, :, ::2],
    np.asfortranarray,
]


@pytest.mark.parametrize("turn", LAYOUTS)
def test_slices_of_any_layout_are_stored_in_order(store, turn):
    scan = dataclasses.replace(make_scan(), slices=turn(make_scan().slices))
    got = store.get(store.put(scan, OWNER), OWNER).slices
    np.testing.assert_array_equal(got, scan.slices)
    assert got.flags.c_contiguous


def test_what_was_got_stays_readable_when_it_is_removed(store, folder):
    scan = make_scan()
    token = store.put(scan, OWNER)
    got = store.get(token, OWNER)
    store.remove(token, OWNER)
    assert scans_on_disk(folder) == []
    np.testing.assert_array_equal(got.slices, scan.slices)
    assert_gone(store, token, OWNER)


@pytest.mark.parametrize("ask", ["get", "read"])
def test_a_scan_that_goes_while_it_is_read_is_gone(store, make_store, monkeypatch, ask):
    token, other, read_json = store.put(make_scan(), OWNER), make_store(), disk.read_json

    def read_then_remove(path):
        data = read_json(path) if path.name == disk.DESCRIPTION else None
        other.remove(token, OWNER)
        return data or read_json(path)

    monkeypatch.setattr(disk, "read_json", read_then_remove)
    with pytest.raises(UserError) as caught:
        store.get(token, OWNER) if ask == "get" else store.read(token, OWNER, "findings")
    assert (caught.value.code, caught.value.message) == ("scan_gone", GONE)


def test_tokens_are_long_and_all_different():
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert {len(token) for token in tokens} == {43}


def test_a_scan_is_for_its_owner_alone(store):
    token = store.put(make_scan(), OWNER)
    assert_gone(store, token, OTHER)
    assert store.get(token, OWNER).is_hu


@pytest.mark.parametrize("token", [*NO_KEYS, "A" * 43], ids=lambda key: repr(key)[:12])
def test_no_other_token_opens_anything(store, folder, token):
    store.put(make_scan(), OWNER)
    assert_gone(store, token, OWNER)
    assert len(scans_on_disk(folder)) == 1


@pytest.mark.parametrize("owner", ["", None, 7, b"x", "x" * 201])
def test_without_an_owner_nothing_is_kept_or_found(store, folder, owner):
    token = store.put(make_scan(), OWNER)
    assert_gone(store, token, owner)
    with pytest.raises(UserError, match="no longer available"):
        store.put(make_scan(), owner)
    assert len(scans_on_disk(folder)) == 1


@pytest.mark.parametrize("owner", ["é日本", "a\0b", "\ud800", "../x"])
def test_an_owner_may_be_any_text(store, owner):
    token = store.put(make_scan(), owner)
    assert store.get(token, owner).is_hu
    assert_gone(store, token, owner + "x")


def test_an_expired_scan_is_gone_before_it_is_swept(store, folder):
    token = store.put(make_scan(), OWNER)
    path = folder / scan_name(token, OWNER)
    grow_old(path, 30 * 60 - 5)
    store.get(token, OWNER)  # used in time: it stays for another half hour
    store.sweep()
    assert store.get(token, OWNER).is_hu
    grow_old(path, 30 * 60 + 1)
    assert_gone(store, token, OWNER)
    assert scans_on_disk(folder) == [path.name]
    store.sweep()
    assert scans_on_disk(folder) == []


def test_expired_scans_are_swept_in_the_background(make_store, folder):
    store = make_store(minutes=0.15 / 60, sweep_seconds=0.05)
    token = store.put(make_scan(), OWNER)
    assert store.get(token, OWNER).is_hu
    pause, tries = threading.Event(), 100
    while scans_on_disk(folder) and tries:
        pause.wait(0.05)
        tries -= 1
    assert scans_on_disk(folder) == []
    assert_gone(store, token, OWNER)


def test_a_damaged_scan_is_gone(store, folder):
    token = store.put(make_scan(), OWNER)
    with open(folder / scan_name(token, OWNER) / disk.SLICES, "r+b") as file:
        file.truncate(200)
    with pytest.raises(UserError, match="no longer available"):
        store.get(token, OWNER)


def test_nothing_on_disk_names_the_patient_or_the_file_or_who_may_read(store, folder):
    tags = {
        "PatientName": "Doe^Jane",
        "PatientID": "ID-4711",
        "AccessionNumber": "ACC-99",
        "InstitutionName": "Clinic",
    }
    scan = read_scan([("jane_doe_1950.dcm", make_ct(chest_slice(), **tags))])
    token = store.put(scan, OWNER)
    store.append(token, OWNER, "findings", {"model": "vgg16"})
    store.report("a-job-of-the-browser", OWNER, {"done": 1, "total": 2})
    paths = [path for path in folder.rglob("*") if path.is_file()]
    assert len(paths) == 6  # slices, description, visitor, note, progress, lock
    everything = b"".join(path.read_bytes() for path in paths)
    everything += "".join(str(path.relative_to(folder)) for path in folder.rglob("*")).encode()
    assert len(everything) > scan.slices.nbytes
    for secret in [*tags.values(), "jane_doe", token, OWNER, "a-job-of-the-browser"]:
        assert secret.encode() not in everything
