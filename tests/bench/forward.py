"""The bare forward pass of each model against ONNX Runtime, on the same weights, patches and threads."""

import os
from functools import partial
from pathlib import Path

import numpy as np

from tests.bench.inputs import crop_patches
from tests.bench.table import Row
from tests.bench.timing import medians_ms

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"
SECTION, NAMES = "forward pass against ONNX Runtime", ("rating", "descriptors", "features")
AT_MOST, AGREE = 1.3, 1e-4
OPSET = 17


def forward(repeats):
    """Rows: for each model, milliseconds of 8 patches and of 1 by both, and their ratio."""
    try:
        import onnxruntime  # noqa: F401
        import tf2onnx  # noqa: F401
    except ImportError as error:
        return [Row(SECTION, "left out", 0, "", detail=f"{error.name} is not installed")]
    from models.inference.classifier import ModelRegistry
    from models.inference.runtime.serving import tune_for_serving
    from models.networks.registry import ARCHITECTURES

    tune_for_serving()  # as the server does
    registry, patches, rows = ModelRegistry(WEIGHTS), crop_patches(), []
    for key in ARCHITECTURES:
        ours, other = registry.forward(key), onnx_pass(key)
        gap = difference(ours(patches), other(patches))
        rows.append(Row(SECTION, f"{key}: largest difference", gap * 1e4, "1e-4", at_most=AGREE * 1e4))
        for n in (8, 1):
            rows += _compared(key, ours, other, patches[:n], repeats)
    return rows


def _compared(key, ours, other, patches, repeats):
    times = medians_ms({"ours": partial(ours, patches), "onnx": partial(other, patches)}, repeats)
    detail = f"{times['ours']:.1f} ms against {times['onnx']:.1f} ms, {os.cpu_count()} threads"
    ratio, many = times["ours"] / times["onnx"], len(patches) > 1
    name = f"{key}: {len(patches)} patch" + "es" * many
    return [Row(SECTION, name, ratio, "x", at_most=AT_MOST if many else None, detail=detail)]


def onnx_pass(key):
    """The network in ONNX Runtime, on as many threads as there are cores; from patches to arrays by name."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = os.cpu_count(), 1
    graph, names = to_onnx(key)
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0].name
    return lambda patches: dict(zip(names, session.run(None, {given: patches}), strict=True))


def to_onnx(key):
    """A model as the bytes of an ONNX file, and the names of its outputs in their order."""
    import keras
    import tensorflow as tf
    import tf2onnx

    from models.imaging.patch import PATCH

    model = keras_model(WEIGHTS, key)
    outputs = {**model.output, "features": model.get_layer("pool").output}
    whole = keras.Model(model.input, [outputs[name] for name in NAMES])
    spec = [tf.TensorSpec((None, *PATCH.shape), tf.float32, name="patches")]
    traced = tf.function(lambda patches: whole(patches, training=False), input_signature=spec)
    proto, _ = tf2onnx.convert.from_function(traced, input_signature=spec, opset=OPSET)
    return proto.SerializeToString(), NAMES


def keras_model(folder, key):
    """The Keras model of a key with its weights."""
    from models.imaging.patch import PATCH
    from models.inference.runtime.weights import fill
    from models.networks.registry import ARCHITECTURES
    from models.trained import read_report

    model = ARCHITECTURES[key].build(PATCH.shape)
    fill(model, folder, key, read_report(folder, key))
    return model


def difference(ours, others):
    """The largest difference of any output, of values of about 1."""
    return max(float(np.abs(ours[name] - others[name]).max()) for name in NAMES)
