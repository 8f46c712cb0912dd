"""Who sends the request that is being answered: a browser or a program, by which cookie, from where."""

import re

from flask import g, request

from models.web.access.cookies import BROWSER_COOKIE, cookie_of
from models.web.access.network import network_of, shares_of
from models.web.store import new_token

OWNER = re.compile(r"[\w-]{43}", re.ASCII)


def browser(new: bool = False) -> str:
    """The browser's secret, by its cookie; where it has none, a `new` one goes with the answer."""
    owner = g.get("new_browser") or cookie_of(request, BROWSER_COOKIE)
    if new and not OWNER.fullmatch(owner):
        owner = g.new_browser = new_token()
    return owner


def visitor() -> tuple[str, ...]:
    """By what the visitor has its shares of queue and decoders."""
    return shares_of(request.remote_addr or "", browser())


def address() -> str:
    """The visitor's address, as far as it has a share of the store."""
    return network_of(request.remote_addr or "")


def is_program() -> bool:
    """Whether a program asks, or a script of a page."""
    return request.path.startswith("/api/") or "X-Requested-With" in request.headers
