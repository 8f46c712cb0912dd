"""Whether what the pixels show can be a CT of the chest.

A picture's appearance is judged by boosted trees and small networks, which `training.ct_check` fitted to CT
and to pictures that are none (weights/content.json holds them, the limit and measured rates). A slice in HU
is judged by its lungs: rules find air within the body, and boosted trees tell lung from gas and sinuses.
"""

from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from models.errors import UserError
from models.ingest.ct_check.air import pieces_of_air
from models.ingest.ct_check.image_features import appearance
from models.ingest.ct_check.silhouette import shows_lungs
from models.trained import FOLDER, WeightsError, loaded

KEY = "content"
WEIGHTS = FOLDER / f"{KEY}.json"
LEAST_EDGE = 16  # pixels; smaller pictures show too little to be judged
PAGES = 5  # of a stack, so many are looked at
LUNG_MM2 = 250.0  # apices and the last of the bases show as little
SERIES_LUNG_MM2 = 2500.0  # a chest series has slices with more; gas that looks like lung has less
LEAST_FIELD_MM = 40.0  # what is smaller shows too little to be judged
LUNG_SHARE, SERIES_LUNG_SHARE = 0.06, 0.35  # of a small field, where that is less
WITH_LUNGS = 5.0  # log odds that the silhouette of a chest outweighs
SLICES = 24  # of a series, so many are looked at


def refuse_other_pictures(pixels):
    """Refuse a picture that is no CT: a photograph, a drawing, text, noise, a mask, other imaging.

    Parameters
    ----------
    pixels : ndarray of shape (rows, cols), or (n, rows, cols) for a stack
        Grey values of any depth. A stack is refused where at least half of it is.

    Raises
    ------
    UserError
        ``not_ct_image``.
    """
    stack = np.asarray(pixels)
    stack = stack if stack.ndim == 3 else stack[None]
    if min(stack.shape[1:]) < LEAST_EDGE:
        return
    if np.median([unlikeness(page) for page in spread(stack, PAGES)]) > 0:
        raise UserError(
            "not_ct_image",
            "The picture does not look like a CT image of the chest; send a CT slice, or a part of one "
            "around the nodule, in grey and without frames or annotation.",
        )


def unlikeness(pixels):
    """How far a picture is beyond the limit of what CT looks like, in log odds; CT is below 0.

    Two lungs in a body speak for a chest: hardly any photograph or drawing has such a silhouette, and most
    slices have it, whatever the window.
    """
    weights = _weights()
    numbers = appearance(pixels)
    given = np.array([[numbers[name] for name in weights["numbers"]]], np.float32)
    beyond = float(log_odds(weights, given)[0]) - weights["limit"]
    return beyond - WITH_LUNGS if 0 < beyond < WITH_LUNGS and shows_lungs(pixels) else beyond


def log_odds(weights, numbers):
    """That pictures are no CT: the mean of what trees and networks say.

    Parameters
    ----------
    weights : dict
        As in weights/content.json.
    numbers : ndarray of shape (pictures, numbers)
    """
    trees = boosted(weights["trees"], numbers) + weights["intercept"]
    scaled = np.clip((numbers - weights["middle"]) / weights["half"], -3, 3)
    return (trees + np.mean([layered(net, scaled) for net in weights["nets"]], axis=0)) / 2


def boosted(trees, numbers):
    """Sum over regression trees, each complete and stored level by level.

    Parameters
    ----------
    trees : dict
        ``number`` and ``at_most`` of shape (trees, 2 ** depth - 1): which number a node asks for, and up to
        which value it sends left; ``leaf`` of shape (trees, 2 ** depth).
    numbers : ndarray of shape (pictures, numbers)
    """
    which, at_most, leaf = (np.asarray(trees[name]) for name in ("number", "at_most", "leaf"))
    all_trees, node = np.arange(len(leaf)), np.zeros((len(numbers), len(leaf)), int)
    while node[0, 0] < which.shape[1]:
        asked = np.take_along_axis(numbers, which[all_trees, node], axis=1)
        node = 2 * node + 1 + (asked > at_most[all_trees, node])
    return leaf[all_trees, node - which.shape[1]].sum(axis=1)


def layered(net, values):
    """Output of a network of ReLU layers, each a matrix and offsets; the last has one output, as it is."""
    for matrix, offsets in net[:-1]:
        values = np.maximum(values @ matrix + offsets, 0)
    matrix, offsets = net[-1]
    return (values @ matrix + offsets)[:, 0]


Number = Annotated[float, Meta(ge=-1e300, le=1e300)]  # and so finite
Row = list[Number]


class Trees(Struct):
    """As `boosted` needs them."""

    number: list[list[Annotated[int, Meta(ge=0)]]]
    at_most: list[Row]
    leaf: list[Row]


