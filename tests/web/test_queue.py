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
        place = queue.place(visitor)
        other.submit(place.__enter__).result()
        try:
            yield
        finally:
            other.submit(place.__exit__, None, None, None).result()


def enter(queue, visitor=()):
    """Take a place, and give it back."""
    with queue.place(visitor):
        pass


def test_one_more_than_there_are_places_is_refused():
    queue = Queue(2)
    with in_another_thread(queue), in_another_thread(queue):
        for refused in (enter, Queue.refuse_when_full):
            with pytest.raises(UserError, match="busy with other images") as error:
                refused(queue)
            assert error.value.code == "busy"
    enter(queue)


def test_a_thread_that_has_a_place_enters_again_and_takes_no_other():
    queue = Queue(2)
    with queue.place(), queue.place(), in_another_thread(queue):
        queue.refuse_when_full()
        enter(queue)
        with pytest.raises(UserError), in_another_thread(queue):
            pass  # it still has its own place
    with in_another_thread(queue), in_another_thread(queue), pytest.raises(UserError):
        enter(queue)


def test_a_place_comes_back_after_a_mistake():
    queue = Queue(1)
    with pytest.raises(KeyError), queue.place():
        raise KeyError
    with in_another_thread(queue):
        pass


def test_many_threads_never_have_more_places_than_there_are():
    queue, inside, most, lock = Queue(3), 0, 0, threading.Lock()

    def visit(_):
        nonlocal inside, most
        try:
            with queue.place():
                with lock:
                    inside += 1
                    most = max(most, inside)
                with lock:
                    inside -= 1
        except UserError:
            return False
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
        for refused in (enter, Queue.refuse_when_full):
            for visitor in (mine, theirs):  # of one line
                with pytest.raises(UserError, match="busy"):
                    refused(queue, visitor)
        queue.refuse_when_full(("third", "elsewhere"))
        enter(queue, ("third", "elsewhere"))
    enter(queue, mine)


@pytest.mark.parametrize(("most", "share"), [(1, 1), (2, 2), (3, 3), (4, 3), (16, 12)])
def test_where_there_are_few_places_a_visitor_may_have_all(most, share):
    queue = Queue(most)
    with ExitStack() as stack:
        for _ in range(share):
            stack.enter_context(in_another_thread(queue, ("me",)))
        with pytest.raises(UserError):
            enter(queue, ("me",))
