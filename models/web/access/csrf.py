"""Whether a request that changes something comes from a page of this server."""

import hmac
import re

from models.web.access.cookies import form_token
from models.web.access.denied import AccessDenied

SAFE = ("GET", "HEAD", "OPTIONS")
HEAD_BYTES = 10_000  # of a body: forms have their token before all else
TOKEN = re.compile(rb"(?<![\w-])[\w-]{43}(?![\w-])")


def refuse_other_origins(request, browser, has_session):
    """Refuse what a page of another site, or of another port of this machine, had the browser send.

    Browsers say where a request comes from: since 2020 to 2023 in Sec-Fetch-Site, before in Origin. Origin is
    ``null`` where a page sends no referrer, as this site's do not; so that, and none, need the token of the
    page's form, or the header that only a script of the same origin can add. A request that carries neither
    these headers nor a cookie is a program's: there is nothing of a visitor's that it could ride on.

    Parameters
    ----------
    request : Request
        Of its body no more than the head is read, and that only where everything else leaves it open.
    browser : str
        The browser's secret; empty where the request carries none.
    has_session : bool
        Whether the request carries a session's cookie.

    Raises
    ------
    Refused
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
    raise AccessDenied("other_origin", "Another site sent this request; use the form of this one.")


def _has_token(request, expected):
    """Whether the head of the body has a token: who knows it may put it anywhere."""
    told = TOKEN.findall(request.head(HEAD_BYTES))
    return any([hmac.compare_digest(token, expected) for token in told])


def _is_same_origin(request):
    if site := request.headers.get("Sec-Fetch-Site"):
        return site in ("same-origin", "none")  # none: the person asked for it, and no page
    own = f"{request.scheme}://{request.host}".lower()
    return request.headers.get("Origin", "").lower() == own
