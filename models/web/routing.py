"""What holds for a route, said where it is declared; one that says nothing gets the strictest."""

from contextlib import suppress
from enum import Enum
from typing import Any

from flask import Request
from flask.globals import request_ctx
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Rule

SAFE = ("GET", "HEAD", "OPTIONS")


class Access(Enum):
    """Who may ask; each lets in whom those before it let in, and others."""

    IDENTIFYING = "who gives the password; without one nobody, unless a setting says so: patients are named"
    PRIVATE = "who gives the password, or else this machine"
    LOG_IN = "who is about to give the password, and sends no more than that"
    PUBLIC = "everybody who calls the server by its name; nothing can be sent"
    PROBE = "everybody, whatever the server is called; nothing can be sent"


class Route(Rule):
    """A pattern of addresses: ``@app.post("/predict", uploads=True)``.

    Parameters
    ----------
    access : Access
    personal
        The answer is about one visitor's images: no cache keeps it.
    queued
        What changes something (POST) waits for its turn as a reading of images does, or is refused as busy.
    uploads
        Files may be sent, up to the bound of uploads; else only the fields of a form.
    options
        As of `werkzeug.routing.Rule`.
    """

    def __init__(
        self,
        string: str,
        *,
        access: Access = Access.PRIVATE,
        personal: bool = True,
        queued: bool = True,
        uploads: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(string, **options)
        self.access, self.is_personal, self.is_queued, self.takes_uploads = access, personal, queued, uploads


STRICTEST = Route("/")


def route_of(request: Request) -> Route:
    """The route that a request was sent to, even with a method that it does not have.

    Where there is none, the strictest.
    """
    rule = request.url_rule
    if isinstance(request.routing_exception, MethodNotAllowed) and request_ctx.url_adapter:
        with suppress(HTTPException):
            rule, _ = request_ctx.url_adapter.match(method="GET", return_rule=True)
    return rule if isinstance(rule, Route) else STRICTEST
