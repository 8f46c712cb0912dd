"""Processes that score: one that dies costs the file it died of."""

from functools import partial
from pathlib import Path

import pytest

from tests.training.score.fragile import Fragile, Hopeless, Stillborn
from training.score.manifest import Group
from training.score.workers import OwnProcess, rows_of

pytestmark = pytest.mark.slow


def read_by_processes(make, names):
    workers = [OwnProcess(make) for _ in range(2)]
    try:
        groups = [Group(Path(name), {}, ()) for name in names]
        return {group.path.name: rows for group, rows in rows_of(groups, workers)}
    finally:
        for worker in workers:
            worker.close()


def test_a_worker_that_dies_takes_along_only_the_file_that_kills_it(tmp_path):
    names = ["a", "deadly", "b", "unlucky", "c"]
    rows = read_by_processes(partial(Fragile, tmp_path), names)
    assert rows == {"a": "A", "deadly": None, "b": "B", "unlucky": "UNLUCKY", "c": "C"}


@pytest.mark.parametrize(("reader", "words"), [(Hopeless, "Not all models"), (Stillborn, "before it could")])
def test_workers_that_cannot_begin_end_the_run(reader, words):
    with pytest.raises(RuntimeError, match=words):
        read_by_processes(reader, ["a", "b", "c"])
