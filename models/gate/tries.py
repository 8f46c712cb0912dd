"""How often a password may be guessed."""

import math
import threading
import time
from collections import deque

from models.gate.network import network_of
from models.gate.refused import Refused

WINDOW_S = 600
OF_ONE, OF_ALL = 10, 100  # wrong passwords within that time: of one address, and of all together


class Tries:
    """Counts wrong passwords, and refuses to look at more than the bounds allow, right ones included.

    In each process: n processes together allow n times as many. With four that is 21 million a year: enough
    for a word of a dictionary, nothing against twelve random letters. Sessions under way are not touched.
    """

    def __init__(self, clock=time.monotonic):
        self._clock, self._lock, self._wrong = clock, threading.Lock(), deque()  # (when, network)

    def settle(self, address, is_right):
        """Let a right password pass; count a wrong one.

        Parameters
        ----------
        address : str
            Of the visitor; of IPv6 the /64 counts.
        is_right : bool

        Raises
        ------
        Refused
            ``wrong_password``, or ``too_many_tries`` with ``Retry-After``, whether it was right or not.
        """
        network = network_of(address)
        with self._lock:
            now = self._clock()
            if wait := self._wait(now, network):
                message = f"There were too many wrong passwords; try again in {math.ceil(wait / 60)} min."
                raise Refused("too_many_tries", message, {"Retry-After": str(math.ceil(wait))})
            if not is_right:
                self._wrong.append((now, network))
                raise Refused("wrong_password", "That is not the password of this server.")

    def _wait(self, now, network):
        """Seconds until another password is looked at; 0 where one is at once."""
        while self._wrong and self._wrong[0][0] <= now - WINDOW_S:
            self._wrong.popleft()
        mine = [when for when, whose in self._wrong if whose == network]
        everyone = [when for when, _ in self._wrong]
        ends = [
            times[-most] + WINDOW_S
            for times, most in ((mine, OF_ONE), (everyone, OF_ALL))
            if len(times) >= most
        ]
        return max(ends, default=now) - now
