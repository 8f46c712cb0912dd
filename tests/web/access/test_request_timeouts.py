"""Who sends slowly, or stops half-way, is not waited for; whoever sends steadily is."""

import json
import socket
import sys
import threading
import time

import pytest

from models.web.access import request_timeouts
from models.web.access.request_timeouts import OPEN_OF_ONE, DeadlineSocket, OpenConnections
from tests.servers import free_port, started

HEAD = b"POST %s HTTP/1.1\r\nHost: localhost\r\nX-Requested-With: script\r\n"
BODY = b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 5000\r\n\r\n"
PART = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\nabc'


@pytest.fixture
def hasty(monkeypatch):
    """Bounds that a test can wait for."""
    monkeypatch.setattr(request_timeouts, "IDLE_SECONDS", 0.3)
    monkeypatch.setattr(request_timeouts, "HEAD_SECONDS", 0.6)
    monkeypatch.setattr(request_timeouts, "GRACE_SECONDS", 0.6)
    monkeypatch.setattr(request_timeouts, "BYTES_A_SECOND", 1000)


@pytest.fixture
def pair(hasty):
    """A client's end, and the server's."""
    client, server = socket.socketpair()
    server = DeadlineSocket.of(server)
    yield client, server
    client.close()
    server.close()


def drip(client, piece, n, seconds):
    """Send so many pieces, so many seconds apart, from a thread."""

    def send():
        for _ in range(n):
            time.sleep(seconds)
            client.sendall(piece)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


def read_all(server):
    while server.recv(100):
        pass


def test_who_stops_is_given_up(pair):
    client, server = pair
    client.sendall(b"GET")
    assert server.recv(100) == b"GET"
    start = time.monotonic()
    with pytest.raises(TimeoutError, match="interrupted"):
        server.recv(100)
    assert 0.25 < time.monotonic() - start < 1


def test_who_drips_is_given_up_after_all(pair):
    client, server = pair
    thread = drip(client, b"x", 20, 0.1)
    start = time.monotonic()
    with pytest.raises(TimeoutError, match="too slow|interrupted"):
        read_all(server)
    assert 0.5 < time.monotonic() - start < 1.5
    thread.join()


def test_who_sends_steadily_is_heard_out(pair):
    client, server = pair
    thread, received = drip(client, bytes(200), 10, 0.1), 0
    while received < 2000:  # takes longer than the first grace
        received += server.recv_into(bytearray(100))
    thread.join()


def test_each_request_on_a_connection_gets_its_own_time(pair):
    client, server = pair
    time.sleep(0.7)
    client.sendall(b"next")
    with pytest.raises(TimeoutError, match="too slow"):
        server.recv(4)
    again = DeadlineSocket.of(server)
    assert again is server
    assert again.recv(4) == b"next"


def test_a_shorter_bound_of_the_server_is_kept(pair):
    _, server = pair
    server.settimeout(0.05)
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        server.recv(1)
    assert time.monotonic() - start < 0.25
    assert server.gettimeout() == 0.05
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        server.recv(1)


HASTY = """
from models.web.access import request_timeouts
bounds = {"IDLE_SECONDS": 0.3, "HEAD_SECONDS": 0.6, "GRACE_SECONDS": 0.6, "BYTES_A_SECOND": 1000}
vars(request_timeouts).update(bounds)
from models.web.gunicorn_server import *
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """Of the application without models under gunicorn, with bounds that a test can wait for."""
    folder = tmp_path_factory.mktemp("hasty")
    (folder / "weights").mkdir()
    (folder / "hasty.conf.py").write_text(HASTY)
    command = [sys.executable, "-m", "gunicorn", "-c", str(folder / "hasty.conf.py"), "app:create_app()"]
    port = free_port()
    with started(command, folder, port, {"WEIGHTS": folder / "weights"}):
        yield port


def answer_to(port, data):
    """All that comes back to what is sent, until the connection is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data)
        pieces = []
        while piece := connection.recv(65536):
            pieces.append(piece)
    return b"".join(pieces).decode()


