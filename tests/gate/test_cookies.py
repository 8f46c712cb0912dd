import base64
import hashlib
import hmac

import pytest

from models.gate.cookies import SESSION_SECONDS, Sessions, cookie
from tests.gate.requests import PASSWORD, Clock


def test_a_session_ends_after_twelve_hours_and_not_before():
    clock = Clock()
    sessions = Sessions(PASSWORD, clock)
    value = sessions.new()
    assert SESSION_SECONDS == 12 * 3600
    clock.now += SESSION_SECONDS - 1
    assert sessions.knows(value)
    clock.now += 1
    assert not sessions.knows(value)


def test_another_process_with_the_same_password_knows_it_and_one_with_a_new_password_does_not():
    value = Sessions(PASSWORD).new()
    assert Sessions(PASSWORD).knows(value)
    assert not Sessions(PASSWORD + "!").knows(value)


def test_each_session_is_another():
    sessions = Sessions(PASSWORD)
    assert len({sessions.new() for _ in range(50)}) == 50


def test_nothing_of_a_session_can_be_changed():
    sessions = Sessions(PASSWORD, Clock())
    value = sessions.new()
    until, number, mac = value.split(".")
    later = str(int(until) + 1)
    forged = [
        f"{later}.{number}.{mac}",
        f"{until}.{number[::-1]}.{mac}",
        f"{until}.{number}.{mac[::-1]}",
        f"{until}.{number}.{mac}=",
        f"{until}.{number}",
        f" {value}",
        f"{value}\n",
        value.replace(mac, "é" * 43),
        "9" * 13 + f".{number}.{mac}",
        "",
        "..",
    ]
    assert [text for text in forged if sessions.knows(text)] == []
    plain = hmac.digest(PASSWORD.encode(), f"{later}.{number}".encode(), hashlib.sha256)
    mac = base64.urlsafe_b64encode(plain).decode().rstrip("=")
    assert not sessions.knows(f"{later}.{number}.{mac}")  # the key is not the password itself


@pytest.mark.parametrize(("is_secure", "name"), [(True, "__Host-nodule_session"), (False, "nodule_session")])
def test_no_script_and_no_other_site_gets_the_cookie(is_secure, name):
    assert cookie("nodule_session", "x", is_secure, 60) == {
        "key": name,
        "value": "x",
        "max_age": 60,
        "httponly": True,
        "samesite": "Strict",
        "secure": is_secure,
    }
