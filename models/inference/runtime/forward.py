"""Forward passes as quick as the arithmetic allows.

Each operation runs on one thread, and what is parallel are whole passes, side by side: waking a second thread
for each of some hundred small operations costs more than it saves.
"""

import gc
from contextlib import contextmanager

import tensorflow as tf

from models.inference.runtime.memory import give_back, keep_few_pools, let_go_of_code
from models.inference.runtime.parallel import CORES
from models.networks.blocks import zero_initialised


def one_thread_an_operation():
    """Let TensorFlow run as many operations at once as there are cores, each on one.

    Does nothing where TensorFlow has computed already: answers are the same, and slower.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(CORES)
    except RuntimeError:
        pass


@contextmanager
def building():
    """Build networks that are filled at once: nothing is drawn, and no garbage looked for all the while.

    Then the memory that it took is returned to the system.
    """
    keep_few_pools(CORES)
    gc.disable()
    try:
        with zero_initialised():
            yield
    finally:
        gc.enable()
    gc.collect()
    give_back()
    let_go_of_code()
