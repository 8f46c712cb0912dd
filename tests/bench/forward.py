"""The bare forward pass of each model against ONNX Runtime, on the same weights, patches and threads."""

import os
from functools import partial
from pathlib import Path

import numpy as np

from tests.bench.server import crop_patches
from tests.bench.table import Row, medians_ms

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"
SECTION, OUTPUTS = "forward pass against ONNX Runtime", ("rating", "descriptors", "features")
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
    from models.inference.runtime.process import tune_for_serving
    from models.networks.registry import ARCHITECTURES

    tune_for_serving()  # as the server does
    registry, patches, rows = ModelRegistry(WEIGHTS), crop_patches(), []
    for key in ARCHITECTURES:
        ours, other = registry.forward(key), onnx_pass(key)
        first, second = ours(patches), other(patches)
        gap = max(float(np.abs(first[name] - second[name]).max()) for name in OUTPUTS)
        rows.append(Row(SECTION, f"{key}: largest difference", gap * 1e4, "1e-4", at_most=AGREE * 1e4))
        for n in (8, 1):
            sides = {"ours": partial(ours, patches[:n]), "onnx": partial(other, patches[:n])}
            times = medians_ms(sides, repeats)
            detail = f"{times['ours']:.1f} ms against {times['onnx']:.1f} ms, {os.cpu_count()} threads"
            ratio, bound = times["ours"] / times["onnx"], AT_MOST if n > 1 else None
            rows.append(Row(SECTION, f"{key}: patches {n}", ratio, "x", at_most=bound, detail=detail))
    return rows


def onnx_pass(key):
    """The network in ONNX Runtime, on as many threads as there are cores; from patches to arrays by name."""
    import keras
    import onnxruntime
    import tensorflow as tf
    import tf2onnx

    model = keras_model(key)
    outputs = {**model.output, "features": model.get_layer("pool").output}
    whole = keras.Model(model.input, [outputs[name] for name in OUTPUTS])
    spec = [tf.TensorSpec((None, *model.input.shape[1:]), tf.float32, name="patches")]
    traced = tf.function(lambda patches: whole(patches, training=False), input_signature=spec)
    graph, _ = tf2onnx.convert.from_function(traced, input_signature=spec, opset=OPSET)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = os.cpu_count(), 1
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    given = session.get_inputs()[0].name
    return lambda patches: dict(zip(OUTPUTS, session.run(None, {given: patches}), strict=True))


def keras_model(key):
    """The Keras model of a key with its weights."""
    from models.imaging.patch import PATCH
    from models.networks.registry import ARCHITECTURES

    model = ARCHITECTURES[key].build(PATCH.shape)
    model.load_weights(WEIGHTS / f"{key}.weights.h5")
    return model