class Air(Struct):
    """What tells lung from other air."""

    numbers: Annotated[list[str], Meta(min_length=1)]
    trees: Trees
    intercept: Number
    limit: Number


class ContentReport(Struct):
    """The form of ``content.json``."""

    numbers: Annotated[list[str], Meta(min_length=1)]
    trees: Trees
    intercept: Number
    middle: Row
    half: Row
    nets: list[list[tuple[list[Row], Row]]]
    limit: Number
    air: Air


def _weights():
    try:
        return loaded(_tried, KEY, ContentReport)
    except WeightsError as error:
        raise UserError("decoder_unavailable", f"This server cannot read images: {error}") from error


def _tried(report):
    """`as_arrays` of a report that fits this version: it was tried on an empty picture and a drawn lung."""
    try:
        weights, known = as_arrays(report), appearance(np.zeros((LEAST_EDGE, LEAST_EDGE), np.uint8))
        log_odds(weights, np.array([[known[name] for name in weights["numbers"]]], np.float32))
        are_lung(weights["air"], [numbers for *_, numbers in pieces_of_air(drawn_lung(), (2.0, 2.0))])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise WeightsError(f"{KEY}.json does not fit this version.") from error
    return weights


def as_arrays(weights):
    """Weights as read from JSON, their lists of numbers as arrays."""
    trees = {name: np.array(values) for name, values in weights["trees"].items()}
    air = weights.get("air")
    if air:
        air = air | {"trees": {name: np.array(values) for name, values in air["trees"].items()}}
    nets = [[tuple(np.array(part) for part in layer) for layer in net] for net in weights["nets"]]
    scale = {name: np.array(weights[name]) for name in ("middle", "half")}
    return weights | scale | {"trees": trees, "nets": nets, "air": air}


def spread(slices, most):
    """At most so many slices, evenly from all."""
    if len(slices) <= most:
        return slices
    return [slices[i] for i in np.linspace(0, len(slices) - 1, most).round().astype(int)]


def refuse_other_regions(slices, spacing_mm, is_hu, is_labelled_otherwise=False):
    """Refuse slices that show no lung: head, spine, limbs, abdomen, test objects.

    A picture is not judged, whose grey values do not tell lung from gas.

    Parameters
    ----------
    slices : ndarray of shape (n, rows, cols)
        A single slice must show some lung. Of a series, which may hold neck and abdomen as well, one slice
        must show a good deal, or half of those looked at some.
    spacing_mm : (float, float)
    is_hu : bool
    is_labelled_otherwise : bool
        Whether the files say that they show another part of the body: then it takes more to believe in lung.

    Raises
    ------
    UserError
        ``not_chest``.
    """
    field_mm2 = np.prod(slices.shape[1:]) * np.prod(spacing_mm)
    if not is_hu or field_mm2 < LEAST_FIELD_MM**2:
        return
    some, much = min(LUNG_MM2, LUNG_SHARE * field_mm2), min(SERIES_LUNG_MM2, SERIES_LUNG_SHARE * field_mm2)
    some = some * 2 if is_labelled_otherwise else some
    chosen = spread(slices, SLICES)
    showing = 0
    for pixels in sorted_from_the_middle(chosen):
        area = lung_shown_mm2(pixels, spacing_mm)
        showing += area >= some
        if area >= much or 2 * showing >= len(chosen):
            return
    what = "slice shows" if len(slices) == 1 else "slices show"
    raise UserError("not_chest", f"The {what} no lung; send axial slices of the chest.")


def lung_shown_mm2(hu, spacing_mm):
    """Area of the pieces of air that are lung by the rules of `models.imaging.lung` and by their numbers."""
    found = [numbers for *_, is_lung, numbers in pieces_of_air(hu, spacing_mm) if is_lung]
    if not found:
        return 0.0
    areas = np.array([numbers["area_mm2"] for numbers in found])
    return float(areas[are_lung(_weights()["air"], found)].sum())


def are_lung(model, found):
    """Which pieces of air are lung, by their numbers; `model` is the part ``air`` of weights/content.json."""
    given = np.array([[numbers[name] for name in model["numbers"]] for numbers in found], np.float32)
    return boosted(model["trees"], given) + model["intercept"] > model["limit"]


def drawn_lung():
    """A slice of 64 x 64 points with one lung, in HU."""
    rows, cols = np.mgrid[-32:32, -32:32]
    return np.where(np.hypot(rows, cols) < 16, -850.0, 40.0)


def sorted_from_the_middle(slices):
    """The slices, the middle one first: in most series it shows the most lung."""
    middle = (len(slices) - 1) / 2
    return [slices[i] for i in sorted(range(len(slices)), key=lambda i: abs(i - middle))]
