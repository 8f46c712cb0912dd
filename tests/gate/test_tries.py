import threading
from collections import Counter

import pytest

from models.gate import Refused
from models.gate.tries import OF_ALL, OF_ONE, WINDOW_S, Tries
from tests.gate.requests import Clock


def settle(tries, address="192.0.2.1", is_right=False):
    """The code and Retry-After of the answer to a password."""
    try:
        tries.settle(address, is_right)
    except Refused as error:
        return error.code, error.headers.get("Retry-After")
    return None, None


def test_after_ten_wrong_passwords_an_address_waits_until_the_first_is_ten_minutes_old():
    clock = Clock()
    tries = Tries(clock)
    for _ in range(OF_ONE):
        assert settle(tries) == ("wrong_password", None)
        clock.now += 10
    assert settle(tries, is_right=True) == ("too_many_tries", "500")
    assert settle(tries, "192.0.2.2", is_right=True) == (None, None)
    clock.now += 499.5
    assert settle(tries, is_right=True) == ("too_many_tries", "1")
    clock.now += 0.5
    assert settle(tries, is_right=True) == (None, None)
    assert settle(tries) == ("wrong_password", None)
    assert settle(tries) == ("too_many_tries", "10")


def test_right_passwords_are_not_counted():
    tries = Tries(Clock())
    assert {settle(tries, is_right=True) for _ in range(5 * OF_ALL)} == {(None, None)}


def test_all_addresses_together_have_a_bound_of_their_own():
    clock = Clock()
    tries = Tries(clock)
    for i in range(OF_ALL):
        assert settle(tries, f"192.0.2.{i}") == ("wrong_password", None)
    assert settle(tries, "198.51.100.1", is_right=True) == ("too_many_tries", str(WINDOW_S))
    clock.now += WINDOW_S
    assert settle(tries, "198.51.100.1", is_right=True) == (None, None)


def test_addresses_of_one_line_are_one_visitor():
    tries = Tries(Clock())
    for i in range(OF_ONE):
        settle(tries, f"2001:db8::{i:x}")
    assert settle(tries, "2001:db8::ffff:1", is_right=True)[0] == "too_many_tries"
    assert settle(tries, "2001:db8:0:1::1", is_right=True)[0] is None


def test_the_bound_holds_for_guesses_at_once():
    tries, codes = Tries(Clock()), Counter()
    threads = [threading.Thread(target=lambda: codes.update([settle(tries)[0]])) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == {"wrong_password": OF_ONE, "too_many_tries": 40 - OF_ONE}


def test_the_sentence_says_how_long():
    tries = Tries(Clock())
    for _ in range(OF_ONE):
        settle(tries)
    with pytest.raises(Refused, match=r"^There were too many wrong passwords; try again in 10 min\.$"):
        tries.settle("192.0.2.1", True)
