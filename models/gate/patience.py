"""How long a request may take to arrive, so that who sends slowly, or stops half-way, holds nobody up."""

import errno
import math
import socket
import time

from models.errors import ScanError

TOO_SLOW = ScanError("too_slow", "The upload came too slowly, or stopped half-way. Try again.")
IDLE_SECONDS = 15  # between two pieces of a request
GRACE_SECONDS = 20  # of a whole request, and a second more for each ...
BYTES_A_SECOND = 20_000  # ... as the slowest line that is waited for
SEND_SECONDS = 60  # for an answer, or a large file's next piece, to be taken


class PatientSocket(socket.socket):
    """A client's connection, which raises TimeoutError where a request does not arrive in time.

    Its error number is that of a connection reset: servers take that for a client which went away, and
    neither answer nor log it, unless the application does.
    """

    @classmethod
    def of(cls, connection):
        """Take over a connection (`socket.socket`), which is no longer to be used; a `PatientSocket` stays.

        The bound counts from now on, for one request.
        """
        if not isinstance(connection, cls):
            timeout = connection.gettimeout()
            connection = cls(fileno=connection.detach())
            connection.settimeout(timeout)
        connection._until = time.monotonic() + GRACE_SECONDS
        return connection

    def recv(self, *arguments):
        """As of `socket.socket`."""
        return self._received(super().recv, arguments, len)

    def recv_into(self, *arguments):
        """As of `socket.socket`."""
        return self._received(super().recv_into, arguments, int)

    def _received(self, receive, arguments, count):
        asked = self.gettimeout()
        patience = min(IDLE_SECONDS, self._until - time.monotonic())
        if patience <= 0:
            raise TimeoutError(errno.ECONNRESET, "The request came too slowly.")
        self.settimeout(min(patience, math.inf if asked is None else asked))
        try:
            result = receive(*arguments)
        except TimeoutError:
            raise TimeoutError(errno.ECONNRESET, "The request stopped half-way.") from None
        finally:
            self.settimeout(SEND_SECONDS if asked is None else asked)
        self._until += count(result) / BYTES_A_SECOND
        return result


class Patient:
    """Gives a handler its patience: ``class Handler(Patient, socketserver.StreamRequestHandler)``."""

    def setup(self):
        self.request = PatientSocket.of(self.request)
        super().setup()

    def finish(self):
        super().finish()
        self.server.shutdown_request(self.request)  # the server itself knows only the one taken over
