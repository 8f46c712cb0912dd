"""The server that is measured, gunicorn with the configuration that is shipped, and a client of it."""

import io
import os
import signal
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from urllib3 import HTTPConnectionPool
from urllib3.filepost import encode_multipart_formdata

from models.imaging.phantom import draw_phantom
from models.inference.runtime.process import FOR_SERVING
from tests import WITHOUT_JAX
from tests.servers import HOST, ROOT, ask, free_port, started, wait_until

APP, BESIDE, PLAIN_WAY = (
    "app:create_app()",
    "tests.bench.beside:create()",
    "tests.bench.beside:create_plain()",
)
READY_S, ANSWER_S = 180, 120


@contextmanager
def running(app=APP):
    """A server on a free port, from the first 200 of ``/healthz`` until it has ended.

    JAX, which the tests need and TensorFlow imports where it finds it, is hidden: users' servers have none.
    The plain way runs without our settings of TensorFlow.

    Yields
    ------
    server : tests.servers.Server
    ready_s : float
        From the start of its process until it was ready.
    """
    for name in [name for name in os.environ if name.startswith(("NODULE_", "GUNICORN_"))]:
        del os.environ[name]
    os.environ["PYTHONPATH"] = os.pathsep.join([WITHOUT_JAX, str(ROOT)])
    os.environ.update(dict.fromkeys(FOR_SERVING, "0") if app == PLAIN_WAY else {})
    port, start = free_port(), time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        ".deploy/gunicorn.conf.py",
        "--bind",
        f"{HOST}:{port}",
        app,
    ]
    with tempfile.TemporaryDirectory() as folder, started(command, Path(folder), port, {}) as server:
        wait_until(lambda: ask(port, "/healthz").status == 200, READY_S)
        yield server, time.perf_counter() - start


def stoppable():
    """Let a request to end unwind what runs, so that servers are stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


class Client:
    """Sends one request after the other on a connection that is kept open, as a page of the server does."""

    def __init__(self, port):
        self._pool = HTTPConnectionPool(HOST, port, maxsize=1, timeout=ANSWER_S, retries=False)
        self._headers = {"Sec-Fetch-Site": "same-origin", "Origin": f"http://{HOST}:{port}"}

    def ask(self, path, form=None):
        """The answer to a GET, or to a POST of what `form` made; its `seconds` are a further attribute."""
        body, media_type = form or (None, None)
        headers = self._headers | ({"Content-Type": media_type} if form else {})
        start = time.perf_counter()
        answer = self._pool.request(
            "POST" if form else "GET", path, body=body, headers=headers, redirect=False
        )
        answer.seconds = time.perf_counter() - start
        if given := answer.headers.get("Set-Cookie"):
            self._headers["Cookie"] = given.partition(";")[0]
        return answer

    def must(self, path, form=None, statuses=(200,)):
        """An answer with an expected status; RuntimeError where it is another one."""
        answer = self.ask(path, form)
        if answer.status not in statuses:
            raise RuntimeError(f"Expected {statuses}. Received: {answer.status} {answer.data[:300]!r}")
        return answer


def form(data, name="image.png", **fields):
    """A form with one file, encoded once for many requests."""
    return encode_multipart_formdata({"image": (name, data), **{key: str(fields[key]) for key in fields}})


def crop_png():
    """A nodule crop of 128 x 128 pixels."""
    stream = io.BytesIO()
    Image.fromarray(draw_phantom("spiculated")).save(stream, "PNG")
    return stream.getvalue()


def crop_patches():
    """The eight views of the crop: shape (8, pixels, pixels, fields), float32."""
    from models.imaging.scan import locate
    from models.inference.views import views
    from models.ingest.read import read_scan

    scan = read_scan([("crop.png", crop_png())])
    roi = locate(scan)
    return views(scan.slices[roi.slice], scan.spacing_mm, roi.row, roi.col)
