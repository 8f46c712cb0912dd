"""Who decodes next, where there are fewer places than uploads."""

import threading
import time
from contextlib import ExitStack

import pytest

from models.ingest.sandbox.fair_share import Turns

ME, OTHER = ("me", "line"), ("other", "elsewhere")


def wait(turns, visitor, order, names):
    """Wait for a turn in a thread, and write down when it came."""

    def take():
        with turns.take(visitor, 10):
            order.append(names)

    thread = threading.Thread(target=take)
    before = len(turns._waiting)
    thread.start()
    while len(turns._waiting) == before and thread.is_alive() and names not in order:
        time.sleep(0.001)
    return thread


def test_eight_uploads_of_one_visitor_keep_nobody_else_waiting():
    turns = Turns(4)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(turns.take(ME, 1))
        for visitor in (ME, ("me in another browser", "line")):
            with pytest.raises(TimeoutError), turns.take(visitor, 0.05):
                pass
        with turns.take(OTHER, 0.05):
            pass


def test_who_has_fewest_comes_first_and_then_who_waited_longest():
    turns, order = Turns(3), []
    with turns.take(ME, 1), turns.take(ME, 1):
        with turns.take(("somebody",), 1):
            threads = [
                wait(turns, visitor, order, name)
                for visitor, name in ((ME, "mine"), (OTHER, "theirs"), (("third",), "third"))
            ]
        for thread in threads:
            thread.join(10)
    assert order == ["theirs", "third", "mine"]


def test_without_visitors_all_places_are_for_all():
    turns = Turns(2)
    with turns.take((), 1), turns.take((), 1), pytest.raises(TimeoutError), turns.take((), 0.05):
        pass
    with turns.take((), 0):
        pass


def test_a_place_comes_back_after_a_mistake_and_nothing_is_kept_of_who_had_it():
    turns = Turns(1)
    with pytest.raises(KeyError), turns.take(ME, 1):
        raise KeyError
    with turns.take(ME, 0):
        pass
    assert not turns._shares._taken
    assert not turns._waiting
