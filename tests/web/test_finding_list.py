"""The list of findings of a kept scan: names, which one leads, deletion and the time to undo it."""

import time

import pytest

from models.errors import UserError
from models.imaging.scan import Roi
from models.inference.finding import FindingSummary
from models.web import finding_list
from models.web.finding_list import OF_ONE, FindingList

OWNER = "the-cookie-of-one-browser"


@pytest.fixture
def findings(store):
    return FindingList(store)


@pytest.fixture
def token(scan, store, findings):
    """Of a scan with three findings."""
    token = store.put(scan, OWNER)
    for slice_ in range(3):
        found = findings.add(token, OWNER, said(slice_))
        for kind in OF_ONE:
            findings.keep(token, OWNER, found.index, kind, f"{kind} of {slice_}")
    return token


@pytest.fixture
def hurried(monkeypatch):
    """The time to undo a deletion is a tenth of a second, and the grace as long."""
    monkeypatch.setattr(finding_list, "UNDO_SECONDS", 0.1)
    monkeypatch.setattr(finding_list, "GRACE_SECONDS", 0.1)


def said(slice_):
    return FindingSummary(Roi(1.0, 2.0, slice_, "given"), "vgg16", "VGG16", "benign", "benign", 0.1)


def names(findings, token):
    return [found.name for found in findings.shown(token, OWNER)]


def indices(findings, token):
    return [found.index for found in findings.shown(token, OWNER)]


def kept(store, token, index):
    return [store.read(token, OWNER, f"{kind}{index}") for kind in OF_ONE]


def code_of(act, *arguments):
    with pytest.raises(UserError) as refused:
        act(*arguments)
    return refused.value.code


def test_those_at_one_location_are_told_apart_for_good(findings, token, hurried):
    twins = [findings.add(token, OWNER, said(1)).index for _ in range(2)]
    findings.lead(token, OWNER, twins[1], True)
    findings.say_anew(token, OWNER, {twins[0]: said(1)})
    numbers = {found.index: found.duplicate for found in findings.shown(token, OWNER)}
    assert numbers == {0: 0, 1: 0, 2: 0, 3: 3, 4: 4}
    for gone in (1, 3):
        findings.delete(token, OWNER, gone)
    time.sleep(0.3)
    later = findings.add(token, OWNER, said(1))
    assert [(found.index, found.duplicate) for found in findings.shown(token, OWNER)] == [
        *((0, 0), (2, 0), (4, 4), (5, 5))
    ]
    assert later.duplicate == 5


def test_findings_are_named_in_the_order_of_asking_and_none_leads(findings, token):
    assert names(findings, token) == ["F1", "F2", "F3"]
    assert indices(findings, token) == [0, 1, 2]
    assert [found.is_leading for found in findings.shown(token, OWNER)] == [False] * 3


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("upper lobe", "upper lobe"),
        ("  a  b\u00a0c ", "a b c"),
        ("Bezugsläsion", "Bezugsläsion"),
        ("n" * 40, "n" * 40),
        ("<b>&\"'", "<b>&\"'"),
        ("", "F2"),
        ("  ", "F2"),
        ("f2", "F2"),
        ("ＲＵＬ", "ＲＵＬ"),
    ],
)
def test_a_name_is_kept_trimmed_and_an_empty_one_is_that_of_the_app(findings, token, typed, name):
    findings.rename(token, OWNER, 1, "another")
    findings.rename(token, OWNER, 1, typed)
    assert names(findings, token) == ["F1", name, "F3"]


@pytest.mark.parametrize(
    "typed",
    ["n" * 41, "a\nb", "a\x00b", "a\u202eb", "a\u200bb", "a\\b", "\ud800", "F1", "f3", "F99", "Ｆ３", "F٣"],
)
def test_a_name_that_cannot_be_is_refused_and_the_old_one_stays(findings, token, typed):
    findings.rename(token, OWNER, 1, "mine")
    assert code_of(findings.rename, token, OWNER, 1, typed) == "bad_field"
    assert names(findings, token) == ["F1", "mine", "F3"]


def test_a_name_is_given_once_a_scan_whatever_its_case(findings, token):
    findings.rename(token, OWNER, 0, "RUL")
    assert code_of(findings.rename, token, OWNER, 1, "rul") == "bad_field"
    findings.rename(token, OWNER, 0, "rul")  # its own
    assert names(findings, token) == ["rul", "F2", "F3"]


def test_one_finding_leads_at_most(findings, token):
    def leading():
        return [found.name for found in findings.shown(token, OWNER) if found.is_leading]

    findings.lead(token, OWNER, 0, True)
    assert leading() == ["F1"]
    findings.lead(token, OWNER, 2, True)
    assert leading() == ["F3"]
    findings.lead(token, OWNER, 0, False)
    assert leading() == ["F3"]
    findings.lead(token, OWNER, 2, False)
    assert leading() == []


def test_a_deleted_finding_is_hidden_and_comes_back_with_all_it_had(findings, store, token):
    findings.rename(token, OWNER, 1, "mine")
    findings.lead(token, OWNER, 1, True)
    before = findings.shown(token, OWNER)
    findings.delete(token, OWNER, 1)
    assert indices(findings, token) == [0, 2]
    with pytest.raises(IndexError):
        findings.one(token, OWNER, 1)
    ((found, seconds),) = findings.deleted(token, OWNER)
    assert (found.index, found.name) == (1, "mine")
    assert 9 <= seconds <= 10
    findings.restore(token, OWNER, 1)
    assert findings.shown(token, OWNER) == before
    assert kept(store, token, 1) == [f"{kind} of 1" for kind in OF_ONE]
    assert findings.deleted(token, OWNER) == []


