"""Who is let in, by what they carry, and what they get to carry; and the security headers of every answer."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from flask import Request

from models.messages import Message
from models.web.access.cookies import (
    BROWSER_COOKIE,
    DEVICE_COOKIE,
    DEVICE_SECONDS,
    SESSION_COOKIE,
    SESSION_SECONDS,
    Cookie,
    Sessions,
    cookie,
    cookie_of,
)
from models.web.access.login_throttle import LoginThrottle
from models.web.access.origins import (
    AccessDenied,
    refuse_other_names,
    refuse_other_origins,
    refuse_strangers,
)
from models.web.routing import SAFE, Access, Route
from models.web.store.revoked import RevokedNames
from models.web.uploads import UploadRequest

LOG_IN = "/login"
LOG_IN_BYTES = 10_000  # of a body that someone sends who is not let in yet
POLICY = (  # nothing but what is listed; no inline scripts and styles, no frames, no plug-ins
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",  # the preview of a chosen file, the maps
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
)
UNUSED = (
    "accelerometer autoplay browsing-topics camera display-capture encrypted-media fullscreen geolocation "
    "gyroscope hid magnetometer microphone midi payment picture-in-picture publickey-credentials-get "
    "screen-wake-lock serial usb xr-spatial-tracking"
)
HEADERS = {
    "Content-Security-Policy": "; ".join(POLICY),
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED.split()),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # frame-ancestors for old browsers
}
TLS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}
NO_STORE = {"Cache-Control": "no-store"}


class AccessControl:
    """Lets requests in, or not.

    Parameters
    ----------
    settings
        PASSWORD: empty where none is asked for. OPEN: whether others than this machine are answered without
        one. DICOMWEB_OPEN: whether pages that name patients are there without one. HOSTS: names of this
        server, with commas between them. PROXIES: how many proxies are trusted.
    revoked
        As of `Sessions`.
    """

    def __init__(self, settings: Mapping[str, Any], revoked: RevokedNames | None = None) -> None:
        self._password = settings["PASSWORD"]
        self._sessions = Sessions(self._password, revoked=revoked) if self._password else None
        self._names = set(settings["HOSTS"].lower().replace(",", " ").split())
        self._waived, self._proxies = settings["OPEN"], settings["PROXIES"]
        self.may_identify = bool(self._password or settings.get("DICOMWEB_OPEN"))
        self._throttle = LoginThrottle()

    def check(self, request: UploadRequest, route: Route) -> None:
        """Refuse a request that nobody may send, or not this visitor; all others pass.

        Nothing of a body is read before it is known who sends it, but for the log-in's few kilobytes.

        Raises
        ------
        AccessDenied
            ``method_not_allowed``, ``unknown_host``, ``not_open``, ``password_needed``, ``wrong_password``,
            ``too_many_tries``, ``other_origin``.
        """
        if request.method not in SAFE and route.access in (Access.PUBLIC, Access.PROBE):
            raise AccessDenied(
                "method_not_allowed",
                "This address is read-only; nothing can be sent to it.",
                {"Allow": ", ".join(SAFE)},
            )
        if route.access is Access.PROBE:
            return
        if self._names or not self._password:
            refuse_other_names(request, self._names)
        if not (self._password or self._waived):
            refuse_strangers(request, bool(self._proxies))
        if route.access is Access.LOG_IN:
            request.max_content_length = LOG_IN_BYTES
        elif route.access is Access.IDENTIFYING and not self.may_identify:
            raise AccessDenied(
                "not_open",
                "The PACS shows patient names, so its pages are available only if the server has a "
                "password (NODULE_PASSWORD).",
            )
        elif self._password and route.access in (Access.PRIVATE, Access.IDENTIFYING):
            self._ask_password(request)
        has_session = bool(cookie_of(request, SESSION_COOKIE))
        refuse_other_origins(request, cookie_of(request, BROWSER_COOKIE), has_session)

    def is_in(self, request: Request) -> bool:
        """Whether the request carries a session."""
        return self._sessions is not None and self._sessions.knows(cookie_of(request, SESSION_COOKIE))

    def enter(self, request: Request) -> list[Cookie]:
        """The cookies for the form with the right password; `AccessDenied` as `check` does.

        One is of a new session, the other has this browser known when it logs in again.
        """
        sessions = self._with_sessions()
        self._try(request, request.form.get("password", ""))
        made = [cookie(SESSION_COOKIE, sessions.new(), request.is_secure, SESSION_SECONDS)]
        if not self._device(request):
            made.append(cookie(DEVICE_COOKIE, sessions.new_device(), request.is_secure, DEVICE_SECONDS))
        return made

    def leave(self, request: Request) -> list[Cookie]:
        """End the request's session; the cookies that are to go, of which one has what was uploaded."""
        self._with_sessions().end(cookie_of(request, SESSION_COOKIE))
        return [cookie(name, "", request.is_secure, 0) for name in (SESSION_COOKIE, BROWSER_COOKIE)]

    def renewal(self, request: Request) -> Cookie | None:
        """The cookie of a session that is in use, when it is time to write it anew."""
        renewed = self._sessions.renewed(cookie_of(request, SESSION_COOKIE)) if self._sessions else None
        return renewed and cookie(SESSION_COOKIE, renewed[0], request.is_secure, renewed[1])

    def headers(self, request: Request, route: Route, is_new: bool) -> dict[str, str]:
        """Security headers of the answer; no cache keeps what is about one visitor.

        `is_new`: the answer brings the cookie of a new browser.
        """
        is_personal = route.is_personal or is_new or request.method == "POST"
        is_behind_password = bool(self._password) and route.access is not Access.PUBLIC
        kept = NO_STORE if is_personal or is_behind_password else {}
        return HEADERS | (TLS_ONLY if request.is_secure else {}) | kept

    def _with_sessions(self) -> Sessions:
        if self._sessions is None:
            raise RuntimeError("without a password there is no log-in")
        return self._sessions

    def _ask_password(self, request: Request) -> None:
        if self.is_in(request):
            return
        given = request.authorization
        password = (given.password if given.type == "basic" else given.token) if given else None
        if password is None:
            message = Message("This server needs a password: log in first.")
            raise AccessDenied("password_needed", message, _ways_in(request), "login.html")
        try:
            self._try(request, password)
        except AccessDenied as refused:
            if refused.code == "wrong_password":
                refused.headers = _ways_in(request)
            raise

    def _try(self, request: Request, password: str) -> None:
        known, told = (_digest(text) for text in (self._password, password))
        is_right = hmac.compare_digest(known, told)
        self._throttle.settle(request.remote_addr or "", is_right, self._device(request))

    def _device(self, request: Request) -> str:
        return self._with_sessions().device(cookie_of(request, DEVICE_COOKIE))


def next_path(request: Request) -> str:
    """Where the log-in leads: a path of this server, that of the form, else the page that was asked for.

    It is the start page for anything else, and for what was to be changed.
    """
    path = request.form.get("next", "/") if request.path == LOG_IN else request.path
    is_page = request.path == LOG_IN or request.method == "GET"
    return own_path(path) if is_page and not path.startswith(LOG_IN) else "/"


def own_path(path: str) -> str:
    """A path of this server as it was sent; the start page for anything else."""
    is_path = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if is_path and path.isascii() and path.isprintable() else "/"


def _digest(text: str) -> bytes:
    """All of one length, so that comparing takes one time."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _ways_in(request: Request) -> dict[str, str]:
    """The challenge (RFC 9110); "Basic" would have browsers open a window of their own over the page."""
    is_program = request.path.startswith("/api/") and "Sec-Fetch-Mode" not in request.headers
    basic = 'Basic realm="nodule", charset="UTF-8", ' if is_program else ""
    return {"WWW-Authenticate": basic + 'Bearer realm="nodule"'}
