"""Saliency maps: computed when asked for, once, and never of what is no nodule."""

from dataclasses import replace
from threading import Thread

import numpy as np
import pytest

from models.errors import UserError
from models.imaging.scan import locate
from models.inference.pipeline import MODEL_KEYS, analyse
from models.web.queue import Queue
from models.web.saliency_maps import SaliencyMaps
from tests.web.test_queue import in_another_thread

OWNER = "the-cookie-of-one-browser"


class Counting:
    """The real registry, and which models were explained."""

    def __init__(self, registry):
        self._registry, self.explained = registry, []

    def __getattr__(self, name):
        return getattr(self._registry, name)

    def explain(self, keys, patch):
        self.explained += keys
        return self._registry.explain(keys, patch)


@pytest.fixture(scope="module")
def finding(scan, app):
    return analyse(scan, locate(scan), "consensus", app.registry)


@pytest.fixture
def registry(app):
    return Counting(app.registry)


@pytest.fixture
def maps(store, registry):
    return SaliencyMaps(store, registry, Queue(2))


@pytest.fixture
def kept(store, scan):
    """Where the maps of a finding lie."""
    return store.put(scan, OWNER), OWNER, 0


def test_a_map_is_computed_when_it_is_asked_for_and_once(maps, registry, kept, finding):
    alexnet = replace(finding, model="alexnet")
    assert maps.can_explain(alexnet)
    assert maps.with_kept(*kept, alexnet).saliency is None
    first = maps.with_map(*kept, alexnet).saliency
    assert registry.explained == ["alexnet"]
    again = [maps.with_map(*kept, alexnet).saliency, maps.with_kept(*kept, alexnet).saliency]
    assert all(np.array_equal(one.map, first.map) for one in again)
    assert maps.with_kept(*kept, finding).saliency is None
    consensus = maps.with_map(*kept, finding).saliency
    assert consensus.method == "mean"
    assert sorted(registry.explained) == sorted(MODEL_KEYS[1:])
    assert all(maps.with_kept(*kept, replace(finding, model=key)).saliency for key in MODEL_KEYS)


def test_a_kept_map_differs_by_less_than_a_grey_level(maps, kept, finding, app):
    (expected,) = app.registry.explain(["resnet"], finding.patch).values()
    found = maps.with_map(*kept, replace(finding, model="resnet")).saliency
    np.testing.assert_allclose(found.map, expected.map, atol=0.5 / 255 + 1e-6)
    assert (found.method, found.layer) == (expected.method, expected.layer)
    assert found.map.max() == 1


def test_those_who_ask_at_the_same_time_share_one_computation(maps, registry, kept, finding):
    threads = [Thread(target=maps.with_map, args=(*kept, finding)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(registry.explained) == sorted(MODEL_KEYS[1:])


def test_of_what_is_no_nodule_and_of_what_cannot_be_explained_there_is_no_map(maps, registry, kept, finding):
    nothing = replace(finding, probability=None, verdict="no_nodule")
    assert not maps.can_explain(nothing)
    assert maps.with_map(*kept, nothing).saliency is None
    registry.explained_by = lambda key: []
    assert maps.with_map(*kept, finding).saliency is None
    assert registry.explained == []


def test_maps_of_other_weights_are_computed_anew(maps, registry, store, kept, finding):
    alexnet = replace(finding, model="alexnet")
    maps.with_map(*kept, alexnet)
    note = store.read(*kept[:2], "saliency0")
    store.write(*kept[:2], "saliency0", note | {"weights": "of yesterday"})
    assert maps.with_kept(*kept, alexnet).saliency is None
    maps.with_map(*kept, alexnet)
    assert registry.explained == ["alexnet", "alexnet"]
    assert store.read(*kept[:2], "saliency0") == note


def test_one_too_many_is_refused_but_a_kept_one_is_given(store, registry, kept, finding):
    maps = SaliencyMaps(store, registry, Queue(1))
    alexnet = replace(finding, model="alexnet")
    maps.with_map(*kept, alexnet)
    with in_another_thread(maps._queue):
        assert maps.with_map(*kept, alexnet).saliency is not None
        with pytest.raises(UserError) as refused:
            maps.with_map(*kept, finding)
    assert refused.value.code == "busy"


def test_a_stranger_gets_none(maps, kept, finding):
    with pytest.raises(UserError) as refused:
        maps.with_map(kept[0], "another-browser", 0, finding)
    assert refused.value.code == "scan_gone"