def test_who_deletes_or_undoes_twice_does_it_once(findings, token):
    findings.delete(token, OWNER, 1)
    findings.delete(token, OWNER, 1)
    findings.restore(token, OWNER, 1)
    findings.restore(token, OWNER, 1)
    assert indices(findings, token) == [0, 1, 2]


def test_after_its_time_nothing_is_left_of_a_deleted_finding(findings, store, token, hurried):
    findings.delete(token, OWNER, 1)
    time.sleep(0.25)
    assert code_of(findings.restore, token, OWNER, 1) == "too_late"
    assert indices(findings, token) == [0, 2]
    assert kept(store, token, 1) == [None] * len(OF_ONE)
    assert kept(store, token, 2) == [f"{kind} of 2" for kind in OF_ONE]
    assert store.read(token, OWNER, "findings")[1] is None
    assert code_of(findings.restore, token, OWNER, 1) == "too_late"
    for act in (findings.delete, findings.one):
        with pytest.raises(IndexError):
            act(token, OWNER, 1)


def test_a_deleted_finding_is_forgotten_even_if_nobody_asks_again(findings, store, token, hurried):
    findings.delete(token, OWNER, 1)
    time.sleep(0.1)
    findings.delete(token, OWNER, 2)
    deadline = time.monotonic() + 10
    while store.read(token, OWNER, "findings")[1:] != [None, None] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert store.read(token, OWNER, "findings")[1:] == [None, None]
    assert kept(store, token, 1) == kept(store, token, 2) == [None] * len(OF_ONE)


def test_undo_in_the_grace_is_not_too_late(findings, token, monkeypatch):
    monkeypatch.setattr(finding_list, "UNDO_SECONDS", 0.0)
    findings.delete(token, OWNER, 1)
    assert [seconds for _, seconds in findings.deleted(token, OWNER)] == [0]
    findings.restore(token, OWNER, 1)
    assert indices(findings, token) == [0, 1, 2]


def test_a_clock_that_is_set_back_keeps_no_deleted_finding(findings, token, monkeypatch):
    findings.delete(token, OWNER, 1)
    monkeypatch.setattr(finding_list.time, "time", lambda now=time.time: now() - 3600)
    assert findings.deleted(token, OWNER) == []
    assert code_of(findings.restore, token, OWNER, 1) == "too_late"


def test_the_index_and_the_name_of_a_deleted_finding_are_not_given_again(findings, token, hurried):
    findings.delete(token, OWNER, 2)
    new = findings.add(token, OWNER, said(3))
    assert (new.index, new.name) == (3, "F4")
    assert code_of(findings.rename, token, OWNER, 0, "F3") == "bad_field"
    time.sleep(0.25)
    assert indices(findings, token) == [0, 1, 3]
    assert code_of(findings.rename, token, OWNER, 0, "F3") == "bad_field"


def test_a_readers_name_is_free_again_when_its_finding_cannot_come_back(findings, token, hurried):
    findings.rename(token, OWNER, 1, "mine")
    findings.delete(token, OWNER, 1)
    assert code_of(findings.rename, token, OWNER, 0, "mine") == "bad_field"
    time.sleep(0.25)
    findings.shown(token, OWNER)
    findings.rename(token, OWNER, 0, "mine")
    assert names(findings, token) == ["mine", "F3"]


def test_a_deleted_leader_that_comes_back_does_not_lead_beside_another(findings, token):
    findings.lead(token, OWNER, 0, True)
    findings.delete(token, OWNER, 0)
    findings.lead(token, OWNER, 1, True)
    findings.restore(token, OWNER, 0)
    assert [found.is_leading for found in findings.shown(token, OWNER)] == [False, True, False]


def test_what_is_computed_on_a_forgotten_finding_is_not_kept(findings, store, token, hurried):
    findings.delete(token, OWNER, 1)
    findings.keep(token, OWNER, 1, "saliency", "of what can come back")
    time.sleep(0.25)
    findings.shown(token, OWNER)
    with pytest.raises(IndexError):
        findings.keep(token, OWNER, 1, "saliency", "late")
    assert kept(store, token, 1) == [None] * len(OF_ONE)


@pytest.mark.parametrize("index", [-1, 3, 99])
def test_there_is_no_finding_that_was_not_asked_for(findings, token, index):
    for act in (findings.delete, findings.restore, findings.one):
        with pytest.raises(IndexError):
            act(token, OWNER, index)
    with pytest.raises(IndexError):
        findings.rename(token, OWNER, index, "mine")
    with pytest.raises(IndexError):
        findings.lead(token, OWNER, index, True)


def test_a_stranger_changes_nothing(findings, token):
    for act in (findings.delete, findings.restore):
        assert code_of(act, token, "another", 1) == "scan_gone"
    assert code_of(findings.rename, token, "another", 1, "x") == "scan_gone"
    assert names(findings, token) == ["F1", "F2", "F3"]
