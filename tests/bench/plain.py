"""The plain way, in a server of its own: what the usual tutorial on Flask and Keras does.

For gunicorn: ``tests.bench.plain:create()``. TensorFlow is as it comes; a model is loaded when it is first
asked for, and then kept.
"""

from functools import cache

from flask import Flask, jsonify

from app import ROOT
from tests.bench.beside import asked
from tests.bench.forward import keras_model


def create():
    """The WSGI application."""
    plain = Flask("plain")
    model = cache(lambda key: keras_model(ROOT / "weights", key))

    @plain.get("/healthz")
    def healthz():
        return "ready"

    @plain.post("/plain")
    def predict():
        """Open, resize, and `predict` with each model that was asked for."""
        patches, keys = asked()
        answers = {key: model(key).predict(patches, verbose=0)["rating"].mean(axis=0) for key in keys}
        return jsonify({key: answer.tolist() for key, answer in answers.items()})

    return plain
