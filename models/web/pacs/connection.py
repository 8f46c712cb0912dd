"""dicomweb-client over a session that bounds each exchange in time and bytes; imported only when needed.

`ExchangeLimits` end the connection when the time is up or somebody cancels, whatever the other side does: a
server that sends a byte now and then would otherwise hold a thread for as long as it likes.
"""

import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, urlencode

import requests
from dicomweb_client.web import DICOMwebClient, _Transaction
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ReadTimeoutError

from models.errors import UserError
from models.inference.detection.search import Cancelled
from models.messages import Message
from models.web.pacs.multipart import boundary_of, parts
from models.web.settings import in_url

LOOK_EVERY_S = 0.4  # whether the time is up, or somebody has cancelled
CHUNK_BYTES = 1 << 18
UNESCAPED = "*/:@,;"  # in a query, by RFC 3986
ALL_SYNTAXES = 'multipart/related; type="application/dicom"; transfer-syntax=*'  # as they are stored there
DICOM_JSON = "application/dicom+json"
DICOM_PARTS = 'multipart/related; type="application/dicom"'
LOGGERS = "dicomweb_client.web", "urllib3.connectionpool"  # they write addresses, with names in them
for name in LOGGERS:
    logging.getLogger(name).disabled = True
log = logging.getLogger(__name__)


