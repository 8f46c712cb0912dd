"""Where a request may come from: from which machine, to which name of this server, from whose page."""

import hmac
import re
from collections.abc import Collection

from flask import Request

from models.errors import UserError
from models.messages import Message
from models.web.access.cookies import form_token
from models.web.access.network import is_loopback, parsed_address
from models.web.routing import SAFE
from models.web.uploads import UploadRequest

PORT = re.compile(r":\d*$")
HEAD_BYTES = 10_000  # of a body: forms have their token before all else
TOKEN = re.compile(rb"(?<![\w-])[\w-]{43}(?![\w-])")


class AccessDenied(UserError):
    """Why a request is not answered, in words for the person who sent it.

    Parameters
    ----------
    code, message
        As of `UserError`.
    headers
        What goes with the answer, e.g. ``Retry-After``.
    page
        The template of the page that says so.
    """

    def __init__(
        self,
        code: str,
        message: str | Message,
        headers: dict[str, str] | None = None,
        page: str = "error.html",
    ) -> None:
        super().__init__(code, message)
        self.headers, self.page = headers or {}, page


def refuse_strangers(request: Request, has_proxies: bool) -> None:
    """Without a password, only this machine is answered, whatever address the server was told to listen on.

    A proxy on this machine hides where a request comes from; that there is one shows in what it adds.

    Raises
    ------
    AccessDenied
        ``not_open``.
    """
    came_by = not has_proxies and any(name in request.headers for name in ("X-Forwarded-For", "Forwarded"))
    if came_by or not is_loopback(request.remote_addr or "127.0.0.1"):  # a Unix socket has no address
        raise AccessDenied("not_open", "This server has no password, so it answers only its own machine.")


def refuse_other_names(request: Request, names: Collection[str]) -> None:
    """Refuse a request for a server of another name.

    A page of another site can have its own name point at this machine (DNS rebinding); the browser then takes
    this server for that site, and hands it the answers. An address, without a name, cannot be turned so.

    Parameters
    ----------
    names
        Lower-case names of this server besides ``localhost``.

    Raises
    ------
    AccessDenied
        ``unknown_host``.
    """
    host = request.headers.get("Host")
    if host is None:  # no browser
        return
    name = PORT.sub("", host.lower()).rstrip(".")
    if name == "localhost" or name in names or parsed_address(name.strip("[]")):
        return
    raise AccessDenied(
        "unknown_host",
        "This server is not known by the name in the request; its names are set with NODULE_HOSTS.",
    )


def refuse_other_origins(request: UploadRequest, browser: str, has_session: bool) -> None:
    """Refuse what a page of another site, or of another port of this machine, had the browser send.

    Browsers say where a request comes from: since 2020 to 2023 in Sec-Fetch-Site, before in Origin. Origin is
    ``null`` where a page sends no referrer, as this site's do not; so that, and none, need the token of the
    page's form, or the header that only a script of the same origin can add. A request that carries neither
    these headers nor a cookie is a program's: there is nothing of a visitor's that it could ride on.

    Parameters
    ----------
    request
        Of its body no more than the head is read, and that only where everything else leaves it open.
    browser
        The browser's secret; empty where the request carries none.
    has_session
        Whether the request carries a session's cookie.

    Raises
    ------
    AccessDenied
        ``other_origin``.
    """
    if request.method in SAFE or _is_same_origin(request):
        return
    told = request.headers.get("Sec-Fetch-Site") or request.headers.get("Origin")
    if told in (None, "null"):
        if "X-Requested-With" in request.headers or not (told or browser or has_session):
            return
        if browser and _has_token(request, form_token(browser).encode()):
            return
    raise AccessDenied("other_origin", "Another site sent this request; use the form on this site.")


def _has_token(request: UploadRequest, expected: bytes) -> bool:
    """Whether the head of the body has a token: who knows it may put it anywhere."""
    told = TOKEN.findall(request.head(HEAD_BYTES))
    return any([hmac.compare_digest(token, expected) for token in told])


def _is_same_origin(request: Request) -> bool:
    if site := request.headers.get("Sec-Fetch-Site"):
        return site in ("same-origin", "none")  # none: the person asked for it, and no page
    own = f"{request.scheme}://{request.host}".lower()
    return request.headers.get("Origin", "").lower() == own
