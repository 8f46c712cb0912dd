"""What fails in a server costs one request; the rest go on being answered."""

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest

from tests.app.made_series import NODULE_AT, NODULE_SLICE, series_files
from tests.deploy.servers import FEW, ROOT, Gunicorn
from tests.fuzz.inputs import BOUNDARY, multipart
from tests.servers import ask, python_app, wait_until

pytestmark = pytest.mark.slow

KIND = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Sec-Fetch-Site": "same-origin"}
JSON, ALEXNET = "/api/v1/predict", ("model", "alexnet")
OWNER = "nodule_browser=" + "f" * 43
PLACE = [("row", NODULE_AT[0]), ("col", NODULE_AT[1]), ("slice", NODULE_SLICE)]
pytest.importorskip("fcntl")


@pytest.fixture(scope="module")
def gunicorn(tmp_path_factory):
    server = Gunicorn(tmp_path_factory.mktemp("faults"), workers=2)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """A weights folder with one model."""
    weights = tmp_path_factory.mktemp("few")
    for path in [path for pattern in FEW for path in (ROOT / "weights").glob(pattern)]:
        shutil.copy(path, weights)
    return weights


@pytest.fixture(scope="module")
def server(few, tmp_path_factory):
    """``python app.py`` with one model."""
    with python_app(tmp_path_factory.mktemp("plain"), WEIGHTS=few) as server:
        yield server


def crop(png):
    return multipart([("a.png", png)], [ALEXNET])


def test_a_worker_that_is_killed_in_the_middle_loses_one_request(gunicorn, crop_png):
    pids = gunicorn.wait_for_workers(2)
    kept = gunicorn.ask(
        "/predict", dict(PLACE), series_files(), Cookie=OWNER, **{"X-Requested-With": "script"}
    )
    address = kept[2].split('"')[3]
    host, port = gunicorn.address.split(":")
    doomed = http.client.HTTPConnection(host, int(port), timeout=60)
    doomed.request("POST", JSON, multipart(series_files(), [ALEXNET]), KIND)  # all slices are looked through
    own = doomed.sock.getsockname()[1]

    wait_until(lambda: any(serves(pid, own) for pid in pids))
    time.sleep(0.3)
    psutil.Process(next(pid for pid in pids if serves(pid, own))).kill()
    with pytest.raises((http.client.HTTPException, OSError)):
        doomed.getresponse()
    answers = [gunicorn.ask(JSON, dict([ALEXNET]), [("a.png", crop_png)])[0] for _ in range(5)]
    assert answers == [200] * 5
    assert gunicorn.ask(address, Cookie=OWNER)[0] == 200
    assert len(set(gunicorn.wait_for_workers(2)) & set(pids)) == 1  # another one came


def serves(pid, port):
    """Whether a process holds the other end of a connection."""
    return any(c.raddr and c.raddr.port == port for c in psutil.Process(pid).net_connections())


def test_weights_that_are_spoilt_are_refused_by_the_next_processes_alone(gunicorn, crop_png):
    weights = gunicorn.store.parent / "weights" / "alexnet.weights.h5"
    whole, before = weights.read_bytes(), gunicorn.wait_for_workers(2)
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert gunicorn.ask(JSON, dict([ALEXNET]), [("a.png", crop_png)])[0] == 200
    gunicorn.process.send_signal(signal.SIGHUP)
    gunicorn.wait_for_workers(2, but=before)
    status, _, text = gunicorn.ask("/healthz")
    assert (status, "alexnet.weights.h5 is damaged" in text) == (503, True)
    status, _, text = gunicorn.ask(JSON, dict([ALEXNET]), [("a.png", crop_png)])
    assert (status, '"model_unavailable"' in text) == (503, True)
    assert gunicorn.ask("/")[0] == 200


def test_a_hundred_and_fifty_that_stop_half_way_hold_nobody_up_in_python_app(server, crop_png):
    # 75 with whole headers, and what waits without: fewer than an address may have open
    stalled = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(150)]
    body = f"Content-Type: {KIND['Content-Type']}\r\nContent-Length: 100000\r\n\r\n--{BOUNDARY}\r\n"
    for i, connection in enumerate(stalled):
        connection.sendall(f"POST {JSON} HTTP/1.1\r\nHost: localhost\r\n{body if i % 2 else ''}".encode())
    start = time.monotonic()
    assert [ask(server.port, JSON, crop(crop_png), KIND).status for _ in range(3)] == [200] * 3
    assert time.monotonic() - start < 10
    for connection in stalled:
        connection.close()


