"""What the application is compared with, for gunicorn; no part of the application."""

import time
from functools import cache

import numpy as np
from flask import Flask, jsonify, request
from PIL import Image
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from app import create_app
from models.imaging.patch import PATCH
from models.inference.views import eight_views
from models.networks.registry import ARCHITECTURES
from tests.bench.forward import keras_model
from tests.bench.server import crop_patches


def create():
    """The application, and under ``/beside`` its bare forward passes, timed within the process."""
    app, beside = create_app(), Flask("beside")

    @beside.get("/bare")
    def bare():
        patches = crop_patches()
        start = time.perf_counter()
        app.registry.predict_all(patches)
        return jsonify(time.perf_counter() - start)

    @beside.post("/own")
    def own():
        """What the plain way gives, by our own passes: without all that makes a verdict of it."""
        patches, keys = asked()
        if len(keys) == 1:
            return jsonify(app.registry.predict(*keys, patches).score)
        return jsonify({key: answer.score for key, answer in app.registry.predict_all(patches).items()})

    return DispatcherMiddleware(app, {"/beside": beside})


def create_plain():
    """What the usual tutorial on Flask and Keras does: open, resize, and `predict` with each model.

    TensorFlow is as it comes; a model is loaded when it is first asked for, and then kept.
    """
    plain = Flask("plain")
    model = cache(keras_model)

    @plain.get("/healthz")
    def healthz():
        return "ready"

    @plain.post("/plain")
    def predict():
        patches, keys = asked()
        answers = {key: model(key).predict(patches, verbose=0)["rating"].mean(axis=0) for key in keys}
        return jsonify({key: answer.tolist() for key, answer in answers.items()})

    return plain


def asked():
    """The views of the uploaded picture, as many as the form says, and the models that it asks for."""
    with Image.open(request.files["image"].stream) as image:
        grey = image.convert("L").resize(PATCH.shape[:2])
    patch = np.repeat(np.asarray(grey, np.float32)[..., None] / 255, PATCH.shape[2], axis=2)
    keys = [request.form["model"]] if "model" in request.form else list(ARCHITECTURES)
    return eight_views(patch[None])[: int(request.form["views"])], keys
