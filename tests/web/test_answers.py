"""Answers that are kept: given again for each model without a forward pass, and never to a stranger."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from models.errors import UserError
from models.imaging.scan import locate
from models.inference.pipeline import MODEL_KEYS, analyse
from models.inference.reading import Correction
from models.web.answers import Answers
from models.web.queue import Queue
from tests.web.interrupted import Interrupted
from tests.web.test_queue import in_another_thread

OWNER = "the-cookie-of-one-browser"


class Counting:
    """The real registry, and how often the networks were asked."""

    def __init__(self, registry):
        self._registry, self.asked = registry, 0

    def __getattr__(self, name):
        return getattr(self._registry, name)

    def begin(self, *arguments):
        self.asked += 1
        return self._registry.begin(*arguments)


@pytest.fixture
def registry(app):
    return Counting(app.registry)


@pytest.fixture
def answers(store, registry):
    return Answers(store, registry, Queue(2))


def same(one, other):
    """Whether two findings say the same; the slices are compared apart."""
    plain, given = (replace(finding, scan=None) for finding in (one, other))
    return plain == given and np.array_equal(one.scan.slices, other.scan.slices)


def test_a_kept_finding_is_given_again_for_each_model_without_another_forward_pass(
    scan, store, answers, registry, app
):
    token = store.put(scan, OWNER)
    roi = locate(scan)
    index, first = answers.new(token, OWNER, roi, "vgg16")
    assert index == 0
    registry.asked = 0
    assert same(answers.again(token, OWNER, 0), first)
    for key in MODEL_KEYS:
        again = answers.again(token, OWNER, 0, key)
        assert again.model == key
        assert same(again, replace(analyse(scan, roi, key, app.registry), name="F1"))
    assert registry.asked == 0


def test_a_finding_of_other_weights_is_read_anew_and_kept_anew(scan, store, answers, registry, app):
    token = store.put(scan, OWNER)
    answers.new(token, OWNER, locate(scan), "consensus")
    note = store.read(token, OWNER, "reading0")
    store.write(token, OWNER, "reading0", note | {"weights": "of yesterday", "outline": None})
    registry.asked = 0
    assert answers.again(token, OWNER, 0).reading.weights == app.registry.checksum
    assert registry.asked == 1
    assert store.read(token, OWNER, "reading0") == note
    answers.again(token, OWNER, 0)
    assert registry.asked == 1


def test_a_finding_whose_reading_was_lost_is_read_anew(scan, store, answers, app):
    token = store.put(scan, OWNER)
    finding = analyse(scan, locate(scan), "resnet", app.registry)
    store.append(token, OWNER, "findings", msgspec.to_builtins(finding.summary))
    assert same(answers.again(token, OWNER, 0), replace(finding, name="F1"))


def test_there_is_no_finding_that_was_not_asked_for(scan, store, answers):
    token = store.put(scan, OWNER)
    with pytest.raises(IndexError):
        answers.again(token, OWNER, 0)


def test_a_foreign_browser_gets_no_finding(scan, store, answers):
    token = store.put(scan, OWNER)
    answers.new(token, OWNER, locate(scan), "consensus")
    with pytest.raises(UserError) as refused:
        answers.again(token, "another-browser", 0)
    assert refused.value.code == "scan_gone"


def test_one_reading_too_many_is_refused_but_a_kept_one_is_given(scan, store, registry):
    answers = Answers(store, registry, Queue(1))
    token = store.put(scan, OWNER)
    answers.new(token, OWNER, locate(scan), "consensus")
    with in_another_thread(answers._queue):
        assert answers.again(token, OWNER, 0, "alexnet").model == "alexnet"
        for ask in (
            lambda: answers.new(token, OWNER, locate(scan), "consensus"),
            lambda: answers.once(scan, locate(scan), "consensus"),
        ):
            with pytest.raises(UserError) as refused:
                ask()
            assert refused.value.code == "busy"
    assert answers.new(token, OWNER, locate(scan), "consensus")[0] == 1


def test_a_model_that_is_unavailable_is_refused_before_anything_is_kept(scan, store, registry):
    token = store.put(scan, OWNER)
    registry.problems = {"vgg16": "vgg16.weights.h5 is missing."}
    registry.available = lambda key: key not in registry.problems
    answers = Answers(store, registry, Queue(1))
    with pytest.raises(UserError) as refused:
        answers.new(token, OWNER, locate(scan), "vgg16")
    assert refused.value.code == "model_unavailable"
    assert answers.listed(token, OWNER) == []


def test_every_leaves_deleted_findings_out_and_says_which_one_leads(scan, store, answers):
    token = store.put(scan, OWNER)
    for _ in range(3):
        answers.new(token, OWNER, locate(scan), "consensus")
    answers.findings.rename(token, OWNER, 2, "the large one")
    answers.findings.lead(token, OWNER, 2, True)
    answers.findings.delete(token, OWNER, 1)
    told = [(index, found.name, found.is_leading) for index, found in answers.every(token, OWNER)]
    assert told == [(0, "F1", False), (2, "the large one", True)]
    with pytest.raises(IndexError):
        answers.again(token, OWNER, 1)


def test_a_corrected_finding_that_comes_back_is_as_it_was(scan, store, answers):
    token = store.put(scan, OWNER)
    answers.new(token, OWNER, locate(scan), "consensus")
    answers.correct(token, OWNER, 0, Correction(larger=1))
    before = answers.again(token, OWNER, 0)
    assert before.reading.corrected == Correction(larger=1)
    answers.findings.delete(token, OWNER, 0)
    answers.findings.restore(token, OWNER, 0)
    assert same(answers.again(token, OWNER, 0), before)


def test_a_scan_that_is_read_anew_keeps_names_and_what_may_come_back(scan, store, answers):
    token = store.put(scan, OWNER)
    for _ in range(2):
        answers.new(token, OWNER, locate(scan), "consensus")
    answers.findings.rename(token, OWNER, 0, "mine")
    answers.findings.lead(token, OWNER, 0, True)
    answers.findings.delete(token, OWNER, 1)
    answers.anew(token, OWNER, replace(store.get(token, OWNER), spacing_mm=(0.5, 0.5)))
    ((index, found),) = answers.every(token, OWNER)
    assert (index, found.name, found.is_leading, found.scan.spacing_mm) == (0, "mine", True, (0.5, 0.5))
    answers.findings.restore(token, OWNER, 1)
    assert answers.again(token, OWNER, 1).name == "F2"


def test_what_another_process_does_to_the_list_while_a_scan_is_read_anew_is_kept(scan, store, registry):
    token = store.put(scan, OWNER)
    elsewhere = Answers(store, registry, Queue(2))
    for _ in range(2):
        elsewhere.new(token, OWNER, locate(scan), "consensus")

    def meanwhile():
        elsewhere.findings.rename(token, OWNER, 0, "mine")
        elsewhere.findings.delete(token, OWNER, 1)
        assert elsewhere.new(token, OWNER, locate(scan), "vgg16")[0] == 2

    answers = Answers(Interrupted(store, "change", meanwhile), registry, Queue(2))
    answers.anew(token, OWNER, replace(store.get(token, OWNER), spacing_mm=(0.5, 0.5)))
    told = [(found.index, found.name, found.model) for found in elsewhere.listed(token, OWNER)]
    assert told == [(0, "mine", "consensus"), (2, "F3", "vgg16")]
    elsewhere.findings.restore(token, OWNER, 1)
    assert len(elsewhere.every(token, OWNER)) == 3


def test_every_leaves_out_what_is_deleted_while_others_are_read(scan, store, registry):
    token = store.put(scan, OWNER)
    elsewhere = Answers(store, registry, Queue(2))
    for _ in range(2):
        elsewhere.new(token, OWNER, locate(scan), "consensus")

    def meanwhile():
        elsewhere.findings.delete(token, OWNER, 1)

    answers = Answers(Interrupted(store, "get", meanwhile), registry, Queue(2))
    assert [index for index, _ in answers.every(token, OWNER)] == [0]
