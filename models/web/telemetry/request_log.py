"""Watches all requests, from outside the application: an ID, a log line and the counts of each."""

import logging
import time

from models.web.telemetry import request_context

log = logging.getLogger("models.access")


class RequestLog:
    """WSGI middleware around an application.

    Parameters
    ----------
    application : callable
        Says with `models.web.telemetry.request_context.note` what it knows of a request.
    metrics : Metrics
    """

    def __init__(self, application, metrics):
        self._application, self._metrics = application, metrics

    def __call__(self, environ, start_response):
        facts, start, status = request_context.begin(environ), time.perf_counter(), 500

        def start_watched(line, headers, *exc_info):
            nonlocal status
            status = int(line.split(None, 1)[0])
            facts.route = _route(environ)
            return start_response(line, [*headers, ("X-Request-Id", facts.request_id)], *exc_info)

        try:
            with self._metrics.under_way.track_inprogress():
                return self._application(environ, start_watched)
        finally:
            self._end(facts, status, time.perf_counter() - start)

    def _end(self, facts, status, seconds):
        self._metrics.count(facts, status, seconds)
        known = {"method": facts.method, "route": facts.route, "status": status, "code": facts.code}
        line = f"{facts.method} {facts.route or '-'} {status} {seconds:.3f} s {facts.request_id}"
        log.info(line, extra=known | {"seconds": round(seconds, 4), "request_id": facts.request_id})
        request_context.end()


def _route(environ):
    """The pattern of the address, which Flask's request knows while it is being answered."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return rule.rule if rule else ""