class ExchangeLimits:
    """Ends the connections of one exchange when its time is up or it is cancelled.

    Parameters
    ----------
    seconds
        For all requests of the exchange together.
    silence_s
        Longest time without a byte.
    most_bytes
        Of all answers together, unpacked.
    cancelled
        Asked every `LOOK_EVERY_S`.
    """

    def __init__(
        self,
        seconds: float,
        silence_s: float,
        most_bytes: int,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self.seconds, self.silence_s, self._bytes_left = seconds, min(seconds, silence_s), most_bytes
        self.is_late = self.is_cancelled = False
        self._end, self._cancelled = time.monotonic() + seconds, cancelled
        self._over, self._sockets = threading.Event(), list[socket.socket]()

    def __enter__(self) -> "ExchangeLimits":
        threading.Thread(target=self._look, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def add(self, connection: socket.socket | None) -> None:
        """Take another connection, which ends with the others."""
        if connection is not None:
            self._sockets.append(connection)

    def take(self, data: bytes) -> None:
        """Count what came; UserError ``too_large`` beyond the bound."""
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise UserError("too_large", "The PACS sent more than this server accepts at once.")

    def _look(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            self.is_cancelled = self._cancelled()
            self.is_late = time.monotonic() > self._end
            if self.is_cancelled or self.is_late:
                for connection in self._sockets:
                    with suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)


class BoundedBody:
    """The body of an answer, of which each byte is counted; the rest is urllib3's."""

    def __init__(self, raw: Any, limits: ExchangeLimits) -> None:
        self._raw, self._limits = raw, limits

    def stream(self, amt: int, decode_content: bool | None = None) -> Iterator[bytes]:
        for chunk in self._raw.stream(min(amt, CHUNK_BYTES), decode_content):
            self._limits.take(chunk)
            yield chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


class LimitedAdapter(HTTPAdapter):
    """Opens connections that are watched."""

    def __init__(self, limits: ExchangeLimits) -> None:
        self._limits = limits
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _watched_pools(self._limits)

    def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """As of requests, but for the brackets of IPv6: urllib3 reads no zone (``%25eth0``) without them."""
        where, tls = super().build_connection_pool_key_attributes(*args, **kwargs)
        return {**where, "host": in_url(where["host"])}, tls

    def add_headers(self, request: requests.PreparedRequest, **kwargs: Any) -> None:
        """Leave Host to http.client: dicomweb-client's own has no port, and of IPv6 a bracket alone."""
        request.headers.pop("Host", None)

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        response = super().build_response(req, resp)
        response.raw = BoundedBody(response.raw, self._limits)
        return response


def _watched_pools(limits: ExchangeLimits) -> dict[str, type]:
    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            limits.add(self.sock)

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            limits.add(self.sock)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class Client(DICOMwebClient):
    """dicomweb-client, with files as the bytes that they are.

    What a PACS sends is read by the process that decodes uploads, and by no other: the client's own methods
    would have pydicom read it here.
    """

    def _http_get(
        self,
        url: str,
        params: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        """Get an address; what a query may hold stays as it is: Orthanc 1.10 reads no escaped *."""
        if params:
            url += "?" + urlencode(params, doseq=True, safe=UNESCAPED, quote_via=quote)
        return super()._http_get(url, None, headers, stream)

    def pieces_of(self, study: str, series: str) -> Iterator[bytes | None]:
        """The files of a series, piece by piece; None is the end of one."""
        url = self._get_series_url(_Transaction.RETRIEVE, study, series)
        response = self._http_get(url, headers={"Accept": ALL_SYNTAXES}, stream=True)
        chunks = response.iter_content(CHUNK_BYTES)
        kind = response.headers.get("Content-Type", "")
        if kind.lower().startswith("application/dicom"):  # a single file may come as it is
            yield from chunks
            yield None
        else:
            yield from parts(chunks, boundary_of(kind))

    def store(self, study: str, files: Sequence[bytes]) -> requests.Response:
        """Store files in a study; the answer, be it that none is taken."""
        kind = f'{DICOM_PARTS}; boundary="{uuid.uuid4().hex}"'
        return self._session.post(
            self._get_studies_url(_Transaction.STORE, study),
            data=self._encode_multipart_message(files, kind),
            headers={"Content-Type": kind, "Accept": DICOM_JSON},
            timeout=self._timeout,
        )


@contextmanager
def connected(
    address: str, auth: tuple[str, str] | None, token: str, ca_file: str, limits: ExchangeLimits
) -> Iterator[Client]:
    """A client for one exchange; what goes wrong with the other side becomes a sentence.

    Parameters
    ----------
    auth
        User name and password.
    token
        Of a bearer.
    ca_file
        Certificates that the server's is checked against; empty: the usual ones.

    Raises
    ------
    UserError
        ``pacs_denied``, ``pacs_not_found``, ``pacs_slow``, ``pacs_unavailable``.
    Cancelled
    """
    with limits, requests.Session() as session:
        session.trust_env = False  # no proxies and no passwords but those of the settings
        session.max_redirects = 0
        session.auth, session.verify = auth, ca_file or True
        if token:
            session.headers["Authorization"] = f"Bearer {token}"
        for scheme in ("http://", "https://"):
            session.mount(scheme, LimitedAdapter(limits))
        client = Client(address, session, timeout=limits.silence_s, chunk_size=CHUNK_BYTES)
        client.set_http_retry_params(retry=False)
        try:
            yield client
            if limits.is_late or limits.is_cancelled:  # what was cut off may look like a short answer
                raise ConnectionError
        except (UserError, Cancelled):
            raise
        except Exception as error:
            if limits.is_cancelled:
                raise Cancelled from None
            refusal = refusal_of(error, limits)
            log.warning("The PACS cannot be used: %s, %s.", refusal.code, type(error).__name__)
            raise refusal from None  # whose texts name addresses


def refusal_of(error: Exception, limits: ExchangeLimits) -> UserError:
    """What is wrong with the other side, in words."""
    if limits.is_late:
        message = Message(
            "The PACS took longer than {seconds:.0f} s. Try again later.", seconds=limits.seconds
        )
        return UserError("pacs_slow", message)
    if isinstance(error, requests.Timeout) or isinstance(next(iter(error.args), None), ReadTimeoutError):
        message = Message(
            "The PACS did not respond for {seconds:.0f} s. Try again later.", seconds=limits.silence_s
        )
        return UserError("pacs_slow", message)
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return refusal_by_status(error.response.status_code)
    if isinstance(error, requests.exceptions.SSLError):
        message = Message(
            "The certificate of the PACS cannot be verified. The administrator of this server has to "
            "check it."
        )
    elif isinstance(error, requests.TooManyRedirects):
        message = Message("The PACS redirects requests to another address, which is not followed.")
    elif isinstance(
        error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError
    ):
        message = Message("The connection to the PACS was lost. Try again.")
    elif isinstance(error, requests.ConnectionError):
        message = Message("The PACS cannot be reached. Try again, or ask the administrator of this server.")
    elif isinstance(error, ValueError | KeyError | TypeError | AttributeError | IndexError):
        message = Message("The PACS answered in a way that is not DICOMweb.")
    else:
        raise error
    return UserError("pacs_unavailable", message)


def refusal_by_status(status: int) -> UserError:
    """The sentence on an HTTP status that is an error."""
    if status in (401, 403):
        return UserError(
            "pacs_denied",
            "The PACS refused this server's user name, password or token. The administrator of this "
            "server has to check the settings.",
        )
    if status in (404, 410):
        return UserError(
            "pacs_not_found", "The PACS does not have this study or series, or no longer has it."
        )
    if status in (429, 503):
        return UserError("pacs_unavailable", "The PACS is busy at the moment. Try again later.")
    return UserError(
        "pacs_unavailable", Message("The PACS answered with an error (HTTP {status}).", status=status)
    )
