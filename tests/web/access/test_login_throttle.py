import threading
from collections import Counter

import pytest

from models.web.access import AccessDenied
from models.web.access.login_throttle import (
    LONGEST_S,
    OF_ALL,
    OF_KNOWN,
    OF_ONE,
    PACE_S,
    WAITING,
    WINDOW_S,
    LoginThrottle,
)
from tests.web.access.requests import Clock

ATTACKED = "192.0.2.1"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tries(clock):
    def sleep(seconds):
        clock.now += seconds

    return LoginThrottle(clock, sleep)


def settle(tries, address=ATTACKED, is_right=False, device=""):
    """The code and Retry-After of the answer to a password."""
    try:
        tries.settle(address, is_right, device)
    except AccessDenied as error:
        return error.code, error.headers.get("Retry-After")
    return None, None


def guess(tries, n, address=ATTACKED, **told):
    """What becomes of so many guesses, the codes counted."""
    return Counter(settle(tries, address, **told)[0] for _ in range(n))


def test_after_ten_wrong_passwords_one_waits_longer_from_try_to_try(tries, clock):
    assert guess(tries, OF_ONE) == {"wrong_password": OF_ONE}
    for wait in (1, 2, 4, 8, 16, 32, 60, 60, LONGEST_S):
        assert settle(tries) == ("too_many_tries", str(wait))
        assert settle(tries, is_right=True) == ("too_many_tries", str(wait))  # it is not looked at
        clock.now += wait
        assert settle(tries) == ("wrong_password", None)
    clock.now += LONGEST_S
    assert settle(tries, is_right=True) == (None, None)  # a stranger gets in within a minute


def test_wrong_passwords_are_forgotten_after_ten_minutes(tries, clock):
    guess(tries, OF_ONE)
    clock.now += WINDOW_S
    assert guess(tries, OF_ONE + 1) == {"wrong_password": OF_ONE, "too_many_tries": 1}


def test_who_gave_the_right_one_before_gets_in_whatever_comes_from_the_same_address(tries, clock):
    """A program with a key, which has nothing else to be known by."""
    settle(tries, is_right=True)
    guess(tries, 5 * OF_ONE)
    assert settle(tries, is_right=True) == (None, None)
    assert settle(tries, "2001:db8::1", is_right=True) == (None, None)
    guess(tries, 5 * OF_ONE, "2001:db8::2")
    assert settle(tries, "2001:db8::3", is_right=True) == (None, None)  # of one line


def test_a_known_address_is_no_way_to_guess_without_end(clock):
    tries = LoginThrottle(clock, lambda seconds: None)
    settle(tries, is_right=True)
    assert guess(tries, 3 * OF_KNOWN) == {"wrong_password": OF_KNOWN, "too_many_tries": 2 * OF_KNOWN}


def test_a_browser_that_was_logged_in_gets_in_whatever_comes_from_its_address(tries):
    settle(tries, is_right=True)
    guess(tries, 3 * OF_KNOWN)
    assert settle(tries, is_right=True)[0] == "too_many_tries"
    assert settle(tries, is_right=True, device="mine") == (None, None)
    assert guess(tries, OF_ONE, device="mine") == {"wrong_password": OF_ONE}
    assert settle(tries, is_right=True, device="mine")[0] == "too_many_tries"  # now it is one that guesses
    assert settle(tries, is_right=True, device="other") == (None, None)


def test_many_addresses_slow_strangers_down_and_refuse_nobody(tries, clock):
    settle(tries, "203.0.113.1", is_right=True)
    for i in range(OF_ALL):
        assert settle(tries, f"198.51.100.{i}") == ("wrong_password", None)
    before = clock.now
    assert settle(tries, "192.0.2.9", is_right=True) == (None, None)
    assert clock.now == before + PACE_S
    assert settle(tries, "203.0.113.1", is_right=True) == (None, None)  # known: at once
    assert settle(tries, "192.0.2.10", is_right=True, device="mine") == (None, None)
    assert clock.now == before + PACE_S


def test_those_who_take_turns_are_bounded(clock):
    inside, go = threading.Semaphore(0), threading.Event()

    def sleep(_):
        inside.release()
        go.wait(10)

    tries = LoginThrottle(clock, sleep)
    for i in range(OF_ALL):
        settle(tries, f"198.51.100.{i}")
    codes = Counter()
    threads = [
        threading.Thread(target=lambda i=i: codes.update([settle(tries, f"203.0.113.{i}", True)[0]]))
        for i in range(WAITING)
    ]
    for thread in threads:
        thread.start()
    inside.acquire(timeout=10)
    while tries._waiting.acquire(blocking=False):  # until all are there
        tries._waiting.release()
    assert settle(tries, "192.0.2.77", is_right=True) == ("too_many_tries", str(int(WAITING * PACE_S)))
    go.set()
    for thread in threads:
        thread.join(10)
    assert codes == {None: WAITING}


def test_right_passwords_are_not_counted(tries):
    assert guess(tries, 5 * OF_ALL, is_right=True) == {None: 5 * OF_ALL}


def test_addresses_of_one_line_are_one_visitor(tries):
    for i in range(OF_ONE):
        settle(tries, f"2001:db8::{i:x}")
    assert settle(tries, "2001:db8::ffff:1", is_right=True)[0] == "too_many_tries"
    assert settle(tries, "2001:db8:0:1::1", is_right=True)[0] is None


def test_the_bound_holds_for_guesses_at_once(tries):
    codes = Counter()
    threads = [threading.Thread(target=lambda: codes.update([settle(tries)[0]])) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == {"wrong_password": OF_ONE, "too_many_tries": 40 - OF_ONE}


def test_the_sentence_says_how_long(tries):
    guess(tries, OF_ONE)
    with pytest.raises(AccessDenied, match=r"^There were too many wrong passwords; try again in 1 s\.$"):
        tries.settle(ATTACKED, True)
