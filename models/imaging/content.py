"""Whether what the pixels show can be a CT of the chest.

A picture's appearance is judged by boosted trees and small networks, which `training.content` fitted to CT
and to pictures that are none (weights/content.json holds them, the limit and measured rates). A slice in HU
is judged by its lungs.
"""

from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from models.errors import ScanError
from models.imaging.appearance import appearance
from models.imaging.lung import lung_area_mm2
from models.imaging.scan import shows_whole_slice
from models.trained import FOLDER, WeightsError, loaded

KEY = "content"
WEIGHTS = FOLDER / f"{KEY}.json"
LEAST_EDGE = 16  # pixels; smaller pictures show too little to be judged
PAGES = 5  # of a stack, so many are looked at
LUNG_MM2 = 250.0  # apices and the last of the bases show as little
SERIES_LUNG_MM2 = 2500.0  # a chest series has slices with more; gas that looks like lung has less
SLICES = 24  # of a series, so many are looked at


def refuse_other_pictures(pixels):
    """Refuse a picture that is no CT: a photograph, a drawing, text, noise, a mask, other imaging.

    Parameters
    ----------
    pixels : ndarray of shape (rows, cols), or (n, rows, cols) for a stack
        Grey values of any depth. A stack is refused where at least half of it is.

    Raises
    ------
    ScanError
        ``not_ct_image``.
    """
    stack = np.asarray(pixels)
    stack = stack if stack.ndim == 3 else stack[None]
    if min(stack.shape[1:]) < LEAST_EDGE:
        return
    if np.median([unlikeness(page) for page in spread(stack, PAGES)]) > 0:
        raise ScanError(
            "not_ct_image",
            "The picture does not look like a CT image of the chest; send a CT slice, or a part of one "
            "around the nodule, in grey and without frames or annotation.",
        )


def unlikeness(pixels):
    """How far a picture is beyond the limit of what CT looks like, in log odds; CT is below 0."""
    weights = _weights()
    numbers = appearance(pixels)
    given = np.array([[numbers[name] for name in weights["numbers"]]], np.float32)
    return float(log_odds(weights, given)[0]) - weights["limit"]


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


class ContentReport(Struct):
    """The form of ``content.json``."""

    numbers: Annotated[list[str], Meta(min_length=1)]
    trees: Trees
    intercept: Number
    middle: Row
    half: Row
    nets: list[list[tuple[list[Row], Row]]]
    limit: Number


def _weights():
    try:
        return loaded(_tried, KEY, ContentReport)
    except WeightsError as error:
        raise ScanError("decoder_unavailable", f"This server cannot read images: {error}") from error


def _tried(report):
    """`as_arrays` of a report that fits this version: it was tried on an empty picture."""
    try:
        weights, known = as_arrays(report), appearance(np.zeros((LEAST_EDGE, LEAST_EDGE), np.uint8))
        log_odds(weights, np.array([[known[name] for name in weights["numbers"]]], np.float32))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise WeightsError(f"{KEY}.json does not fit this version.") from error
    return weights


def as_arrays(weights):
    """Weights as read from JSON, their lists of numbers as arrays."""
    trees = {name: np.array(values) for name, values in weights["trees"].items()}
    nets = [[tuple(np.array(part) for part in layer) for layer in net] for net in weights["nets"]]
    scale = {name: np.array(weights[name]) for name in ("middle", "half")}
    return weights | scale | {"trees": trees, "nets": nets}


def spread(slices, most):
    """At most so many slices, evenly from all."""
    if len(slices) <= most:
        return slices
    return [slices[i] for i in np.linspace(0, len(slices) - 1, most).round().astype(int)]


def refuse_other_regions(slices, spacing_mm, is_hu):
    """Refuse whole slices that show no lung: head, limbs, abdomen, test objects.

    A part of a slice is not judged, nor is a picture, whose grey values do not tell lung from gas.

    Parameters
    ----------
    slices : ndarray of shape (n, rows, cols)
        A single slice must show some lung. Of a series, which may hold neck and abdomen as well, one slice
        must show a good deal, or half of those looked at some.
    spacing_mm : (float, float)
    is_hu : bool

    Raises
    ------
    ScanError
        ``not_chest``.
    """
    if not is_hu or not shows_whole_slice(slices.shape[1:], spacing_mm):
        return
    chosen = spread(slices, SLICES)
    showing = 0
    for pixels in sorted_from_the_middle(chosen):
        area = lung_area_mm2(pixels, spacing_mm)
        showing += area >= LUNG_MM2
        if area >= SERIES_LUNG_MM2 or 2 * showing >= len(chosen):
            return
    what = "slice shows" if len(slices) == 1 else "slices show"
    raise ScanError("not_chest", f"The {what} no lung; send axial slices of the chest.")


def sorted_from_the_middle(slices):
    """The slices, the middle one first: in most series it shows the most lung."""
    middle = (len(slices) - 1) / 2
    return [slices[i] for i in sorted(range(len(slices)), key=lambda i: abs(i - middle))]
