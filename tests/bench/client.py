"""A client with one connection that is kept open, as long as the server keeps it."""

import http.client
import json
import time

from urllib3.filepost import encode_multipart_formdata

SECONDS = 120  # an answer that takes longer is an error
IDLE_S = 3  # a connection that was idle for longer may be closed by the server at any moment


class Client:
    """Sends one request after the other to a server on 127.0.0.1, as a page of that server does."""

    def __init__(self, port):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        self._headers = {"Sec-Fetch-Site": "same-origin", "Origin": f"http://127.0.0.1:{port}"}
        self.cookie, self._last = None, time.monotonic()

    def post(self, path, form):
        """Send a form made by `form`; (status, headers, body, seconds)."""
        body, media_type = form
        return self._ask("POST", path, body, {"Content-Type": media_type})

    def get(self, path):
        """(status, headers, body, seconds)."""
        return self._ask("GET", path, None, {})

    def close(self):
        """Close the connection; the next request opens a new one."""
        self._connection.close()

    def _ask(self, method, path, body, headers):
        if self.cookie:
            headers = headers | {"Cookie": self.cookie}
        if time.monotonic() - self._last > IDLE_S:
            self.close()
        start = time.perf_counter()
        try:
            self._connection.request(method, path, body, self._headers | headers)
            answer = self._connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        self._last = time.monotonic()
        if given := answer.headers.get("Set-Cookie"):
            self.cookie = given.partition(";")[0]
        return answer.status, answer.headers, data, time.perf_counter() - start


def form(data, name="image.png", **fields):
    """A form with one file, encoded once for many requests: (body, media type)."""
    return encode_multipart_formdata({"image": (name, data), **{key: str(fields[key]) for key in fields}})


def must(answer, status=200):
    """The body and the seconds of an answer; RuntimeError where it is not the expected one."""
    if answer[0] != status:
        raise RuntimeError(f"Expected {status}. Received: {answer[0]} {answer[2][:300]!r}")
    return answer[2], answer[3]


def must_json(answer):
    """The value in a JSON answer."""
    return json.loads(must(answer)[0])


def get(port, path):
    """Status of a page; 0 where nothing answers."""
    client = Client(port)
    try:
        return client.get(path)[0]
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        client.close()
