"""The application, and beside it in the same process what it is compared with.

For gunicorn: ``tests.bench.beside:create()``. Under ``/beside`` it answers the bare forward passes, timed
within the process and run by the same kind of thread as a request. It is no part of the application.
"""

import time

import numpy as np
from flask import Flask, jsonify, request
from PIL import Image
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from app import create_app
from models.imaging.patch import PATCH
from models.inference.views import eight_views
from models.networks.registry import ARCHITECTURES
from tests.bench.inputs import crop_patches


def create():
    """The WSGI application."""
    app = create_app()
    return DispatcherMiddleware(app, {"/beside": _beside(app)})


def _beside(app):
    beside = Flask("beside")

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

    return beside


def asked():
    """The views of the uploaded picture, as many as the form says, and the models that it asks for."""
    with Image.open(request.files["image"].stream) as image:
        grey = image.convert("L").resize(PATCH.shape[:2])
    patch = np.repeat(np.asarray(grey, np.float32)[..., None] / 255, 3, axis=2)
    keys = [request.form["model"]] if "model" in request.form else list(ARCHITECTURES)
    return eight_views(patch[None])[: int(request.form["views"])], keys
