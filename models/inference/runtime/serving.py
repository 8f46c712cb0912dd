"""What TensorFlow is told before it starts in a process that only serves."""

import gc
import os

FOR_SERVING = {
    "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS": "1",
    "TF_ONEDNN_USE_SYSTEM_ALLOCATOR": "1",
}


def settle():
    """Let Python's search for circles of objects pass over all that was loaded: a second each time, else."""
    gc.collect()
    gc.freeze()


def tune_for_serving():
    """Let each convolution rearrange its filters once, and let memory go back when it is not needed.

    Without the first, filters are rearranged on every call; with it, memory is taken for them, and TensorFlow
    would not notice weights that change later. Without the second, TensorFlow's own allocator takes regions
    twice as large each time and keeps them for ever (a fifth of all memory here), no quicker than the
    system's. What the environment says already stays. To be called before the first network is made.
    """
    for name, value in FOR_SERVING.items():
        os.environ.setdefault(name, value)
