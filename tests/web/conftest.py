import pytest

from models.imaging.phantom import draw_phantom
from models.ingest.read import read_scan
from models.web.store import ScanStore
from tests.conftest import encode


@pytest.fixture(scope="module")
def scan():
    """A drawn nodule."""
    return read_scan([("a.png", encode(draw_phantom("spiculated")))], 0.7)


@pytest.fixture
def store(tmp_path):
    """A store, closed after the test."""
    store = ScanStore(tmp_path / "store")
    yield store
    store.close()
