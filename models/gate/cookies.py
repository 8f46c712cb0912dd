"""The two cookies, and what is derived from them: the form token, and the session."""

import hashlib
import hmac
import re
import secrets
import time
from base64 import urlsafe_b64encode

BROWSER, SESSION = "nodule_browser", "nodule_session"
SESSION_SECONDS = 12 * 3600
VALUE = re.compile(r"(?P<stated>(?P<until>\d{1,12})\.[\w-]{22})\.(?P<mac>[\w-]{43})", re.ASCII)
SALT = b"nodule session 1"  # fixed, so that all processes and hosts with one password accept each other's


def cookie_name(name, is_secure):
    """The name under which a browser takes a cookie from nobody but this very host over TLS (RFC 6265bis)."""
    return f"__Host-{name}" if is_secure else name


def cookie(name, value, is_secure, seconds=None):
    """A cookie that no script reads and no other site's request carries, as arguments of `set_cookie`.

    Parameters
    ----------
    name : str
        `BROWSER` or `SESSION`.
    value : str
    is_secure : bool
        Whether the request came over TLS.
    seconds : int, optional
        0 removes it; without it, the browser forgets it when it ends.
    """
    return {
        "key": cookie_name(name, is_secure),
        "value": value,
        "max_age": seconds,
        "httponly": True,
        "samesite": "Strict",
        "secure": is_secure,
    }


def cookie_of(request, name):
    """The value of one of the two cookies that came with a request; empty where it did not."""
    return request.cookies.get(cookie_name(name, request.is_secure), "")


def form_token(browser):
    """What a form carries to show that this site made it for this browser.

    Parameters
    ----------
    browser : str
        Secret of the browser's cookie, which the token does not give away (HMAC-SHA-256); empty: none.
    """
    return _mac(browser.encode("utf-8", "surrogatepass"), b"form") if browser else ""


class Sessions:
    """Sessions that any process with the same password knows, and that nothing has to keep.

    A session is its end, a random number, and an HMAC-SHA-256 over both, by a key that is derived from the
    password: slowly (scrypt, RFC 7914), because whoever has one could otherwise guess passwords offline. A
    new password ends all sessions. Logging out takes the cookie from the browser; a copy of it would work
    until its end.
    """

    def __init__(self, password, clock=time.time):
        data = password.encode("utf-8", "surrogateescape")
        self._key, self._clock = hashlib.scrypt(data, salt=SALT, n=2**14, r=8, p=1), clock

    def new(self):
        """The value of a new session's cookie."""
        stated = f"{int(self._clock()) + SESSION_SECONDS}.{secrets.token_urlsafe(16)}"
        return f"{stated}.{_mac(self._key, stated.encode())}"

    def knows(self, value):
        """Whether a cookie's value is a session that was given out and goes on."""
        if not (match := VALUE.fullmatch(value)):
            return False
        is_ours = hmac.compare_digest(match["mac"], _mac(self._key, match["stated"].encode()))
        return is_ours and self._clock() < int(match["until"])


def _mac(key, data):
    return urlsafe_b64encode(hmac.digest(key, data, hashlib.sha256)).decode().rstrip("=")
