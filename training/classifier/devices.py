"""All accelerators at once: data parallel training through Keras' own distribution.

`distribute` comes before anything is built. From then on Keras keeps every variable on every device and cuts
each batch into equal parts, one a device; loss, gradient and batch normalisation are those of the whole
batch. The other functions are what training then has to do otherwise; on one device they change nothing.
Keras 3.15 can do this with JAX alone: its module for TensorFlow says "DO NOT USE", and PyTorch has none.
"""

import contextlib
import functools
import os
import sys
from collections.abc import Iterator
from typing import TypeVar

import keras
import numpy as np

Batch = TypeVar("Batch")
CLUSTER = tuple(f"KERAS_DISTRIBUTION_{name}" for name in ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID"))


def distribute(batch: int) -> dict:
    """Spread all that is built from now on over the accelerators of all machines that take part.

    Parameters
    ----------
    batch : int
        Views in a batch; must be a multiple of the number of devices.

    Returns
    -------
    dict
        For the record: ``backend``, ``devices`` (names, of all machines) and ``processes`` (one a machine).
    """
    backend, processes = keras.backend.backend(), 1
    if any(name in os.environ for name in CLUSTER):
        if backend != "jax":
            sys.exit(f"error: machines train together with KERAS_BACKEND=jax only, not with {backend}.")
        keras.distribution.initialize()  # waits until all processes are there
    devices = accelerators(backend)
    if len(devices) > 1 and backend != "jax":
        sys.exit(
            f"error: {len(devices)} accelerators train together with KERAS_BACKEND=jax only, not with "
            f"{backend}; set it, or show one of them alone (CUDA_VISIBLE_DEVICES=0)."
        )
    if batch % len(devices):
        sys.exit(f"error: --batch {batch} is not a multiple of {len(devices)}, the number of devices.")
    if len(devices) > 1:
        # Keras itself deals out nothing but tf.data among processes: `own_part` does it for our views.
        parallel = keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
        keras.distribution.set_distribution(parallel)
        processes = parallel.num_processes
    return {"backend": backend, "devices": devices, "processes": processes}


def accelerators(backend: str) -> list[str]:
    """Names of all devices of the fastest kind that there is, on all machines that take part."""
    if backend != "torch":
        return keras.distribution.list_devices()
    import torch  # Keras lists no devices for it

    kind = torch.accelerator.current_accelerator()
    return [f"{kind.type}:{n}" for n in range(torch.accelerator.device_count())] if kind else ["cpu:0"]


def into_batches(order: np.ndarray, size: int) -> list[np.ndarray]:
    """Cut `order` into batches of `size` or slightly more, each a multiple of the number of devices.

    The last few entries, fewer than there are devices, are left out where they do not make a multiple.
    """
    parallel = keras.distribution.distribution()
    devices = parallel.num_model_replicas if parallel else 1
    rows = order[: len(order) // devices * devices].reshape(-1, devices)
    return [part.ravel() for part in np.array_split(rows, max(1, len(order) // size))]


def own_part(batch: Batch) -> Batch:
    """What this process feeds to its own devices, of a (nested) batch that every process has as a whole."""
    parallel = keras.distribution.distribution()
    if parallel is None:
        return batch
    number, processes = parallel.data_shard_id, parallel.num_processes
    return keras.tree.map_structure(lambda rows: np.split(rows, processes)[number], batch)


def is_first() -> bool:
    """Whether this process is the one that writes files."""
    parallel = keras.distribution.distribution()
    return parallel is None or parallel.data_shard_id == 0


def meet(number: int) -> bool:
    """Wait for all processes; whether they all came with the same number."""
    if keras.distribution.distribution() is None:
        return True
    from jax.experimental import multihost_utils  # Keras has nothing like it

    return len(np.unique(multihost_utils.process_allgather(np.array(number)))) == 1


@contextlib.contextmanager
def alone(model: keras.Model | None = None) -> Iterator[keras.Model]:
    """For what a process does by itself: as if `distribute` had not been called.

    Gives the model, or where it is distributed a copy of it on one device: Keras' `predict` can neither
    divide a last, smaller batch nor collect answers that lie on other machines.
    """
    parallel = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        if parallel and model is not None:
            weights, model = model.get_weights(), copy_of(model)
            model.set_weights(weights)
        yield model
    finally:
        keras.distribution.set_distribution(parallel)


@functools.lru_cache(maxsize=1)  # the same copy each time, or it would be compiled each time
def copy_of(model: keras.Model) -> keras.Model:
    return keras.models.clone_model(model)
