"""Two processes behind one address: what one keeps the other shows; reload and stop lose no answer."""

import re
import signal
import socket
import threading
import time

import pytest

from tests.app.made_series import NODULE_AT, NODULE_SLICE, series_files
from tests.deploy.servers import Gunicorn

pytestmark = pytest.mark.slow

PLACE = {"row": NODULE_AT[0], "col": NODULE_AT[1], "slice": NODULE_SLICE, "model": "alexnet"}
REQUEST_ID = "0123456789abcdef0123456789abcdef"
OWNER = "nodule_browser=" + "b" * 43
pytest.importorskip("fcntl")


@pytest.fixture(scope="module")
def gunicorn(tmp_path_factory):
    server = Gunicorn(tmp_path_factory.mktemp("two"), workers=2, NODULE_LOG="json")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def visit(gunicorn):
    """A series that one process read; the IDs of both, and the address of the scan."""
    pids = gunicorn.wait_for_workers(2)
    with gunicorn.only(pids[0], pids):
        told = gunicorn.ask(
            "/predict", {"spacing_mm": "1.4"}, series_files(), Cookie=OWNER, **{"X-Requested-With": "script"}
        )
    assert told[0] == 200
    return pids, re.search(r"/scan/[\w-]{43}", told[2])[0]


def searched(gunicorn, address):
    """Wait for the end of the search that the upload began; what is told of it."""
    for _ in range(300):
        text = gunicorn.ask(f"{address}/search", Cookie=OWNER)[2]
        if '"running"' not in text and '"queued"' not in text:
            return text
        time.sleep(0.1)
    raise TimeoutError(text)


def test_whose_study_one_process_read_the_other_says_to_the_same_browser(gunicorn, visit):
    pids, _ = visit
    files, script = series_files(PatientName="Doe^Jane"), {"X-Requested-With": "script"}
    with gunicorn.only(pids[0], pids):
        told = gunicorn.ask("/predict", {"spacing_mm": "1.4"}, files, Cookie=OWNER, **script)
    address = re.search(r"/scan/[\w-]{43}", told[2])[0]
    with gunicorn.only(pids[1], pids):
        assert "Doe, Jane" in gunicorn.ask(f"{address}/study", Cookie=OWNER)[2]
        assert gunicorn.ask(f"{address}/study", Cookie=OWNER.replace("b", "c"))[0] == 404
        assert gunicorn.ask(f"{address}/remove", {}, Cookie=OWNER)[0] == 200  # of where it leads
    with gunicorn.only(pids[0], pids):
        assert gunicorn.ask(f"{address}/study", Cookie=OWNER)[0] == 404


def test_what_one_process_read_the_other_shows_searches_and_answers(gunicorn, visit):
    pids, address = visit
    searched(gunicorn, address)
    with gunicorn.only(pids[1], pids):
        assert "Slice" in gunicorn.ask(address, Cookie=OWNER)[2]
        assert '"state": "done"' in searched(gunicorn, address).replace('":"', '": "')
        status, headers, page = gunicorn.ask(f"{address}/findings", PLACE, Cookie=OWNER)
        assert (status, headers["Content-Location"]) == (200, f"{address}/finding/0")
    with gunicorn.only(pids[0], pids):
        again = gunicorn.ask(f"{address}/finding/0", Cookie=OWNER)
        assert again[0] == 200
        assert re.findall(r"\d\.\d\d", again[2]) == re.findall(r"\d\.\d\d", page)
        assert gunicorn.ask(f"{address}/finding/0", Cookie="nodule_browser=" + "c" * 43)[0] == 404


def test_counts_of_both_processes_add_up(gunicorn, visit, crop_png):
    pids, _ = visit
    asked = {"model": "alexnet", "outcome": "ok"}
    ((_, before),) = gunicorn.metric("nodule_answers_total", **asked)
    for pid in pids:
        with gunicorn.only(pid, pids):
            assert gunicorn.ask("/api/v1/predict", {"model": "alexnet"}, [("a.png", crop_png)])[0] == 200
    for pid in pids:
        with gunicorn.only(pid, pids):
            assert gunicorn.metric("nodule_answers_total", **asked) == [(asked, before + 2)]
            assert gunicorn.metric("nodule_queue_places") == [({}, 32)]
            assert gunicorn.metric("nodule_queue_taken") == [({}, 0)]


