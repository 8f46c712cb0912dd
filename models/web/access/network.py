"""Which addresses and names are this machine's, and what a server without a password answers."""

import ipaddress
import re

from models.web.access.denied import AccessDenied

UNIX = re.compile(r"unix:|/")  # a socket in the file system: who may open it is a matter of its permissions
PORT = re.compile(r":\d*$")
OPEN_DOOR = (
    "NODULE_HOST is {host}, where other machines reach this server: set NODULE_PASSWORD to a password that "
    "each visitor has to give. To go without one, because something else keeps strangers out (a proxy that "
    "asks for a password, a closed network), set NODULE_OPEN=1."
)


def is_local_bind(host):
    """Whether only this machine reaches a server that listens there.

    Parameters
    ----------
    host : str
        Address or name to listen on, without a port; or a Unix socket: ``unix:`` and its path.
    """
    return bool(UNIX.match(host)) or host.lower() == "localhost" or _is_loopback(host)


def refuse_open_door(host, password, waived=False):
    """Refuse to start a server that strangers reach and that asks for no password.

    Parameters
    ----------
    host : str
        As of `is_local_bind`. Empty: every address of the machine.
    password : str
        Empty where there is none.
    waived : bool
        Whether the operator does without a password all the same.

    Raises
    ------
    SystemExit
        With the sentence that the operator gets to read.
    """
    if not (password or waived or is_local_bind(host)):
        raise SystemExit(OPEN_DOOR.format(host=host or "empty"))


def refuse_strangers(request, has_proxies):
    """Without a password, only this machine is answered, whatever address the server was told to listen on.

    A proxy on this machine hides where a request comes from; that there is one shows in what it adds.

    Raises
    ------
    Refused
        ``not_open``.
    """
    came_by = not has_proxies and any(name in request.headers for name in ("X-Forwarded-For", "Forwarded"))
    if came_by or not _is_loopback(request.remote_addr or "127.0.0.1"):  # a Unix socket has no address
        message = "This server has no password, and therefore answers its own machine only."
        raise AccessDenied("not_open", message)


def refuse_other_names(request, names):
    """Refuse a request for a server of another name.

    A page of another site can have its own name point at this machine (DNS rebinding); the browser then takes
    this server for that site, and hands it the answers. An address, without a name, cannot be turned so.

    Parameters
    ----------
    request : Request
    names : collection of str
        Lower-case names of this server besides ``localhost``.

    Raises
    ------
    Refused
        ``unknown_host``.
    """
    host = request.headers.get("Host")
    if host is None:  # no browser
        return
    name = PORT.sub("", host.lower()).rstrip(".")
    if name == "localhost" or name in names or _address(name.strip("[]")):
        return
    message = "This server does not go by the name in the request; its names are set as NODULE_HOSTS."
    raise AccessDenied("unknown_host", message)


def network_of(address):
    """What one visitor holds: an IPv4 address, or the /64 of an IPv6 address; as text."""
    parsed = _address(address)
    if parsed is None or parsed.version == 4:
        return str(parsed or "")
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def visitor_of(request, browser):
    """By what a visitor has its shares of the server: the browser at its address, and the address.

    This machine's own address has no share of its own: behind it may be everybody, by way of a proxy.

    Returns
    -------
    tuple of str
    """
    address = request.remote_addr or ""
    network = network_of(address)
    own = f"{network} {browser}"
    return (own,) if not network or _is_loopback(address) else (own, network)


def _is_loopback(text):
    address = _address(text)
    return address is not None and address.is_loopback


def _address(text):
    """The IP address in a text, IPv4 within IPv6 as IPv4; None where it is none."""
    try:
        address = ipaddress.ip_address(text or "")
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
