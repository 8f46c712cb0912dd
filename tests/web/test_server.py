"""How the application is served on one's own machine."""

import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from app import ROOT
from models.web.server import address_of, listen, waitress_server
from models.web.terminal import StartLines
from tests.fuzz.inputs import BOUNDARY, multipart
from tests.servers import ask


@pytest.mark.parametrize(
    ("host", "address"), [("127.0.0.1", "localhost"), ("0.0.0.0", "localhost"), ("::1", "[::1]")]
)
def test_the_address_is_one_that_a_browser_here_can_open(host, address):
    try:
        listener = listen(host, 0)
    except SystemExit:
        pytest.skip(f"no {host} here")
    with listener:
        assert address_of(listener) == f"http://{address}:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    ("host", "port", "why"),
    [("no.such.host.invalid", 5000, "Cannot listen on no.such.host.invalid"), ("127.0.0.1", 70000, "70000")],
)
def test_where_it_cannot_listen_one_line_says_why(host, port, why):
    with pytest.raises(SystemExit) as ended:
        listen(host, port)
    assert why in ended.value.code
    assert "\n" not in ended.value.code


def test_a_setting_that_is_no_number_is_told_in_one_line():
    environ = os.environ | {"NODULE_QUEUE": "many"}
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (1, "NODULE_QUEUE must be a whole number. Received: 'many'\n")


def test_steps_are_told_one_a_line(capsys):
    lines = StartLines()
    for step, seconds in (("VGG16", None), ("VGG16", 0.52), ("ResNet", None), ("ResNet", 11.0)):
        lines(step, seconds, 2)
    assert capsys.readouterr().out == "  VGG16             0.5 s\n  ResNet           11.0 s\n"


def test_on_a_terminal_a_bar_says_how_far_it_is(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    lines = StartLines()
    lines("VGG16", None, 2)
    lines("VGG16", 0.5, 2)
    lines("ResNet", None, 2)
    written = capsys.readouterr().out
    assert "  [--------------------] VGG16 ...\r" in written
    assert written.endswith("  [##########----------] ResNet ...")


@pytest.fixture(scope="module")
def port(app):
    """The application under waitress, as where there is no gunicorn."""
    listener = listen("127.0.0.1", 0)
    server = waitress_server(app, listener)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    server.close()


def test_waitress_answers_while_others_stop_half_way(port, crop_png):
    stalled = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
    body = f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: 100000\r\n\r\n"
    for i, connection in enumerate(stalled):
        head = f"POST /api/v1/predict HTTP/1.1\r\nHost: localhost\r\n{body if i % 2 else ''}"
        connection.sendall(head.encode())
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    start = time.monotonic()
    assert ask(port, "/static/style.css").status == 200
    assert time.monotonic() - start < 10
    assert ask(port, "/api/v1/predict", multipart([("a.png", crop_png)], []), kind).status == 200
    for connection in stalled:
        connection.close()


def test_waitress_hides_no_proxy(port):
    assert ask(port, "/models", headers={"X-Forwarded-For": "203.0.113.1"}).status == 403


def test_a_command_that_is_refused_needs_no_tensorflow(tmp_path):
    for name in ("tensorflow", "keras"):
        (tmp_path / f"{name}.py").write_text(f"raise RuntimeError('{name} was imported')")
    (tmp_path / "a.png").write_text("no picture")
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    environ = os.environ | {"PYTHONPATH": path, "NODULE_STORE": str(tmp_path / "store")}
    command = [sys.executable, "-m", "flask", "--app", "app", "predict"]
    for asked, status, told in (
        ("--help", 0, "--spacing-mm"),
        (str(tmp_path / "a.png"), 1, "(unsupported_file)"),
    ):
        done = subprocess.run(
            [*command, asked], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120
        )
        assert (done.returncode, told in done.stdout + done.stderr) == (status, True), done.stderr
