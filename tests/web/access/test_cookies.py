import base64
import hashlib
import hmac

import pytest

from models.web.access.cookies import IDLE_SECONDS, RENEWED_SECONDS, SESSION_SECONDS, Sessions, cookie
from tests.web.access.requests import PASSWORD, Clock


def test_a_session_ends_after_an_hour_without_use():
    clock = Clock()
    sessions = Sessions(PASSWORD, clock)
    value = sessions.new()
    assert IDLE_SECONDS == 3600
    clock.now += IDLE_SECONDS - 1
    assert sessions.knows(value)
    clock.now += 1
    assert not sessions.knows(value)
    assert sessions.renewed(value) is None


def test_a_session_in_use_ends_after_twelve_hours():
    clock = Clock()
    sessions = Sessions(PASSWORD, clock)
    value, end = sessions.new(), clock.now + SESSION_SECONDS
    assert SESSION_SECONDS == 12 * 3600
    while clock.now + IDLE_SECONDS - 1 < end:
        clock.now += IDLE_SECONDS - 1
        value, left = sessions.renewed(value)
        assert left == end - clock.now
    clock.now = end - 1
    assert sessions.knows(value)
    clock.now = end
    assert not sessions.knows(value)


def test_a_use_is_written_down_once_a_minute():
    clock = Clock()
    sessions = Sessions(PASSWORD, clock)
    value = sessions.new()
    clock.now += RENEWED_SECONDS - 1
    assert sessions.renewed(value) is None
    clock.now += 1
    assert sessions.renewed(value) is not None


def test_a_session_that_was_ended_is_ended_in_all_its_copies():
    clock, revoked = Clock(), {}
    sessions = Sessions(PASSWORD, clock, revoked)
    copied, other = sessions.new(), sessions.new()
    clock.now += RENEWED_SECONDS
    value, _ = sessions.renewed(copied)
    sessions.end(value)
    for each in (value, copied):
        assert not sessions.knows(each)
        assert sessions.renewed(each) is None
        assert not Sessions(PASSWORD, clock, revoked).knows(each)  # another process
    assert sessions.knows(other)
    sessions.end("no session")
    assert list(revoked.values()) == [int(clock.now) - RENEWED_SECONDS + SESSION_SECONDS]


def test_a_known_browser_is_told_by_a_name_that_nobody_else_can_make():
    sessions = Sessions(PASSWORD)
    value = sessions.new_device()
    name, mac = value.split(".")
    assert sessions.device(value) == name == Sessions(PASSWORD).device(value)
    assert Sessions(PASSWORD + "!").device(value) == ""
    for other in ("", name, f"{name[::-1]}.{mac}", f"{name}.{mac[::-1]}", value + "\n", sessions.new()):
        assert sessions.device(other) == ""
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
    until, used, number, mac = value.split(".")
    later = str(int(until) + 1)
    forged = [
        f"{later}.{used}.{number}.{mac}",
        f"{until}.{int(used) + 1}.{number}.{mac}",
        f"{until}.{used}.{number[::-1]}.{mac}",
        f"{until}.{used}.{number}.{mac[::-1]}",
        f"{until}.{used}.{number}.{mac}=",
        f"{until}.{used}.{number}",
        f" {value}",
        f"{value}\n",
        value.replace(mac, "é" * 43),
        "9" * 13 + f".{used}.{number}.{mac}",
        "",
        "..",
    ]
    assert [text for text in forged if sessions.knows(text)] == []
    plain = hmac.digest(PASSWORD.encode(), f"{later}.{used}.{number}".encode(), hashlib.sha256)
    mac = base64.urlsafe_b64encode(plain).decode().rstrip("=")
    assert not sessions.knows(f"{later}.{used}.{number}.{mac}")  # the key is not the password itself


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
