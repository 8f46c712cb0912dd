"""How long a request may take to arrive, so that who sends slowly, or stops half-way, holds nobody up."""

from __future__ import annotations

import errno
import math
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from models.errors import UserError
from models.web.access.network import network_of

T = TypeVar("T")
TOO_SLOW = UserError("too_slow", "The upload was too slow or was interrupted. Try again.")
IDLE_SECONDS = 15  # between two pieces of a request
HEAD_SECONDS = 10  # of its headers, and ...
GRACE_SECONDS = 20  # ... of a whole request, and a second more for each ...
BYTES_A_SECOND = 20_000  # ... as the slowest line that is waited for
WAITING_OF_ONE, OPEN_OF_ONE = 32, 128  # connections of an address: without all headers yet, and in all
SEND_SECONDS = 60  # for an answer, or a large file's next piece, to be taken


class DeadlineSocket(socket.socket):
    """A client's connection, which raises TimeoutError where a request does not arrive in time.

    Its error number is that of a connection reset: servers take that for a client which went away, and
    neither answer nor log it, unless the application does.
    """

    _begun: float
    _n_bytes: int
    _tail: bytes  # the last bytes of the headers so far
    is_in_head: bool

    @classmethod
    def of(cls, connection: socket.socket) -> DeadlineSocket:
        """Take over a connection (`socket.socket`), which is no longer to be used; a `DeadlineSocket` stays.

        The bound counts from now on, for one request.
        """
        if not isinstance(connection, cls):
            timeout = connection.gettimeout()
            connection = cls(fileno=connection.detach())
            connection.settimeout(timeout)
        connection._begun, connection._n_bytes = time.monotonic(), 0
        connection._tail, connection.is_in_head = b"", True
        return connection

    def recv(self, *arguments: int) -> bytes:
        """As of `socket.socket`."""
        return self._received(super().recv, arguments, lambda data: data)

    def recv_into(self, *arguments: Any) -> int:
        """As of `socket.socket`."""
        return self._received(super().recv_into, arguments, lambda n: bytes(memoryview(arguments[0])[:n]))

    on_head: Callable[[], None] = staticmethod(lambda: None)  # called when a request's headers are there

    def _received(
        self, receive: Callable[..., T], arguments: tuple[Any, ...], data_of: Callable[[T], bytes]
    ) -> T:
        asked = self.gettimeout()
        grace = HEAD_SECONDS if self.is_in_head else GRACE_SECONDS
        until = self._begun + grace + self._n_bytes / BYTES_A_SECOND
        patience = min(IDLE_SECONDS, until - time.monotonic())
        if patience <= 0:
            raise TimeoutError(errno.ECONNRESET, "The request was too slow.")
        self.settimeout(min(patience, math.inf if asked is None else asked))
        try:
            result = receive(*arguments)
        except TimeoutError:
            raise TimeoutError(errno.ECONNRESET, "The request was interrupted.") from None
        finally:
            self.settimeout(SEND_SECONDS if asked is None else asked)
        data = data_of(result)
        self._n_bytes += len(data)
        if self.is_in_head:
            self._tail += data
            if b"\r\n\r\n" in self._tail or b"\n\n" in self._tail:
                self.is_in_head, self._tail = False, b""
                self.on_head()
            self._tail = self._tail[-3:]
        return result


class OpenConnections:
    """The open connections by address, which are bounded; those of a Unix socket have none.

    Who opens more and more without sending the headers loses the oldest ones, so that whoever sends theirs
    comes through, even from the same address.

    Parameters
    ----------
    is_bounded : bool
        False behind proxies, whose addresses all connections have: there it is theirs to bound them.
    """

    def __init__(self, is_bounded: bool = True):
        self._is_bounded, self._lock = is_bounded, threading.Lock()
        self._open: defaultdict[str, dict[DeadlineSocket, str]] = defaultdict(dict)
        self._waiting: defaultdict[str, dict[DeadlineSocket, bool]] = defaultdict(dict)
        self._whose: dict[DeadlineSocket, str] = {}

    def arrive(self, address: str, connection: DeadlineSocket) -> bool:
        """Count a new connection (`DeadlineSocket`); False where its address has too many."""
        network = network_of(address) if self._is_bounded else ""
        if not network:
            return True
        with self._lock:
            if len(self._open[network]) >= OPEN_OF_ONE:
                return False
            self._open[network][connection] = self._whose[connection] = network
        connection.on_head = lambda: self._heard(connection)
        self.begin(connection)
        return True

    def begin(self, connection: DeadlineSocket) -> None:
        """A connection begins to send a request; where an address has too many such, its oldest is closed."""
        with self._lock:
            if (network := self._whose.get(connection)) is None:
                return
            waiting = self._waiting[network]
            waiting[connection] = True
            oldest = next(iter(waiting)) if len(waiting) > WAITING_OF_ONE else None
            if oldest is not None:
                for counted in (waiting, self._open[network], self._whose):
                    counted.pop(oldest)  # as good as closed: it takes no place, and nobody's
        if oldest is not None:
            with suppress(OSError):  # whoever reads from it finds its end, and closes it
                oldest.shutdown(socket.SHUT_RDWR)

    def leave(self, connection: DeadlineSocket) -> None:
        """A connection is closed."""
        self._heard(connection)
        with self._lock:
            if (network := self._whose.pop(connection, None)) is not None:
                self._open[network].pop(connection, None)
                if not self._open[network]:
                    self._open.pop(network)
                    self._waiting.pop(network, None)

    def _heard(self, connection: DeadlineSocket) -> None:
        with self._lock:
            if (network := self._whose.get(connection)) is not None:
                self._waiting[network].pop(connection, None)
