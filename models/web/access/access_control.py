"""The door: who is let in, by what they carry, and what they get to carry."""

import hashlib
import hmac

from models.web.access.cookies import (
    BROWSER,
    KNOWN,
    KNOWN_SECONDS,
    SESSION,
    SESSION_SECONDS,
    Sessions,
    cookie,
    cookie_of,
)
from models.web.access.csrf import SAFE, refuse_other_origins
from models.web.access.denied import AccessDenied
from models.web.access.headers import headers_of
from models.web.access.login_throttle import LoginThrottle
from models.web.access.network import refuse_other_names, refuse_strangers

PROBED = "/healthz"  # for container engines, which know neither name nor password; it tells nothing of anyone
LOG_IN = "/login"
LOG_IN_BYTES = 10_000  # of a body that someone sends who is not let in yet
PUBLIC = ("/static/",)
UNKEPT = ("/scan/", "/progress/", "/api/", LOG_IN)  # pages and answers about a patient


class AccessControl:
    """Lets requests in, or not.

    Parameters
    ----------
    settings : mapping
        PASSWORD: empty where none is asked for. OPEN: whether others than this machine are answered without
        one. HOSTS: names of this server, with commas between them. PROXIES: how many proxies are trusted.
    ended : mapping, optional
        As of `Sessions`.
    """

    def __init__(self, settings, ended=None):
        self._password = settings["PASSWORD"]
        self._sessions = Sessions(self._password, ended=ended) if self._password else None
        self._names = set(settings["HOSTS"].lower().replace(",", " ").split())
        self._waived, self._proxies = settings["OPEN"], settings["PROXIES"]
        self._tries = LoginThrottle()

    def check(self, request):
        """Refuse a request that nobody may send, or not this visitor; all others pass.

        Nothing of a body is read before it is known who sends it, but for the log-in's few kilobytes.

        Raises
        ------
        Refused
            ``method_not_allowed``, ``unknown_host``, ``not_open``, ``password_needed``, ``wrong_password``,
            ``too_many_tries``, ``other_origin``.
        """
        if request.method not in SAFE and (request.path == PROBED or request.path.startswith(PUBLIC)):
            message = "This address is only read; nothing can be sent to it."
            raise AccessDenied("method_not_allowed", message, {"Allow": ", ".join(SAFE)})
        if request.path == PROBED:
            return
        if self._names or not self._password:
            refuse_other_names(request, self._names)
        if not (self._password or self._waived):
            refuse_strangers(request, self._proxies)
        if request.path == LOG_IN:
            request.max_content_length = LOG_IN_BYTES
        elif self._password and not request.path.startswith(PUBLIC):
            self._ask_password(request)
        has_session = bool(cookie_of(request, SESSION))
        refuse_other_origins(request, cookie_of(request, BROWSER), has_session)

    def is_in(self, request):
        """Whether the request carries a session."""
        return bool(self._sessions) and self._sessions.knows(cookie_of(request, SESSION))

    def enter(self, request):
        """The cookies for the form with the right password; `AccessDenied` as `check` does.

        One is of a new session, the other has this browser known when it logs in again.
        """
        self._try(request, request.form.get("password", ""))
        made = [cookie(SESSION, self._sessions.new(), request.is_secure, SESSION_SECONDS)]
        if not self._device(request):
            made.append(cookie(KNOWN, self._sessions.new_device(), request.is_secure, KNOWN_SECONDS))
        return made

    def leave(self, request):
        """End the request's session; the cookies that are to go, of which one has what was uploaded."""
        self._sessions.end(cookie_of(request, SESSION))
        return [cookie(name, "", request.is_secure, 0) for name in (SESSION, BROWSER)]

    def renewal(self, request):
        """The cookie of a session that is in use, when it is time to write it anew; else None."""
        renewed = self._sessions.renewed(cookie_of(request, SESSION)) if self._sessions else None
        return renewed and cookie(SESSION, renewed[0], request.is_secure, renewed[1])

    def headers(self, request, is_new):
        """Headers of the answer; `is_new` where it brings a cookie."""
        is_static = request.path.startswith(PUBLIC)
        is_personal = is_new or request.method == "POST" or request.path.startswith(UNKEPT)
        return headers_of(request.is_secure, is_personal or (bool(self._password) and not is_static))

    def _ask_password(self, request):
        if self.is_in(request):
            return
        given = request.authorization
        password = (given.password if given.type == "basic" else given.token) if given else None
        if password is None:
            raise AccessDenied(
                "password_needed", "This server asks for its password: log in first.", _ways_in(request)
            )
        try:
            self._try(request, password)
        except AccessDenied as refused:
            if refused.code == "wrong_password":
                refused.headers = _ways_in(request)
            raise

    def _try(self, request, password):
        known, told = (_digest(text) for text in (self._password, password))
        is_right = hmac.compare_digest(known, told)
        self._tries.settle(request.remote_addr or "", is_right, self._device(request))

    def _device(self, request):
        return self._sessions.device(cookie_of(request, KNOWN))


def goes_on(request):
    """Where the log-in leads: to what the form says, else to the page that was asked for.

    Returns
    -------
    str
        A path of this server; the start page for anything else, and for what was to be changed.
    """
    path = request.form.get("next", "/") if request.path == LOG_IN else request.path
    is_path = path.startswith("/") and not path.startswith(("//", LOG_IN)) and "\\" not in path
    is_page = request.path == LOG_IN or request.method == "GET"
    return path if is_page and is_path and path.isascii() and path.isprintable() else "/"


def _digest(text):
    """All of one length, so that comparing takes one time."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _ways_in(request):
    """The challenge (RFC 9110); "Basic" would have browsers open a window of their own over the page."""
    is_program = request.path.startswith("/api/") and "Sec-Fetch-Mode" not in request.headers
    basic = 'Basic realm="nodule", charset="UTF-8", ' if is_program else ""
    return {"WWW-Authenticate": basic + 'Bearer realm="nodule"'}
