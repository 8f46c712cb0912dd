"""All saliency methods that are compared; each gives maps of one network by (method, layer).

Those of `models.inference.saliency.saliency` can be served. The others are what the literature offers:
Grad-CAM (Selvaraju et al., arXiv:1610.02391, 2017), HiResCAM (Draelos and Carin, arXiv:2011.08891, 2020),
LayerCAM at one layer and fused over layers (Jiang et al., IEEE TIP 30, 5875, 2021), integrated gradients
(Sundararajan et al., arXiv:1703.01365, 2017), SmoothGrad (Smilkov et al., arXiv:1706.03825, 2017) and
occlusion (Zeiler and Fergus, arXiv:1311.2901, 2014). All explain the log odds of the score, are averaged over
the eight views and smoothed alike. ``middle`` and ``brightness`` look at no network.
"""

import itertools
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from models.imaging.patch import CLOSE_MM, PATCH
from models.inference.runtime.folded_graph import FoldedGraph
from models.inference.saliency.gradients import INPUT, log_odds, of_close, trace_evidence
from models.inference.saliency.maps import (
    combined,
    enlarged,
    gathered,
    scaled,
    shifted,
    smoothed,
)
from models.inference.saliency.saliency import METHODS, Explainer, Saliency
from models.inference.views import turned_back
from training.saliency.measure import Answering

Explaining = Callable[[np.ndarray], Saliency]  # the eight views of one slice to its map
Maps = dict[tuple[str, str | None], np.ndarray]  # by method and layer
LAYERS = {
    "vgg16": [f"block{b}_conv{n}_relu" for b, n in enumerate((2, 2, 3, 3, 3), start=1)],
    "vgg19": [f"block{b}_conv{n}_relu" for b, n in enumerate((2, 2, 4, 4, 4), start=1)],
    "resnet": [
        "conv1_relu",
        "conv2_block2_out",
        "conv3_block2_out",
        "conv4_block1_out",
        "conv4_block2_out",
        "conv5_block2_out",
    ],
    "alexnet": ["conv1_relu", "conv2_relu", "conv3_relu", "conv5_relu", "pool5"],
    "efficientnet": [
        "stem_relu6",
        "stage2_block2_add",
        "stage3_block2_add",
        "stage4_block1_project_bn",
        "stage4_block3_add",
        "stage6_block4_add",
        "top_relu6",
    ],
}
FIELDS = PATCH.shape[-1]
AT_MOST = 3  # layers whose maps are multiplied
STEPS = 4  # of the path of integrated gradients, and noisy copies of SmoothGrad
NOISE = 0.1
BATCH = 64
OCCLUDER_MM = 2.25  # standard deviation of what covers the patch
OCCLUSIONS = 12  # positions a side


class Cams:
    """Grad-CAM, HiResCAM and LayerCAM of one network at several layers."""

    def __init__(self, model: keras.Model, layers: list[str]) -> None:
        self.layers = layers
        network = keras.Model(
            model.inputs, [*(model.get_layer(x).output for x in layers), model.output["rating"]]
        )

        @tf.function(input_signature=[tf.TensorSpec((None, *PATCH.shape), tf.float32)])
        def cams(patches: tf.Tensor) -> list[dict[str, tf.Tensor]]:
            with tf.GradientTape() as tape:
                tape.watch(patches)
                *values, rating = network(patches, training=False)
                target = log_odds(rating)
            slopes = tape.gradient(target, values)
            return [
                {
                    "grad_cam": tf.nn.relu(
                        tf.reduce_sum(a * tf.reduce_mean(g, (1, 2), keepdims=True), axis=-1)
                    ),
                    "hirescam": tf.nn.relu(tf.reduce_sum(a * g, axis=-1)),
                    "layercam": tf.reduce_sum(tf.nn.relu(g) * a, axis=-1),
                }
                for a, g in zip(map(_close, values), map(_close, slopes), strict=True)
            ]

        self._cams = cams

    def __call__(self, patches: np.ndarray) -> Maps:
        """Maps by (method, layer), LayerCAM's maximum over layers among them."""
        found = {}
        for layer, cams in zip(self.layers, self._cams(patches), strict=True):
            for method, maps in cams.items():
                found[method, layer] = finished(maps.numpy())
        fused = [found["layercam", layer] for layer in self.layers]
        return found | {("layercam", "max"): scaled(np.max(fused, axis=0))}


def _close(values: tf.Tensor) -> tf.Tensor:
    return of_close(values, False, FIELDS)


