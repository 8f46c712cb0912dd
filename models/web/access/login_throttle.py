"""How often a password may be guessed, without locking anybody out who knows it."""

import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from models.messages import Message
from models.web.access.network import network_of
from models.web.access.origins import AccessDenied

WINDOW_S = 600
OF_ONE, OF_ALL = 10, 100  # wrong passwords within that time: of one visitor, and of all together, ...
LONGEST_S = 60  # ... after which one waits 1, 2, 4, … s, up to this, from one try to the next; ...
PACE_S, WAITING = 0.5, 32  # ... or all take turns, so far apart, so many at most
OF_KNOWN = 200  # of an address from which the right one came: others may sit behind the same
KNOWN_S, KNOWN_AT_MOST = 30 * 86_400, 10_000


class LoginThrottle:
    """Counts wrong passwords, and has those wait who give many.

    The right password of someone known is looked at first, whatever others do: of a browser that was logged
    in before (it brings a device; see OWASP's "Slow Down Online Guessing Attacks with Device Cookies"), or
    of an address from which the right password came, such as a program's. Strangers wait longer from try to
    try, each address for itself; when wrong ones come from many addresses, all strangers take turns.

    In each process: n processes together allow n times as many. A stranger's address gets 25 in ten minutes,
    all together 1,200: with four processes 250 million a year, enough for two words of a dictionary, nothing
    against twelve random letters. Sessions under way are not touched.

    Parameters
    ----------
    clock, sleep
        As of `time`.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._lock, self._turn = threading.Lock(), threading.Lock()
        self._waiting = threading.BoundedSemaphore(WAITING)
        self._wrong: deque[tuple[float, str, str]] = deque()  # (when, network, device)
        self._known: OrderedDict[str, float] = OrderedDict()  # when the right one came last, by network

    def settle(self, address: str, is_right: bool, device: str = "") -> None:
        """Let a right password pass; count a wrong one.

        Parameters
        ----------
        address
            Of the visitor; of IPv6 the /64 counts.
        device
            Of a browser that was logged in before; empty where it was not.

        Raises
        ------
        AccessDenied
            ``wrong_password``, or ``too_many_tries`` with ``Retry-After``: then nobody has looked at it.
        """
        network = network_of(address)
        with self._lock:
            now = self._clock()
            is_known = self._is_known(now, network, device)
            if is_known or len(self._wrong) < OF_ALL:
                self._judge(now, network, device, is_right, is_known)
                return
        if not self._waiting.acquire(blocking=False):
            raise _too_many(WAITING * PACE_S)
        try:
            with self._turn:
                self._sleep(PACE_S)
                with self._lock:
                    self._judge(self._clock(), network, device, is_right)
        finally:
            self._waiting.release()

    def _judge(self, now: float, network: str, device: str, is_right: bool, is_known: bool = False) -> None:
        if not is_known and (wait := self._wait(now, network)) > 0:
            raise _too_many(wait)
        if not is_right:
            self._wrong.append((now, network, device))
            raise AccessDenied("wrong_password", "Wrong password.", page="login.html")
        self._known[network] = now
        self._known.move_to_end(network)
        if len(self._known) > KNOWN_AT_MOST:
            self._known.popitem(last=False)

    def _is_known(self, now: float, network: str, device: str) -> bool:
        """Whether a right password is to be expected; not of one that guesses."""
        while self._wrong and self._wrong[0][0] <= now - WINDOW_S:
            self._wrong.popleft()
        if device and sum(whose == device for _, _, whose in self._wrong) < OF_ONE:
            return True
        was_here = now - self._known.get(network, -math.inf) < KNOWN_S
        return was_here and sum(whose == network for _, whose, _ in self._wrong) < OF_KNOWN

    def _wait(self, now: float, network: str) -> float:
        """Seconds until a stranger's next password is looked at; 0 or less where it is at once."""
        mine = [when for when, whose, _ in self._wrong if whose == network]
        if len(mine) < OF_ONE:
            return 0
        return mine[-1] + min(2 ** (len(mine) - OF_ONE), LONGEST_S) - now


def _too_many(wait: float) -> AccessDenied:
    seconds = math.ceil(wait)
    message = Message("Too many wrong passwords; try again in {seconds} s.", seconds=seconds)
    return AccessDenied("too_many_tries", message, {"Retry-After": str(seconds)}, "login.html")
