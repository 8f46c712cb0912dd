"""Weights that are what their report says, and the networks that they make."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from models.messages import Message
from models.weights import WeightsError, bytes_of, is_not_as_listed

if TYPE_CHECKING:
    import keras

    from models.inference.runtime.folded_graph import FoldedGraph


def read_checked(path: Path, report: Mapping[str, Any]) -> bytes:
    """Bytes of a file; WeightsError where it is missing or not the one of the report ``<key>.json``.

    What was checked is what is used: a file that changes later changes nothing.
    """
    content = bytes_of(path)
    if hashlib.sha256(content).hexdigest() != report.get("sha256"):
        name = path.name.partition(".")[0]
        raise is_not_as_listed(path.name, f"{name}.json")
    return content


def load_network(
    build: Callable[[], keras.Model], folder: str | Path, key: str, report: Mapping[str, Any]
) -> FoldedGraph:
    """The network of ``<key>.weights.h5``; WeightsError where the file is not the one of the report.

    The Keras model is built without values for its variables, and the arrays go from the file straight into
    the graph: to draw, fill and copy the variables takes twice as long as all the rest. The file holds arrays
    and no code, and nothing else is taken from it.
    """
    import keras

    from models.inference.runtime.folded_graph import FoldedGraph

    path = Path(folder) / f"{key}.weights.h5"
    content = read_checked(path, report)
    with keras.StatelessScope(initialize_variables=False):
        model = build()
    try:
        return FoldedGraph(model, _arrays(content))
    except Exception as error:  # h5py raises many kinds
        message = Message("{name} does not fit this version's network.", name=path.name)
        raise WeightsError(message) from error


def load_answering(
    build: Callable[[], keras.Model], folder: str | Path, key: str, report: Mapping[str, Any], output: str
) -> Callable[[np.ndarray], np.ndarray]:
    """One output of the network of ``<key>.weights.h5`` as a function of arrays; see `load_network`."""
    import tensorflow as tf

    from models.inference.runtime.folded_graph import compiled

    answer = compiled(load_network(build, folder, key, report), [output])
    return lambda inputs: answer(tf.constant(inputs))[output].numpy()


def _arrays(content: bytes) -> dict[str, list[np.ndarray]]:
    """The arrays of each layer by its name, float32, of a file as Keras' ``save_weights`` writes it."""
    with h5py.File(io.BytesIO(content)) as file:
        groups = [layer["vars"] for layer in file["layers"].values() if "vars" in layer]
        return {
            group.attrs["name"]: [_floats(group[str(i)]) for i in range(len(group))]
            for group in groups
            if len(group)
        }


def _floats(dataset: h5py.Dataset) -> np.ndarray:
    if not np.issubdtype(dataset.dtype, np.floating):
        raise ValueError(f"{dataset.name}: expected floating-point numbers. Received: {dataset.dtype}")
    return dataset[()].astype(np.float32)
