"""Places for readings: so many at once, and one more is refused."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from models.errors import UserError
from models.web.queue import Queue


@contextmanager
def in_another_thread(queue, visitor=()):
    """Somebody else has a place meanwhile."""
    with ThreadPoolExecutor(1) as other:
        other.submit(queue.enter, visitor).result()
        try:
            yield
        finally:
            other.submit(queue.leave).result()


def test_one_more_than_there_are_places_is_refused():
    queue = Queue(2)
    with in_another_thread(queue), in_another_thread(queue):
        for refused in (queue.enter, queue.refuse_when_full):
            with pytest.raises(UserError, match="busy with other images") as error:
                refused()
            assert error.value.code == "busy"
    queue.enter()


def test_a_thread_that_has_a_place_enters_again_and_takes_no_other():
    queue = Queue(2)
    with queue, queue, in_another_thread(queue):
        queue.refuse_when_full()
        with queue:
            pass
    with in_another_thread(queue), in_another_thread(queue), pytest.raises(UserError):
        queue.enter()


def test_leaving_without_a_place_gives_none_away():
    queue = Queue(1)
    queue.leave()
    with in_another_thread(queue), pytest.raises(UserError):
        queue.enter()


def test_a_place_comes_back_after_a_mistake():
    queue = Queue(1)
    with pytest.raises(KeyError), queue:
        raise KeyError
    with in_another_thread(queue):
        pass


def test_many_threads_never_have_more_places_than_there_are():
    queue, inside, most, lock = Queue(3), 0, 0, threading.Lock()

    def visit(_):
        nonlocal inside, most
        try:
            queue.enter()
        except UserError:
            return False
        with lock:
            inside += 1
            most = max(most, inside)
        with lock:
            inside -= 1
        queue.leave()
        return True

    with ThreadPoolExecutor(16) as pool:
        served = list(pool.map(visit, range(2000)))
    assert any(served)
    assert most <= 3
    assert queue._shares._free == 3


def test_one_visitor_leaves_a_quarter_of_the_places_to_others():
    queue = Queue(8)
    mine, theirs = ("me", "line"), ("other", "line")
    with ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(in_another_thread(queue, mine))
        for refused in (queue.enter, queue.refuse_when_full):
            for visitor in (mine, theirs):  # of one line
                with pytest.raises(UserError, match="busy"):
                    refused(visitor)
        queue.refuse_when_full(("third", "elsewhere"))
        queue.enter(("third", "elsewhere"))
        queue.leave()
    queue.enter(mine)
    queue.leave()


@pytest.mark.parametrize(("most", "share"), [(1, 1), (2, 2), (3, 3), (4, 3), (16, 12)])
def test_where_there_are_few_places_a_visitor_may_have_all(most, share):
    queue = Queue(most)
    with ExitStack() as stack:
        for _ in range(share):
            stack.enter_context(in_another_thread(queue, ("me",)))
        with pytest.raises(UserError):
            queue.enter(("me",))
