"""Memory goes back to the system."""

import subprocess
import sys

import pytest

from models.inference.runtime.memory import PeriodicMemoryRelease, let_go_of_code

FREED = """
import psutil
from models.inference.runtime.memory import give_back
taken = [bytes(100_000) for _ in range(3000)]
last = bytes(100_000)
taken = None
before = psutil.Process().memory_info().rss
give_back()
print(before - psutil.Process().memory_info().rss)
"""


def test_memory_is_returned_each_time_that_enough_was_done():
    memory = PeriodicMemoryRelease(10)
    given_back = [memory.add(work) for work in (4, 4, 2, 9, 1, 25, 9)]
    assert given_back == [False, False, True, False, True, True, False]


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_what_is_free_goes_back_to_the_system():
    out = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)
    assert int(out.stdout) > 200e6


LET_GO = """
import psutil, scipy.linalg, scipy.sparse, numpy as np
from models.inference.runtime.memory import let_go_of_code
matrix = np.random.default_rng(0).normal(size=(50, 50))
before, rss = scipy.linalg.svdvals(matrix), psutil.Process().memory_info().rss
gone = let_go_of_code()
print(gone, rss - psutil.Process().memory_info().rss)
assert (scipy.linalg.svdvals(matrix) == before).all()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's")
def test_code_is_let_go_and_still_runs():
    out = subprocess.run([sys.executable, "-c", LET_GO], capture_output=True, text=True, check=True)
    gone, fewer = map(int, out.stdout.split())
    assert gone > 20e6
    assert fewer > 5e6


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's")
@pytest.mark.parametrize(
    "line",
    [
        "{} rw-p 00000000 fe:00 1 /usr/lib/libz.so.1",
        "{} r--p 00000000 fe:00 1 /usr/share/data.bin",
        "{} r--p 00000000 fe:00 1 /usr/lib/libz.so.1\nAnonymous: 4 kB",
        "{} r--p 00000000 fe:00 1 /usr/lib/libz.so.1\nAnonymous: 0 kB\nSwap: 12 kB",
        "{} r--s 00000000 fe:00 1 /usr/lib/libz.so.1",
        "{} r-xp 00000000 00:00 0",
    ],
)
def test_what_was_changed_or_is_no_code_stays(line, tmp_path):
    maps = tmp_path / "smaps"
    maps.write_text("7f0000000000-7f0000001000 r-xp 00000000 fe:00 1 /lib/libz.so.1\nAnonymous: 0 kB\n")
    assert let_go_of_code(maps) == 4096  # nothing is there in this process
    maps.write_text(line.format("7f0000000000-7f0000001000") + "\n")
    assert let_go_of_code(maps) == 0
    maps.write_text("")
    assert let_go_of_code(maps) == 0
    assert let_go_of_code(tmp_path / "none") == 0