def test_an_upload_that_stops_half_way_is_answered_and_told_why(port):
    told = answer_to(port, HEAD % b"/api/v1/predict" + BODY + PART)
    page = answer_to(port, HEAD.replace(b"X-Requested-With", b"X") % b"/predict" + BODY + PART)
    sentence = "The upload was too slow or was interrupted. Try again."
    assert told.startswith("HTTP/1.1 408 ")
    assert json.loads(told.partition("\r\n\r\n")[2]) == {"error": {"code": "too_slow", "message": sentence}}
    assert page.startswith("HTTP/1.1 408 ")
    assert sentence in page


def test_a_head_that_never_ends_gets_no_answer(port):
    assert answer_to(port, HEAD % b"/") == ""


def test_whole_requests_are_answered_and_their_connections_closed(port):
    whole = HEAD.replace(b"POST", b"GET") % b"/static/style.css" + b"\r\n"
    assert answer_to(port, whole).startswith("HTTP/1.1 200 ")


class Line:
    """A connection that only remembers whether it was closed."""

    is_closed = False

    def shutdown(self, _):
        self.is_closed = True


def test_the_oldest_that_send_no_headers_make_room_for_others_of_their_address():
    arrivals, lines = OpenConnections(), [Line() for _ in range(40)]
    other = Line()
    assert arrivals.arrive("198.51.100.1", other)
    assert all(arrivals.arrive("192.0.2.1", line) for line in lines)
    assert [line.is_closed for line in lines] == [True] * 8 + [False] * 32
    assert not other.is_closed
    lines[8].on_head()  # its headers are there
    assert arrivals.arrive("192.0.2.1", Line())
    assert not lines[8].is_closed
    assert not lines[9].is_closed
    arrivals.begin(lines[8])  # the next request on it
    assert [lines[8].is_closed, lines[9].is_closed] == [False, True]


def test_what_was_closed_to_make_room_takes_no_place_and_closes_nobody():
    arrivals, lines = OpenConnections(), [Line() for _ in range(2 * OPEN_OF_ONE)]
    assert all(arrivals.arrive("192.0.2.1", line) for line in lines)
    for line in lines[:-32]:
        arrivals.begin(line)  # its end is noticed
    assert [line.is_closed for line in lines] == [True] * (2 * OPEN_OF_ONE - 32) + [False] * 32
    for line in lines:
        arrivals.leave(line)
    assert not arrivals._open
    assert not arrivals._waiting
    assert not arrivals._whose


def test_an_address_has_so_many_connections_and_no_more():
    arrivals, lines = OpenConnections(), [Line() for _ in range(OPEN_OF_ONE)]
    for line in lines:
        assert arrivals.arrive("2001:db8::1", line)
        line.on_head()
    assert not arrivals.arrive("2001:db8::2", Line())  # of the same line
    assert arrivals.arrive("2001:db8:0:1::1", Line())
    arrivals.leave(lines[0])
    assert arrivals.arrive("2001:db8::2", Line())
    assert not any(line.is_closed for line in lines)


def test_nothing_is_kept_of_connections_that_are_closed():
    arrivals, lines = OpenConnections(), [Line() for _ in range(40)]
    for line in lines:
        arrivals.arrive("192.0.2.1", line)
    for line in lines:
        arrivals.leave(line)
    assert not arrivals._open
    assert not arrivals._waiting
    assert not arrivals._whose


@pytest.mark.parametrize(("is_bounded", "address"), [(False, "192.0.2.1"), (True, "")])
def test_behind_a_proxy_and_a_unix_socket_there_is_no_bound(is_bounded, address):
    arrivals, lines = OpenConnections(is_bounded), [Line() for _ in range(2 * OPEN_OF_ONE)]
    assert all(arrivals.arrive(address, line) for line in lines)
    assert not any(line.is_closed for line in lines)


def test_the_headers_have_less_time_than_the_rest(pair, monkeypatch):
    monkeypatch.setattr(request_timeouts, "GRACE_SECONDS", 5)
    client, server = pair
    heard = []
    server.on_head = lambda: heard.append(True)
    for piece in (b"GET / HTTP/1.1\r\n", b"Host: x\r\n\r", b"\nbody"):
        client.sendall(piece)
        assert server.recv(100) == piece
    assert heard == [True]
    assert not server.is_in_head
    DeadlineSocket.of(server)
    thread = drip(client, b"x", 12, 0.1)
    with pytest.raises(TimeoutError, match="too slow|interrupted"):
        read_all(server)
    thread.join()
