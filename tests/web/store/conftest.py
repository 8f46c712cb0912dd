import pytest

from models.web.store import ScanStore


@pytest.fixture
def folder(tmp_path):
    """Where a store may be made."""
    return tmp_path / "store"


@pytest.fixture
def make_store(folder):
    """Stores in the folder, closed after the test."""
    stores = []

    def make(**settings):
        stores.append(ScanStore(folder, **settings))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def store(make_store):
    """A store with the default settings."""
    return make_store()
