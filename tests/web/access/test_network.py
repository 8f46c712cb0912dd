import pytest

from models.web.access import AccessDenied, refuse_open_door
from models.web.access.network import network_of
from models.web.access.origins import refuse_other_names, refuse_strangers
from tests.web.access.requests import made

LOCAL = [
    "127.0.0.1",
    "127.8.9.10",
    "::1",
    "localhost",
    "LOCALHOST",
    "unix:/run/nodule.sock",
    "/run/nodule.sock",
]
OPEN = ["0.0.0.0", "::", "", "192.168.1.5", "2001:db8::1", "example.org", "localhost.example.org", "fd://3"]


@pytest.mark.parametrize("host", LOCAL)
def test_this_machine_alone_needs_no_password(host):
    assert refuse_open_door(host, "") is None


@pytest.mark.parametrize("host", OPEN)
def test_elsewhere_a_server_does_not_start_without_a_password_or_a_waiver(host):
    with pytest.raises(SystemExit, match="set NODULE_PASSWORD .* set NODULE_OPEN=1") as stopped:
        refuse_open_door(host, "")
    assert str(stopped.value).startswith(f"NODULE_HOST is {host or 'empty'}, where other machines")
    refuse_open_door(host, "a password")
    refuse_open_door(host, "", waived=1)


def refused(check, *args):
    """The code with which a check refuses; None where it does not."""
    try:
        return check(*args)
    except AccessDenied as error:
        return error.code


@pytest.mark.parametrize(
    ("address", "headers", "proxies", "code"),
    [
        ("127.0.0.1", {}, 0, None),
        ("::1", {}, 0, None),
        ("::ffff:127.0.0.1", {}, 0, None),
        ("", {}, 0, None),  # a Unix socket
        ("192.168.1.5", {}, 0, "not_open"),
        ("::ffff:192.168.1.5", {}, 0, "not_open"),
        ("nonsense", {}, 0, "not_open"),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 0, "not_open"),
        ("127.0.0.1", {"Forwarded": "for=192.168.1.5"}, 0, "not_open"),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 1, None),
        ("192.168.1.5", {"X-Forwarded-For": "192.168.1.5"}, 1, "not_open"),
    ],
)
def test_without_a_password_only_this_machine_is_answered(address, headers, proxies, code):
    assert refused(refuse_strangers, made(address=address, headers=headers), proxies) == code


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("localhost", None),
        ("localhost:5000", None),
        ("LocalHost.:5000", None),
        ("127.0.0.1:5000", None),
        ("[::1]:5000", None),
        ("[::1]", None),
        ("192.168.1.5", None),
        ("ct.example.org", None),
        ("CT.example.org:443", None),
        ("example.org", "unknown_host"),
        ("evil.example:5000", "unknown_host"),
        ("localhost.evil.example", "unknown_host"),
        ("127.0.0.1.evil.example", "unknown_host"),
        ("localhost@evil.example", "unknown_host"),
        ("", "unknown_host"),
    ],
)
def test_a_server_goes_by_its_own_names_only(host, code):
    assert refused(refuse_other_names, made(headers={"Host": host}), {"ct.example.org"}) == code


def test_a_program_that_names_no_host_is_no_browser():
    request = made()
    del request.environ["HTTP_HOST"]
    refuse_other_names(request, set())


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_one_visitor_is_an_address_or_what_one_line_has_of_ipv6(address, network):
    assert network_of(address) == network
