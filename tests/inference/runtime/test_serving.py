"""What TensorFlow is told in a process that only serves."""

import os
import subprocess
import sys

from models.inference.runtime.serving import FOR_SERVING, tune_for_serving


def test_what_the_environment_says_stays(monkeypatch):
    monkeypatch.setattr(os, "environ", {})
    first, *others = FOR_SERVING
    os.environ[first] = "0"
    tune_for_serving()
    assert os.environ == {first: "0"} | dict.fromkeys(others, "1")


def test_it_is_told_before_tensorflow_is_there():
    told = "import sys; from models.inference import serving; print('tensorflow' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
