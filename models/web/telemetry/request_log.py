"""Each request's ID, what becomes known of it, and from that its log line and the counts."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from models.web.telemetry.metrics import Metrics

# Nothing else is taken from a client for an ID: no word that someone might have put there fits.
REQUEST_ID = re.compile(
    r"[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE
)
METHODS = ("GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE")
OTHER = "other"
log = logging.getLogger("models.access")


@dataclass
class RequestContext:
    """One request, without anything that its sender wrote.

    Attributes
    ----------
    request_id
    method
        One of `METHODS`, or `OTHER`.
    route
        The pattern of the address, such as ``/scan/<token>``; empty where there is no such page.
    model
        The model asked for, as far as it is known; empty otherwise.
    code
        Of the error that was answered; empty where there was none.
    stages
        What took how many seconds.
    """

    request_id: str
    method: str
    route: str = ""
    model: str = ""
    code: str = ""
    stages: list[tuple[str, float]] = field(default_factory=list)


_current: ContextVar[RequestContext | None] = ContextVar("request_context", default=None)


class RequestLog:
    """WSGI middleware, outermost around an application that annotates its requests."""

    def __init__(self, application: WSGIApplication, metrics: Metrics) -> None:
        self._application, self._metrics = application, metrics

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        context, start, status = begin(environ), time.perf_counter(), 500

        def start_watched(line: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            nonlocal status
            status = int(line.split(None, 1)[0])
            context.route = _route(environ)
            return start_response(line, [*headers, ("X-Request-Id", context.request_id)], *exc_info)

        try:
            with self._metrics.under_way.track_inprogress():
                return self._application(environ, start_watched)
        finally:
            self._end(context, status, time.perf_counter() - start)

    def _end(self, context: RequestContext, status: int, seconds: float) -> None:
        self._metrics.count(context, status, seconds)
        known = {"method": context.method, "route": context.route, "status": status, "code": context.code}
        line = f"{context.method} {context.route or '-'} {status} {seconds:.3f} s {context.request_id}"
        log.info(line, extra=known | {"seconds": round(seconds, 4), "request_id": context.request_id})
        end()


def begin(environ: WSGIEnvironment) -> RequestContext:
    """Context of a new request.

    The ID that a proxy gave the request stays with it: one on this machine or behind a Unix socket, because
    anyone else could make log lines of different visits look like one.
    """
    given, sender = environ.get("HTTP_X_REQUEST_ID", ""), environ.get("REMOTE_ADDR", "")
    is_near = sender in ("", "::1") or sender.startswith("127.")
    known = is_near and REQUEST_ID.fullmatch(given)
    method = environ.get("REQUEST_METHOD", "")
    context = RequestContext(
        given if known else secrets.token_hex(16), method if method in METHODS else OTHER
    )
    _current.set(context)
    return context


def end() -> None:
    """No request is being answered any more by this thread."""
    _current.set(None)


def request_id() -> str:
    """ID of the request that is being answered; empty outside one."""
    context = _current.get()
    return context.request_id if context else ""


def annotate(**known: str) -> None:
    """Set attributes of the `RequestContext` of this thread's request; outside one, nothing."""
    if context := _current.get():
        for name, value in known.items():
            setattr(context, name, value or "")


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Measure what the block takes, as a stage of the request that is being answered."""
    start = time.perf_counter()
    try:
        yield
    finally:
        if context := _current.get():
            context.stages.append((name, time.perf_counter() - start))


def _route(environ: WSGIEnvironment) -> str:
    """The pattern of the address, which Flask's request knows while it is being answered."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return rule.rule if rule else ""
