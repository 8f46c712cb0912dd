"""Which addresses are this machine's, and which share of the server an address has."""

import ipaddress
import re

UNIX = re.compile(r"unix:|/")  # a socket in the file system: who may open it is a matter of its permissions
OPEN_DOOR = (
    "NODULE_HOST is {host}, where other machines reach this server: set NODULE_PASSWORD to a password that "
    "each visitor has to give. To go without one, because something else keeps strangers out (a proxy that "
    "asks for a password, a closed network), set NODULE_OPEN=1."
)


def is_local_bind(host: str) -> bool:
    """Whether only this machine reaches a server there: an address or name without a port, or ``unix:`` …"""
    return bool(UNIX.match(host)) or host.lower() == "localhost" or is_loopback(host)


def refuse_open_door(host: str, password: str, waived: bool = False) -> None:
    """Refuse to start a server that strangers reach and that asks for no password.

    An empty host is every address of the machine. `waived`: the operator does without a password.

    Raises
    ------
    SystemExit
        With the sentence that the operator gets to read.
    """
    if not (password or waived or is_local_bind(host)):
        raise SystemExit(OPEN_DOOR.format(host=host or "empty"))


def network_of(address: str) -> str:
    """What one visitor holds: an IPv4 address, or the /64 of an IPv6 address."""
    parsed = parsed_address(address)
    if parsed is None or parsed.version == 4:
        return str(parsed or "")
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def shares_of(address: str, browser: str) -> tuple[str, ...]:
    """By what a visitor has its shares of the server: the browser at its address, and the address.

    This machine's own address has no share of its own: behind it may be everybody, by way of a proxy.
    """
    network = network_of(address)
    own = f"{network} {browser}"
    return (own,) if not network or is_loopback(address) else (own, network)


def is_loopback(text: str) -> bool:
    """Whether a text is an address at which a machine reaches itself."""
    address = parsed_address(text)
    return address is not None and address.is_loopback


def parsed_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address in a text, IPv4 within IPv6 as IPv4; None where it is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
