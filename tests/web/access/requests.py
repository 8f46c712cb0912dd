"""Requests as a server hands them over."""

from werkzeug.test import EnvironBuilder

from models.web.uploads import UploadRequest

SETTINGS = {"PASSWORD": "", "OPEN": 0, "HOSTS": "", "PROXIES": 0}
PASSWORD = "pässword of the ward"


def made(path="/", method="GET", url="http://localhost:5000", address="127.0.0.1", cookies=None, **options):
    """A request; further `options` are werkzeug's: headers, data, auth."""
    builder = EnvironBuilder(path, url, method=method, environ_base={"REMOTE_ADDR": address}, **options)
    for name, value in (cookies or {}).items():
        builder.headers.add("Cookie", f"{name}={value}")
    return UploadRequest(builder.get_environ())


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now=1_000_000.0):
        self.now = now

    def __call__(self):
        return self.now
