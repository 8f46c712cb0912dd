"""Uploads of several series are kept with their names, and given back as they were."""

import pytest

from models.errors import UserError
from models.ingest.series.listing import AXIAL, ListedSeries, Listing
from models.ingest.source import Source
from models.web import kept_uploads
from models.web.kept_uploads import KeptUploads
from models.web.store import ScanStore
from tests.web.store.scans import OTHER, OWNER, make_scan

FILES = [("a/1.dcm", b"x" * 3_000_000), ("", b""), ("ä\ud800 .dcm", b"yz"), ("a/1.dcm", bytes(range(256)))]
LISTING = Listing(tuple(ListedSeries(n, f"1.2.{n}", n, AXIAL, description="Jane") for n in (1, 2)))


@pytest.fixture
def store(tmp_path):
    store = ScanStore(tmp_path / "store")
    yield store
    store.close()


@pytest.fixture
def uploads(store):
    return KeptUploads(store)


@pytest.fixture
def token(uploads):
    return uploads.keep([Source.of_bytes(*file) for file in FILES], LISTING, OWNER)


@pytest.mark.parametrize("spools", [True, False])
def test_files_and_list_come_back_as_they_were(uploads, token, monkeypatch, spools):
    monkeypatch.setattr(kept_uploads, "SPOOLS", spools)
    with uploads.files(token, OWNER) as files:
        assert [(file.name, file.open().read()) for file in files] == FILES
    assert uploads.listing(token, OWNER) == LISTING


def test_nobody_else_gets_them(uploads, token):
    for ask in (uploads.listing, uploads.read, uploads.remove):
        with pytest.raises(UserError) as caught:
            ask(token, OTHER)
        assert caught.value.code == "scan_gone"


def test_what_was_read_of_it_is_known_both_ways_until_it_is_gone(uploads, store, token):
    first, second, refused = (store.put(make_scan(seed), OWNER) for seed in range(3))
    for number, scan in ((1, first), (2, second)):
        uploads.add(token, OWNER, number, scan)
    uploads.add(token, OWNER, 2, refused, is_refused=True)
    assert uploads.read(token, OWNER) == {1: first, 2: second}
    found = uploads.of_scan(second, OWNER)
    assert (found.token, found.listing, found.series) == (token, LISTING, LISTING.series[1])
    store.remove(first, OWNER)
    assert uploads.read(token, OWNER) == {2: second}
    uploads.remove_scan(second, OWNER)
    for each in (token, second, refused):
        with pytest.raises(UserError):
            store.read(each, OWNER, "x")


def test_a_scan_outlives_its_upload(uploads, store, token):
    scan = store.put(make_scan(), OWNER)
    assert uploads.of_scan(scan, OWNER) is None
    uploads.add(token, OWNER, 1, scan)
    store.remove(token, OWNER)
    assert uploads.of_scan(scan, OWNER) is None
    uploads.remove_scan(scan, OWNER)
    with pytest.raises(UserError):
        store.get(scan, OWNER)
