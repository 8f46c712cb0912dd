import threading

import numpy as np
import pytest

from models.inference.runtime.parallel import CORES, meanwhile, shares, side_by_side


def test_calls_run_at_once_and_answer_in_their_order():
    meeting = threading.Barrier(CORES, timeout=20)  # is passed only when as many calls run at once

    def call(number):
        meeting.wait()
        return number * 10

    assert side_by_side(call, range(CORES)) == [10 * number for number in range(CORES)]


def test_calls_within_calls_do_not_wait_for_a_free_thread():
    def outer(number):
        return side_by_side(lambda other: (number, other), range(3))

    assert side_by_side(outer, range(3 * CORES)) == [[(i, j) for j in range(3)] for i in range(3 * CORES)]


def test_what_is_begun_is_done_while_its_caller_goes_on():
    go_on = threading.Event()
    begun = meanwhile(go_on.wait, 20)
    assert not begun.done()
    go_on.set()
    assert begun.result() is True


def test_what_is_begun_within_a_call_does_not_wait_for_a_free_thread():
    outer = [
        meanwhile(lambda: meanwhile(threading.get_ident).result() == threading.get_ident()) for _ in range(9)
    ]
    assert all(each.result() for each in outer)


def test_an_error_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda number: 1 // number, [1, 0])


@pytest.mark.parametrize(
    ("n", "parts", "lengths"), [(8, 2, [4, 4]), (5, 2, [3, 2]), (1, 4, [1]), (3, 1, [3])]
)
def test_shares_are_about_equal_and_never_empty(n, parts, lengths):
    batch = np.arange(2 * n).reshape(n, 2)
    cut = shares(batch, parts)
    assert [len(part) for part in cut] == lengths
    np.testing.assert_array_equal(np.concatenate(cut), batch)
