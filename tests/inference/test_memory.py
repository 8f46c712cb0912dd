"""Memory goes back to the system."""

import subprocess
import sys

import pytest

from models.inference.memory import GiveBackNowAndThen

FREED = """
import psutil
from models.inference.memory import give_back
taken = [bytes(100_000) for _ in range(3000)]
last = bytes(100_000)
taken = None
before = psutil.Process().memory_info().rss
give_back()
print(before - psutil.Process().memory_info().rss)
"""


def test_memory_is_returned_each_time_that_enough_was_done():
    memory = GiveBackNowAndThen(10)
    given_back = [memory.add(work) for work in (4, 4, 2, 9, 1, 25, 9)]
    assert given_back == [False, False, True, False, True, True, False]


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_what_is_free_goes_back_to_the_system():
    out = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)
    assert int(out.stdout) > 200e6
