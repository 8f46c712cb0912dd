"""Nothing of a removed scan stays in memory."""

import gc
import time
from pathlib import Path

import pytest

from tests.web.store.scans import OWNER, make_scan


def maps(folder):
    """What this process has mapped of the scans in a folder."""
    return [line for line in Path("/proc/self/maps").read_text().splitlines() if str(folder) in line]


@pytest.fixture
def no_collection():
    """Python does not come by by itself; what is loaded already costs nothing, as in the server."""
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no Linux")
@pytest.mark.parametrize("remove", ["remove", "sweep"])
def test_a_removed_scan_is_let_go_within_a_second(make_store, folder, no_collection, remove):
    store = make_store(minutes=30 if remove == "remove" else 0.002)
    token = store.put(make_scan(0, (4, 256, 256)), OWNER)
    circle = [store.get(token, OWNER).slices[1]]  # a part of it, held by what holds itself
    circle.append(circle)
    del circle
    assert maps(folder)
    if remove == "remove":
        store.remove(token, OWNER)
    else:
        time.sleep(0.2)
        store.sweep()
    end = time.monotonic() + 1
    while maps(folder) and time.monotonic() < end:
        time.sleep(0.05)
    assert not maps(folder)


def test_a_scan_that_is_kept_stays_mapped_for_who_uses_it(make_store, folder):
    store = make_store()
    scan = store.get(store.put(make_scan(0, (4, 256, 256)), OWNER), OWNER)
    time.sleep(0.6)
    assert maps(folder)
    assert scan.slices.shape == (4, 256, 256)
