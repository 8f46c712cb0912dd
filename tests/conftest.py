"""The real application, its models loaded once for the whole run."""

import io
import os
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.serving import make_server

from tests import WITHOUT_JAX

sys.path.insert(0, WITHOUT_JAX)
os.environ["PYTHONPATH"] = os.pathsep.join([WITHOUT_JAX, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)

from models.imaging.phantom import draw_phantom
from tests.ingest.dicom_files import chest_slice
from tests.remembering import Remembering

ROOT = Path(__file__).resolve().parents[1]


class BrowserLike(FlaskClient):
    """A client that says of its requests what browsers say of those from the site's own pages."""

    def open(self, *args, **kwargs):
        self.environ_base.setdefault("HTTP_SEC_FETCH_SITE", "same-origin")
        return super().open(*args, **kwargs)


def make_app(config):
    """An application whose test clients are like browsers."""
    app = create_app(config)
    app.test_client_class = BrowserLike
    return app


def create_app(config):
    """As of `app`, which brings TensorFlow along: rooms without networks do not wait for it."""
    import app

    return app.create_app(config)


@pytest.fixture(scope="session")
def app(tmp_path_factory):
    """The application with the shipped weights; what it has answered once it does not compute anew."""
    from models.inference.classifier import ModelRegistry

    registry = Remembering(ModelRegistry(ROOT / "weights"))
    return make_app({"REGISTRY": registry} | _store(tmp_path_factory, "app"))


@pytest.fixture(scope="session")
def finder(app, tmp_path_factory):
    """The application with a rule in place of the network that finds nodules: what is bright is one."""
    from tests.app.made_series import BrightSpots, WithLocaliser

    registry = WithLocaliser(app.registry, BrightSpots())
    return make_app({"REGISTRY": registry} | _store(tmp_path_factory, "finder"))


def _store(tmp_path_factory, name):
    """A store in which scans of one test do not make room for those of another."""
    return {"STORE": tmp_path_factory.mktemp(name) / "store", "STORE_SCANS": 500}


@pytest.fixture
def client(app):
    """A client without a browser."""
    return app.test_client()


@contextmanager
def served(app):
    """Serve an application over HTTP; its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()


@pytest.fixture(scope="session")
def server(app):
    """Address of the application."""
    with served(app) as address:
        yield address


def encode(pixels, kind="PNG", **options):
    """A picture file as bytes."""
    stream = io.BytesIO()
    Image.fromarray(np.asarray(pixels)).save(stream, kind, **options)
    return stream.getvalue()


def upload(data, name="image.png"):
    """A file field for `post`."""
    return io.BytesIO(data), name


def post(client, files, url="/api/v1/predict", **fields):
    """Send one file field, or a list of them, and other fields."""
    return client.post(url, data={"image": files, **fields})


@pytest.fixture(scope="session")
def crop_png():
    """A nodule crop, as PNG bytes."""
    return encode(draw_phantom("spiculated"))


@pytest.fixture(scope="session")
def slice_png():
    """A picture too large to be a nodule crop, its nodule in the middle, as PNG bytes."""
    return encode(draw_phantom("spiculated", size=256))


@pytest.fixture(scope="session")
def chest_hu():
    """A whole chest slice in HU."""
    return chest_slice()


@pytest.fixture(scope="session")
def shared():
    """The folder of real data that may lie beside the repository."""
    folder = ROOT.parent / "shared"
    if not (folder / "dicom").is_dir():
        pytest.skip("the folder shared, with real data, is not beside the repository")
    return folder


@pytest.fixture(scope="session")
def chest():
    """HU of a whole chest slice, 512 x 512, read-only."""
    hu = chest_slice()
    hu.flags.writeable = False
    return hu


@pytest.fixture(scope="session")
def grey():
    """An 8-bit grey picture of 48 x 64 pixels, a nodule beside the chest wall, read-only; the wall is 250."""
    pixels = draw_phantom("spiculated", size=64, spacing_mm=1.3)[8:56]
    wall = (pixels >= 200) & (np.arange(64) >= 46)
    pixels = np.where(wall, 250, np.minimum(pixels, 249)).astype(np.uint8)
    pixels.flags.writeable = False
    return pixels


SLOWER = {  # folders and files whose tests need networks, servers or other processes
    *("app", "browser", "deploy", "fuzz", "networks", "pacs", "runtime", "saliency", "sandbox", "training"),
    *("test_as_pdf.py", "test_classifier.py", "test_codec.py", "test_recognition.py"),
    *("test_request_timeouts.py", "test_server.py", "test_structured_report.py"),
}
WITH_MODELS = {"app", "client", "finder", "registry", "server"}  # fixtures


def is_slower(path):
    """Whether a file or folder is one of `SLOWER`, or in one."""
    return not SLOWER.isdisjoint(path.relative_to(Path(__file__).parent).parts)


def pytest_ignore_collect(collection_path, config):
    """With ``-m fast``, slower tests are not even read."""
    is_fast = config.option.markexpr == "fast" and collection_path.is_relative_to(Path(__file__).parent)
    return True if is_fast and is_slower(collection_path) else None


def pytest_collection_modifyitems(items):
    """Tests that need no networks, servers or other processes are `fast`."""
    for item in items:
        if not is_slower(item.path) and WITH_MODELS.isdisjoint(item.fixturenames):
            item.add_marker("fast")
