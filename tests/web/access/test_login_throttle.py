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
def throttle(clock):
    def sleep(seconds):
        clock.now += seconds

    return LoginThrottle(clock, sleep)


def settle(throttle, address=ATTACKED, is_right=False, device=""):
    """The code and Retry-After of the answer to a password."""
    try:
        throttle.settle(address, is_right, device)
    except AccessDenied as error:
        return error.code, error.headers.get("Retry-After")
    return None, None


def guess(throttle, n, address=ATTACKED, **told):
    """What becomes of so many guesses, the codes counted."""
    return Counter(settle(throttle, address, **told)[0] for _ in range(n))


def test_after_ten_wrong_passwords_one_waits_longer_from_try_to_try(throttle, clock):
    assert guess(throttle, OF_ONE) == {"wrong_password": OF_ONE}
    for wait in (1, 2, 4, 8, 16, 32, 60, 60, LONGEST_S):
        assert settle(throttle) == ("too_many_tries", str(wait))
        assert settle(throttle, is_right=True) == ("too_many_tries", str(wait))  # it is not looked at
        clock.now += wait
        assert settle(throttle) == ("wrong_password", None)
    clock.now += LONGEST_S
    assert settle(throttle, is_right=True) == (None, None)  # a stranger gets in within a minute


def test_wrong_passwords_are_forgotten_after_ten_minutes(throttle, clock):
    guess(throttle, OF_ONE)
    clock.now += WINDOW_S
    assert guess(throttle, OF_ONE + 1) == {"wrong_password": OF_ONE, "too_many_tries": 1}


def test_who_gave_the_right_one_before_gets_in_whatever_comes_from_the_same_address(throttle, clock):
    """A program with a key, which has nothing else to be known by."""
    settle(throttle, is_right=True)
    guess(throttle, 5 * OF_ONE)
    assert settle(throttle, is_right=True) == (None, None)
    assert settle(throttle, "2001:db8::1", is_right=True) == (None, None)
    guess(throttle, 5 * OF_ONE, "2001:db8::2")
    assert settle(throttle, "2001:db8::3", is_right=True) == (None, None)  # of one line


def test_a_known_address_is_no_way_to_guess_without_end(clock):
    throttle = LoginThrottle(clock, lambda seconds: None)
    settle(throttle, is_right=True)
    assert guess(throttle, 3 * OF_KNOWN) == {"wrong_password": OF_KNOWN, "too_many_tries": 2 * OF_KNOWN}


def test_a_browser_that_was_logged_in_gets_in_whatever_comes_from_its_address(throttle):
    settle(throttle, is_right=True)
    guess(throttle, 3 * OF_KNOWN)
    assert settle(throttle, is_right=True)[0] == "too_many_tries"
    assert settle(throttle, is_right=True, device="mine") == (None, None)
    assert guess(throttle, OF_ONE, device="mine") == {"wrong_password": OF_ONE}
    assert settle(throttle, is_right=True, device="mine")[0] == "too_many_tries"  # now it is one that guesses
    assert settle(throttle, is_right=True, device="other") == (None, None)


def test_many_addresses_slow_strangers_down_and_refuse_nobody(throttle, clock):
    settle(throttle, "203.0.113.1", is_right=True)
    for i in range(OF_ALL):
        assert settle(throttle, f"198.51.100.{i}") == ("wrong_password", None)
    before = clock.now
    assert settle(throttle, "192.0.2.9", is_right=True) == (None, None)
    assert clock.now == before + PACE_S
    assert settle(throttle, "203.0.113.1", is_right=True) == (None, None)  # known: at once
    assert settle(throttle, "192.0.2.10", is_right=True, device="mine") == (None, None)
    assert clock.now == before + PACE_S


def test_those_who_take_turns_are_bounded(clock):
    inside, go = threading.Semaphore(0), threading.Event()

    def sleep(_):
        inside.release()
        go.wait(10)

    throttle = LoginThrottle(clock, sleep)
    for i in range(OF_ALL):
        settle(throttle, f"198.51.100.{i}")
    codes = Counter()
    threads = [
        threading.Thread(target=lambda i=i: codes.update([settle(throttle, f"203.0.113.{i}", True)[0]]))
        for i in range(WAITING)
    ]
    for thread in threads:
        thread.start()
    inside.acquire(timeout=10)
    while throttle._waiting.acquire(blocking=False):  # until all are there
        throttle._waiting.release()
    assert settle(throttle, "192.0.2.77", is_right=True) == ("too_many_tries", str(int(WAITING * PACE_S)))
    go.set()
    for thread in threads:
        thread.join(10)
    assert codes == {None: WAITING}


def test_right_passwords_are_not_counted(throttle):
    assert guess(throttle, 5 * OF_ALL, is_right=True) == {None: 5 * OF_ALL}


def test_addresses_of_one_line_are_one_visitor(throttle):
    for i in range(OF_ONE):
        settle(throttle, f"2001:db8::{i:x}")
    assert settle(throttle, "2001:db8::ffff:1", is_right=True)[0] == "too_many_tries"
    assert settle(throttle, "2001:db8:0:1::1", is_right=True)[0] is None


def test_the_bound_holds_for_guesses_at_once(throttle):
    codes = Counter()
    threads = [threading.Thread(target=lambda: codes.update([settle(throttle)[0]])) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == {"wrong_password": OF_ONE, "too_many_tries": 40 - OF_ONE}


def test_the_sentence_says_how_long(throttle):
    guess(throttle, OF_ONE)
    with pytest.raises(AccessDenied, match="^Too many wrong passwords; try again in 1 s\.$"):
        throttle.settle(ATTACKED, True)
