"""What TensorFlow is told in a process that only serves, and memory that goes back to the system."""

import os
import subprocess
import sys

import pytest

from models.inference.runtime.process import FOR_SERVING, PeriodicMemoryRelease, tune_for_serving

FREED = """
import psutil
from models.inference.runtime.process import give_back
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


def test_what_the_environment_says_stays(monkeypatch):
    monkeypatch.setattr(os, "environ", {})
    first, *others = FOR_SERVING
    os.environ[first] = "0"
    tune_for_serving()
    assert os.environ == {first: "0"} | dict.fromkeys(others, "1")


def test_the_application_is_imported_without_tensorflow():
    told = "import sys, app; print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False False"
