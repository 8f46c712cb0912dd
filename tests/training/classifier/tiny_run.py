"""Train a tiny network with JAX and say how it was spread over the devices; `test_two_devices` starts this.

    python -m tests.training.classifier.tiny_run --data ... --fold 0 --out ... ALONE

ALONE is the folder for a run on one device first, or empty.
"""

import json
import sys
from pathlib import Path

import jax
import keras

from models.networks.blocks import add_heads, batch_norm, conv
from models.networks.fields import split_fields
from models.networks.registry import ARCHITECTURES, Architecture
from training.classifier import train
from training.data import outlines
from training.data.dataset import load


def build_tiny(shape):
    """A network with all that could differ between one device and two: batch normalisation and dropout."""
    inputs = keras.Input(shape)
    features = keras.layers.ReLU()(batch_norm("bn")(conv(split_fields(inputs), 8, 5, 4, "conv")))
    model = keras.Model(inputs, add_heads(features, shape[-1], dropout=0.4))
    return keras.models.clone_model(model, clone_function=in_64_bits)


def in_64_bits(layer):
    """The same layer, of the heads too, which otherwise count in 32."""
    return type(layer).from_config({**layer.get_config(), "dtype": "float64"})


class TinyArchitecture(Architecture):
    build = staticmethod(build_tiny)


def keep(owner, name, say=lambda result: result):
    """Let a function of `owner` keep what `say` tells of its results; the list of that."""
    function, kept = getattr(owner, name), []

    def keeping(*args, **options):
        result = function(*args, **options)
        kept.append(say(result))
        return result

    setattr(owner, name, keeping)
    return kept


def part_shapes(array):
    """Shapes of the parts of an array that lie on this process's devices."""
    return [part.data.shape for part in array.addressable_shards]


def main(arguments, alone):
    if alone:
        args = train.parse(arguments)
        train.train(args, load(args.data), outlines.load(args.data), Path(alone))
    models, histories = keep(train, "compile_model"), keep(train, "train")
    batches = keep(jax, "make_array_from_process_local_data", part_shapes)
    train.main(arguments)
    variables = models[0].variables + models[0].optimizer.variables
    said = {
        "losses": [row["loss"] for row in histories[0] if "epoch" in row],
        "patches": [shapes for shapes in batches if len(shapes[0]) == 4],
        "copies": sorted({len(variable.value.sharding.device_set) for variable in variables}),
        "whole": all(variable.value.sharding.is_fully_replicated for variable in variables),
    }
    print(json.dumps(said))


if __name__ == "__main__":
    sys.modules["tensorflow"] = None  # Keras would load it only to ask whether our views come from tf.data
    keras.config.set_floatx("float64")
    ARCHITECTURES["tiny"] = TinyArchitecture("tiny", "Tiny", "", "")
    main(sys.argv[1:-1], sys.argv[-1])