def test_health_tells_which_models_are_missing(gunicorn):
    status, _, text = gunicorn.ask("/healthz")
    assert status == 503
    assert all(f'"{key}"' in text for key in ("vgg16", "vgg19", "resnet", "efficientnet"))
    assert '"alexnet"' not in text


def test_a_log_line_a_request_names_the_page_and_not_the_visit(gunicorn, visit):
    _, address = visit
    secret = f"{address}/finding/0?model=alexnet&name=Meier"
    headers = gunicorn.ask(secret, Cookie=OWNER, **{"X-Request-Id": REQUEST_ID})[1]
    assert headers["X-Request-Id"] == REQUEST_ID
    (line,) = [line for line in gunicorn.lines() if line.get("request_id") == REQUEST_ID]
    seconds, at = line.pop("seconds"), line.pop("time")
    assert 0 < seconds < 60
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", at)
    message = line.pop("message")
    route = "/scan/<token>/finding/<int:index>"
    assert message.startswith(f"GET {route} 200 ")
    status = {"status": 200, "request_id": REQUEST_ID}
    assert line == {"level": "INFO", "logger": "models.access", "method": "GET", "route": route} | status
    log = gunicorn.log.read_text()
    assert not [word for word in (address[6:], "Meier", "b" * 43, ".dcm") if word in log]


def test_two_hundred_that_stop_half_way_hold_nobody_up(gunicorn, visit, crop_png):
    host, port = gunicorn.address.split(":")
    head = b"POST /api/v1/predict HTTP/1.1\r\nHost: localhost\r\n"
    body = b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000\r\n\r\n--x\r\n"
    stalled = [socket.create_connection((host, int(port))) for _ in range(200)]
    for i, connection in enumerate(stalled):
        connection.sendall(head + (body if i % 2 else b""))
    start = time.monotonic()
    answers = [gunicorn.ask("/api/v1/predict", {"model": "alexnet"}, [("a.png", crop_png)]) for _ in range(3)]
    assert [status for status, *_ in answers] == [200] * 3
    assert time.monotonic() - start < 10
    for connection in stalled:
        connection.close()


def asking(gunicorn, crop_png, n):
    """Threads that ask for answers, and what they get."""
    statuses = []

    def ask():
        sent = gunicorn.ask("/api/v1/predict", {"model": "alexnet"}, [("a.png", crop_png)])
        statuses.append(sent[0])

    threads = [threading.Thread(target=ask) for _ in range(n)]
    for thread in threads:
        thread.start()
    return threads, statuses


def test_a_reload_answers_everybody_and_keeps_the_scans(gunicorn, visit, crop_png):
    pids, address = visit
    threads, statuses = asking(gunicorn, crop_png, 6)
    gunicorn.process.send_signal(signal.SIGHUP)
    new = gunicorn.wait_for_workers(2, but=pids)
    for thread in threads:
        thread.join(60)
    assert statuses == [200] * 6
    assert not set(new) & set(pids)
    assert gunicorn.ask(f"{address}/finding/0", Cookie=OWNER)[0] == 200


def test_a_stop_answers_what_is_under_way_and_leaves_no_scan(gunicorn, visit, crop_png):
    threads, statuses = asking(gunicorn, crop_png, 4)
    while sum(value for _, value in gunicorn.metric("nodule_queue_taken")) + len(statuses) < 4:
        time.sleep(0.01)  # nothing is promised to those who still knock
    assert len(list(gunicorn.store.iterdir())) > 1
    assert gunicorn.stop() == 0
    for thread in threads:
        thread.join(60)
    assert statuses == [200] * 4
    assert [path.name for path in gunicorn.store.iterdir()] == ["lock"]
    assert list(gunicorn.temporary.iterdir()) == []
