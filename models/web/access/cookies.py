"""The cookies, and what is derived from them: the form token, the session, and the known browser."""

import hashlib
import re
import secrets
import time
from collections.abc import Callable
from typing import TypedDict

from flask import Request
from itsdangerous import Signer

from models.web.store.revoked import RevokedNames

BROWSER_COOKIE, SESSION_COOKIE, DEVICE_COOKIE = "nodule_browser", "nodule_session", "nodule_known"
SESSION_SECONDS = 12 * 3600  # at most, and ...
IDLE_SECONDS = 3600  # ... from one use to the next
RENEWED_SECONDS = 60  # a use is written down at most this often
DEVICE_SECONDS = 180 * 86_400
SESSION = re.compile(r"(?P<until>\d{1,12})\.(?P<used>\d{1,12})\.(?P<name>[\w-]{22})\.[\w-]{43}", re.ASCII)
DEVICE = re.compile(r"(?P<name>[\w-]{22})\.[\w-]{43}", re.ASCII)
SALT = b"nodule session 1"  # fixed, so that all processes and hosts with one password accept each other's


class Cookie(TypedDict):
    """Arguments of `flask.Response.set_cookie`."""

    key: str
    value: str
    max_age: int | None
    httponly: bool
    samesite: str
    secure: bool


def cookie_name(name: str, is_secure: bool) -> str:
    """The name under which a browser takes a cookie from nobody but this very host over TLS (RFC 6265bis)."""
    return f"__Host-{name}" if is_secure else name


def cookie(name: str, value: str, is_secure: bool, seconds: int | None = None) -> Cookie:
    """A cookie that no script reads and no other site's request carries; `is_secure`: it came over TLS.

    0 seconds remove it; without a time, the browser forgets it when it ends.
    """
    return {
        "key": cookie_name(name, is_secure),
        "value": value,
        "max_age": seconds,
        "httponly": True,
        "samesite": "Strict",
        "secure": is_secure,
    }


def cookie_of(request: Request, name: str) -> str:
    """The value of one of the cookies that came with a request; empty where it did not."""
    return request.cookies.get(cookie_name(name, request.is_secure), "")


def form_token(browser: str) -> str:
    """What a form carries to show that this site made it for this browser; empty where it has no cookie.

    It does not give the cookie's secret away.
    """
    key = browser.encode("utf-8", "surrogatepass")
    return _signer(key, "form").get_signature("").decode() if browser else ""


class Sessions:
    """Sessions that any process with the same password knows; only those that were ended must be kept.

    A session is its end, its last use and a random name, signed by a key that is derived from the password:
    slowly (scrypt, RFC 7914), because whoever has one could otherwise guess passwords offline. It ends when
    it is not used for a while, and its cookie is written anew meanwhile. A new password ends all sessions,
    logging out this one, copies of the cookie included.

    Parameters
    ----------
    password
    clock
        As of `time.time`.
    revoked
        Names of the sessions that were ended, for all processes.
    """

    def __init__(
        self,
        password: str,
        clock: Callable[[], float] = time.time,
        revoked: RevokedNames | dict[str, float] | None = None,
    ) -> None:
        data = password.encode("utf-8", "surrogateescape")
        key = hashlib.scrypt(data, salt=SALT, n=2**14, r=8, p=1)
        self._signer, self._device_signer = _signer(key, "session"), _signer(key, "device")
        self._clock = clock
        self._revoked: RevokedNames | dict[str, float] = {} if revoked is None else revoked

    def new(self) -> str:
        """The value of a new session's cookie."""
        return self._value(int(self._clock()) + SESSION_SECONDS, secrets.token_urlsafe(16))

    def knows(self, value: str) -> bool:
        """Whether a cookie's value is a session that was given out and goes on."""
        return self._match(value) is not None

    def renewed(self, value: str) -> tuple[str, int] | None:
        """The value for a session in use, and the seconds that it has left; None where it is new enough."""
        now, match = self._clock(), self._match(value)
        if match is None or now - int(match["used"]) < RENEWED_SECONDS:
            return None
        until = int(match["until"])
        return self._value(until, match["name"]), int(until - now)

    def end(self, value: str) -> None:
        """End a session, in whatever cookies its value has been copied to."""
        if match := self._match(value):
            self._revoked[match["name"]] = int(match["until"])

    def new_device(self) -> str:
        """The value of a cookie for a browser that was logged in: to be known again, and nothing else."""
        return self._device_signer.sign(secrets.token_urlsafe(16)).decode()

    def device(self, value: str) -> str:
        """The name of a known browser by its cookie; empty where it is none of ours."""
        match = DEVICE.fullmatch(value)
        return match["name"] if match and self._device_signer.validate(value) else ""

    def _value(self, until: int, name: str) -> str:
        return self._signer.sign(f"{until}.{int(self._clock())}.{name}").decode()

    def _match(self, value: str) -> re.Match[str] | None:
        """The parts of a session that goes on; None where it does not, or never was one."""
        match, now = SESSION.fullmatch(value), self._clock()
        if not match or not self._signer.validate(value):
            return None
        goes_on = now < int(match["until"]) and now - int(match["used"]) < IDLE_SECONDS
        return match if goes_on and match["name"] not in self._revoked else None


def _signer(key: bytes, purpose: str) -> Signer:
    """HMAC-SHA-256, by a key of its own for each purpose."""
    return Signer(key, salt=purpose, key_derivation="hmac", digest_method=hashlib.sha256)