def test_a_full_disk_costs_what_is_to_be_kept_and_nothing_else(server, crop_png):
    most = psutil.RLIMIT_FSIZE, (40_000, psutil.RLIM_INFINITY)  # no file can grow beyond that; a scan would
    server.worker.rlimit(*most)
    try:
        page = ask(server.port, "/predict", crop(crop_png), KIND)
        assert (page.status, 'data-code="store_full"' in page.text) == (503, True)
        assert ask(server.port, JSON, crop(crop_png), KIND).status == 200
    finally:
        server.worker.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
    assert ask(server.port, "/predict", crop(crop_png), KIND).status == 200
    assert not [name for name in server.files() if ".new/" in name]


def test_a_decoder_that_is_killed_costs_its_upload(server, crop_png):
    assert ask(server.port, JSON, crop(crop_png), KIND).status == 200
    (fork_server,) = server.worker.children()
    wait_until(lambda: len(fork_server.children()) == 1)
    (doomed,) = fork_server.children()  # it waits for the next upload
    doomed.suspend()
    found = []
    thread = threading.Thread(target=lambda: found.append(ask(server.port, JSON, crop(crop_png), KIND)))
    thread.start()
    time.sleep(0.3)
    assert ask(server.port, JSON, crop(crop_png), KIND).status == 200
    doomed.send_signal(signal.SIGSEGV)
    doomed.resume()
    thread.join(20)
    assert (found[0].status, "it crashes the decoder" in found[0].text) == (422, True)
    fork_server.kill()
    assert ask(server.port, JSON, crop(crop_png), KIND).status == 200
    with contextlib.suppress(psutil.NoSuchProcess):
        assert fork_server.status() == psutil.STATUS_ZOMBIE


def test_the_start_tells_its_steps_and_the_address(server):
    (address,) = re.findall("^Open (.*) in a browser", server.log, re.MULTILINE)
    assert address == f"http://localhost:{server.port}"
    steps = re.findall(r"^  (\S.*?) +[0-9]+[.][0-9] s$", server.log, re.MULTILINE)
    assert steps == ["TensorFlow", "VGG16", "VGG19", "ResNet", "AlexNet", "EfficientNet", "First passes"]
    assert "WARNING: This is a development server" not in server.log


def test_a_port_that_is_taken_is_told_in_one_line(server):
    environ = os.environ | {"NODULE_PORT": str(server.port)}
    second = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60
    )
    told = f"Port {server.port} of 127.0.0.1 is taken by another program: set NODULE_PORT to another port.\n"
    assert (second.returncode, second.stdout, second.stderr) == (1, "", told)


def test_a_stop_leaves_no_scan(few, crop_png, tmp_path):
    with python_app(tmp_path, WEIGHTS=few) as stopped:
        assert ask(stopped.port, "/predict", crop(crop_png), KIND).status == 200
        assert [name for name in stopped.files() if name.endswith(".npy")]
        stopped.process.terminate()
        assert stopped.process.wait(60) == 0
        assert not [name for name in stopped.files() if name.endswith(".npy")]


@contextlib.contextmanager
def crowd(port):
    """Six hundred connections of one client that send nothing, or half of their headers."""
    connections = []
    for i in range(600):
        connections.append(socket.create_connection(("127.0.0.1", port), timeout=10))
        with contextlib.suppress(OSError):
            connections[-1].sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " if i % 2 else b"")
    yield
    for connection in connections:
        connection.close()


@pytest.mark.parametrize("kind", ["gunicorn", "server"])
def test_six_hundred_half_sent_headers_silence_nobody(request, kind):
    own = request.getfixturevalue(kind)
    port = own.port if kind == "server" else int(own.address.split(":")[1])
    with crowd(port):
        for _ in range(3):
            start = time.monotonic()
            assert ask(port, "/static/style.css", timeout=10).status == 200
            assert time.monotonic() - start < 5


def test_a_reload_of_one_process_leaves_nobody_without_an_answer(tmp_path):
    alone = Gunicorn(tmp_path, workers=1)
    port, before, waited = int(alone.address.split(":")[1]), alone.wait_for_workers(1), []
    alone.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + 180
    while psutil.pid_exists(before[0]) and time.monotonic() < end:
        start = time.monotonic()
        assert ask(port, "/static/style.css", timeout=30).status == 200
        waited.append(time.monotonic() - start)
        time.sleep(0.1)
    assert not psutil.pid_exists(before[0])
    assert ask(port, "/static/style.css").status == 200
    assert max(waited) < 5
    assert alone.stop() == 0