class Gradients:
    """Integrated gradients from a black patch, and SmoothGrad x input."""

    def __init__(self, model: keras.Model, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)

        @tf.function(input_signature=[tf.TensorSpec((None, *PATCH.shape), tf.float32)])
        def slopes(patches: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                tape.watch(patches)
                target = log_odds(model(patches, training=False)["rating"])
            return tape.gradient(target, patches)

        self._slopes = slopes

    def __call__(self, patches: np.ndarray) -> Maps:
        path = ((np.arange(STEPS) + 0.5) / STEPS)[:, None, None, None, None]
        noise = self._rng.normal(0, NOISE, (STEPS, *patches.shape))
        copies = {"integrated_gradients": path * patches, "smoothgrad": patches + noise}
        return {
            (name, INPUT): finished(np.abs(self._mean(images) * patches)[..., 0])
            for name, images in copies.items()
        }

    def _mean(self, images: np.ndarray) -> np.ndarray:
        flat = images.reshape(-1, *PATCH.shape).astype(np.float32)
        return self._slopes(flat).numpy().reshape(images.shape).mean(axis=0)


def occlusion(answer: Answering, patch: np.ndarray) -> np.ndarray:
    """How much the log odds move when a blot as dark as its lower quartile covers a position there."""
    at = (np.arange(OCCLUSIONS) + 0.5) * CLOSE_MM / OCCLUSIONS
    grid = (np.arange(PATCH.pixels) + 0.5) * CLOSE_MM / PATCH.pixels
    profile = np.exp(-((grid - at[:, None]) ** 2) / (2 * OCCLUDER_MM**2))
    blots = np.einsum("ar,bc->abrc", profile, profile).reshape(-1, *PATCH.shape[:2], 1)
    images = np.repeat(patch[None], len(blots), axis=0)
    images[..., :1] += blots * (np.percentile(patch[..., 0], 25) - patch[..., :1])
    odds = log_odds(answer(np.concatenate([patch[None], images]))).numpy()
    return scaled(smoothed(enlarged(np.abs(odds[1:] - odds[0]).reshape(OCCLUSIONS, OCCLUSIONS))))


def finished(maps: np.ndarray) -> np.ndarray:
    """Maps of eight views, (8, n, n), as one map: turned back, averaged, enlarged, smoothed, scaled."""
    return scaled(smoothed(enlarged(turned_back(maps).mean(axis=0))))


def middle() -> np.ndarray:
    """A map that always points at the middle."""
    off = np.arange(PATCH.pixels) - (PATCH.pixels - 1) / 2
    return scaled(np.exp(-(off[:, None] ** 2 + off**2) / PATCH.pixels))


def answering(model: keras.Model) -> Answering:
    """A function from patches (n, rows, cols, fields) to distributions over ratings (n, 5)."""
    spec = tf.TensorSpec((None, *PATCH.shape), tf.float32)
    rating = tf.function(lambda x: model(x, training=False)["rating"], input_signature=[spec])

    def answer(patches: np.ndarray) -> np.ndarray:
        parts = [patches[i : i + BATCH].astype(np.float32) for i in range(0, len(patches), BATCH)]
        return np.concatenate([rating(part).numpy() for part in parts])

    return answer


def evidence(
    model: keras.Model, layers: list[str], nets: Sequence[bool]
) -> Callable[[np.ndarray], list[list[tf.Tensor]]]:
    """A function from patches to their evidence: for each of `nets` that of each layer."""
    traced = trace_evidence(FoldedGraph(model), layers, nets)
    return lambda patches: traced(patches.astype(np.float32))


def explaining(model: keras.Model, explainer: Explainer) -> Explaining:
    """A function from the eight views of one slice to the `Saliency` that an `Explainer` makes of them."""
    found = evidence(model, explainer.layers, [explainer.how.net])
    return lambda views: explainer.map([one.numpy() for one in found(explainer.views(views))[0]])


class Served:
    """All methods of `models.inference.saliency.saliency` at each layer and over each few layers."""

    def __init__(self, model: keras.Model, layers: list[str]) -> None:
        self.layers = layers
        self._evidence = evidence(model, layers, (False, True))

    def __call__(self, patches: np.ndarray) -> Maps:
        found: Maps = {}
        evidence: dict[bytes, list[list[tf.Tensor]]] = {}
        for method, how in METHODS.items():
            shifts = how.shifts.tobytes()
            if shifts not in evidence:
                evidence[shifts] = self._evidence(shifted(patches, how.shifts))
            layers = evidence[shifts][how.net]
            maps = [gathered(one.numpy(), how.shifts, how.robust) for one in layers]
            for n in range(1, AT_MOST + 1):
                for chosen in itertools.combinations(range(len(maps)), n):
                    name = "+".join(self.layers[i] for i in chosen)
                    found[method, name] = combined([maps[i] for i in chosen])
        return found


class Published:
    """The literature's methods, and the two that look at no network."""

    def __init__(self, model: keras.Model, layers: list[str]) -> None:
        self._cams, self._gradients, self._answer = Cams(model, layers), Gradients(model), answering(model)

    def __call__(self, patches: np.ndarray) -> Maps:
        found = {
            ("middle", None): middle(),
            ("brightness", None): scaled(smoothed(patches[0, ..., 0])),
            ("occlusion", INPUT): occlusion(self._answer, patches[0]),
        }
        return found | self._cams(patches) | self._gradients(patches)
