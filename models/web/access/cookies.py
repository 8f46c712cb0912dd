"""The cookies, and what is derived from them: the form token, the session, and the known browser."""

import hashlib
import hmac
import re
import secrets
import time
from base64 import urlsafe_b64encode

BROWSER, SESSION, KNOWN = "nodule_browser", "nodule_session", "nodule_known"
SESSION_SECONDS = 12 * 3600  # at most, and ...
IDLE_SECONDS = 3600  # ... from one use to the next
RENEWED_SECONDS = 60  # a use is written down at most this often
KNOWN_SECONDS = 180 * 86_400
VALUE = re.compile(
    r"(?P<stated>(?P<until>\d{1,12})\.(?P<used>\d{1,12})\.(?P<name>[\w-]{22}))\.(?P<mac>[\w-]{43})", re.ASCII
)
DEVICE = re.compile(r"(?P<name>[\w-]{22})\.(?P<mac>[\w-]{43})", re.ASCII)
SALT = b"nodule session 1"  # fixed, so that all processes and hosts with one password accept each other's


def cookie_name(name, is_secure):
    """The name under which a browser takes a cookie from nobody but this very host over TLS (RFC 6265bis)."""
    return f"__Host-{name}" if is_secure else name


def cookie(name, value, is_secure, seconds=None):
    """A cookie that no script reads and no other site's request carries, as arguments of `set_cookie`.

    Parameters
    ----------
    name : str
        `BROWSER`, `SESSION` or `KNOWN`.
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
    """The value of one of the cookies that came with a request; empty where it did not."""
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
    """Sessions that any process with the same password knows; only those that were ended must be kept.

    A session is its end, its last use, a random name, and an HMAC-SHA-256 over all three, by a key that is
    derived from the password: slowly (scrypt, RFC 7914), because whoever has one could otherwise guess
    passwords offline. It ends when it is not used for a while, and its cookie is written anew meanwhile. A
    new password ends all sessions, logging out this one, copies of the cookie included.

    Parameters
    ----------
    password : str
    clock : callable
        As of `time.time`.
    ended : mapping, optional
        Keeps until when a session that was ended would have gone on, by its name, for all processes.
    """

    def __init__(self, password, clock=time.time, ended=None):
        data = password.encode("utf-8", "surrogateescape")
        self._key, self._clock = hashlib.scrypt(data, salt=SALT, n=2**14, r=8, p=1), clock
        self._ended = {} if ended is None else ended

    def new(self):
        """The value of a new session's cookie."""
        return self._value(int(self._clock()) + SESSION_SECONDS, secrets.token_urlsafe(16))

    def knows(self, value):
        """Whether a cookie's value is a session that was given out and goes on."""
        return self._match(value) is not None

    def renewed(self, value):
        """The value for a session in use, and how long it may still go on; None where it is new enough."""
        now, match = self._clock(), self._match(value)
        if match is None or now - int(match["used"]) < RENEWED_SECONDS:
            return None
        until = int(match["until"])
        return self._value(until, match["name"]), int(until - now)

    def end(self, value):
        """End a session, in whatever cookies its value has been copied to."""
        if match := self._match(value):
            self._ended[match["name"]] = int(match["until"])

    def new_device(self):
        """The value of a cookie for a browser that was logged in: to be known again, and nothing else."""
        name = secrets.token_urlsafe(16)
        return f"{name}.{self._mac_of_device(name)}"

    def device(self, value):
        """The name of a known browser by its cookie; empty where it is none of ours."""
        match = DEVICE.fullmatch(value)
        if match and hmac.compare_digest(match["mac"], self._mac_of_device(match["name"])):
            return match["name"]
        return ""

    def _value(self, until, name):
        stated = f"{until}.{int(self._clock())}.{name}"
        return f"{stated}.{_mac(self._key, stated.encode())}"

    def _match(self, value):
        """The parts of a session that goes on; None where it does not, or never was one."""
        match, now = VALUE.fullmatch(value), self._clock()
        if not match or not hmac.compare_digest(match["mac"], _mac(self._key, match["stated"].encode())):
            return None
        goes_on = now < int(match["until"]) and now - int(match["used"]) < IDLE_SECONDS
        return match if goes_on and match["name"] not in self._ended else None

    def _mac_of_device(self, name):
        return _mac(self._key, b"device " + name.encode())


def _mac(key, data):
    return urlsafe_b64encode(hmac.digest(key, data, hashlib.sha256)).decode().rstrip("=")
