"""Links of two kept scans, which another request changes or ends meanwhile."""

from dataclasses import replace

import numpy as np
import pytest

from models.errors import UserError
from models.web.answers import Answers
from models.web.comparisons import Comparisons
from models.web.queue import Queue
from models.web.store.keys import COMPARISON
from tests.web.interrupted import Interrupted

OWNER = "the-cookie-of-one-browser"


class Late(Comparisons):
    """Another request comes in between each time that the comparison was looked up."""

    def __init__(self, store, meanwhile):
        super().__init__(store, Answers(store, None, Queue(2)), None, Queue(2))
        self._meanwhile = meanwhile

    def of(self, token, owner):
        found = super().of(token, owner)
        self._meanwhile()
        return found


@pytest.fixture
def elsewhere(store):
    """Of another process."""
    return Late(store, lambda: None)


@pytest.fixture
def token(scan, store, elsewhere):
    """Of a scan with another one beside it."""
    token = store.put(scan, OWNER)
    elsewhere.add(token, OWNER, other_than(scan), is_earlier=True)
    return token


def other_than(scan, step=1):
    return replace(scan, slices=np.ascontiguousarray(scan.slices + scan.slices.dtype.type(step)))


def test_days_are_not_kept_for_a_comparison_that_was_ended(store, elsewhere, token):
    late = Late(store, lambda: elsewhere.end(token, OWNER))
    with pytest.raises(UserError) as refused:
        late.set_days(token, OWNER, 90)
    assert refused.value.code == "not_comparable"
    assert elsewhere.of(token, OWNER) is None


def test_nothing_is_kept_for_another_scan_than_was_compared(scan, store, elsewhere, token):
    def meanwhile():
        elsewhere.end(token, OWNER)
        elsewhere.add(token, OWNER, other_than(scan, 2), is_earlier=True)

    with pytest.raises(UserError) as refused:
        Late(store, meanwhile).set_days(token, OWNER, 90)
    assert refused.value.code == "not_comparable"
    assert elsewhere.of(token, OWNER).link.days is None


def test_what_was_said_while_two_scans_are_aligned_anew_is_kept(store, elsewhere, token):
    store_meanwhile = Interrupted(store, "change", lambda: elsewhere.set_days(token, OWNER, 90))
    comparisons = Late(store_meanwhile, lambda: None)
    comparisons.change(token, OWNER, replace(store.get(token, OWNER), spacing_mm=(0.5, 0.5)))
    found = elsewhere.of(token, OWNER)
    assert (found.link.days, found.link.are_days_typed) == (90, True)
    assert found.now.scan.spacing_mm == (0.5, 0.5)


def test_a_scan_whose_comparison_was_ended_meanwhile_is_changed_all_the_same(store, elsewhere, token):
    ended = Interrupted(store, "change", lambda: elsewhere.end(token, OWNER))
    comparisons = Late(ended, lambda: None)
    comparisons.change(token, OWNER, replace(store.get(token, OWNER), spacing_mm=(0.5, 0.5)))
    assert store.get(token, OWNER).spacing_mm == (0.5, 0.5)
    assert elsewhere.of(token, OWNER) is None


def test_a_link_that_another_version_of_the_app_kept_is_none(scan, store, elsewhere, token):
    note = store.read(token, OWNER, COMPARISON)
    store.write(token, OWNER, COMPARISON, note | {"notices": [{"code": "same_date", "message": "They are."}]})
    assert elsewhere.of(token, OWNER) is None
    elsewhere.add(token, OWNER, other_than(scan, 2), is_earlier=True)
    assert elsewhere.needed(token, OWNER).link.is_earlier
