"""What becomes known of the request that is being answered: for its log line and the counts."""

import re
import secrets
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

# Nothing else is taken from a client for an ID: no word that someone might have put there fits.
REQUEST_ID = re.compile(
    r"[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE
)
METHODS = ("GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE")
OTHER = "other"


@dataclass
class RequestContext:
    """One request, without anything that its sender wrote.

    Attributes
    ----------
    request_id : str
    method : str
        One of `METHODS`, or `OTHER`.
    route : str
        The pattern of the address, such as ``/scan/<token>``; empty where there is no such page.
    model : str
        The model asked for, as far as it is known; empty otherwise.
    code : str
        Of the error that was answered; empty where there was none.
    stages : list of (str, float)
        What took how many seconds.
    """

    request_id: str
    method: str
    route: str = ""
    model: str = ""
    code: str = ""
    stages: list = field(default_factory=list)


_current = ContextVar("facts", default=None)


def begin(environ):
    """Facts of a new request, from its WSGI environment.

    The ID that a proxy gave the request stays with it: one on this machine or behind a Unix socket, because
    anyone else could make log lines of different visits look like one.
    """
    given, sender = environ.get("HTTP_X_REQUEST_ID", ""), environ.get("REMOTE_ADDR", "")
    is_near = sender in ("", "::1") or sender.startswith("127.")
    known = is_near and REQUEST_ID.fullmatch(given)
    method = environ.get("REQUEST_METHOD")
    facts = RequestContext(given if known else secrets.token_hex(16), method if method in METHODS else OTHER)
    _current.set(facts)
    return facts


def end():
    """No request is being answered any more by this thread."""
    _current.set(None)


def request_id():
    """ID of the request that is being answered; empty outside one."""
    facts = _current.get()
    return facts.request_id if facts else ""


def note(**known):
    """Set attributes of the `RequestContext` of this thread's request; outside one, nothing."""
    if facts := _current.get():
        for name, value in known.items():
            setattr(facts, name, value or "")


@contextmanager
def stage(name):
    """Measure what the block takes, as a stage of the request that is being answered."""
    start = time.perf_counter()
    try:
        yield
    finally:
        if facts := _current.get():
            facts.stages.append((name, time.perf_counter() - start))
