"""Whether what the pixels show can be a CT of the chest.

A picture is judged by its image features: boosted trees tell CT from pictures that are none (see
`models.ingest.ct_check.trees`). A slice in HU is judged by its lungs: rules find air within the body, and
other trees tell lung from gas and sinuses. `training.ct_check` fitted both; weights/content.json holds them,
with their limits and measured rates.
"""

from typing import Any, NamedTuple

import numpy as np

from models.errors import UserError
from models.ingest.ct_check.air import pieces_of_air
from models.ingest.ct_check.image_features import image_features
from models.ingest.ct_check.silhouette import shows_lungs
from models.ingest.ct_check.trees import Classifier, ContentReport
from models.messages import Message, counted
from models.weights import FOLDER, WeightsError, loaded

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


class Classifiers(NamedTuple):
    """What tells pictures that are not CT from CT, and lung from other air."""

    not_ct: Classifier
    lung: Classifier


def refuse_other_pictures(pixels: np.ndarray) -> None:
    """Refuse a picture that is not CT: a photograph, a drawing, text, noise, a mask, other imaging.

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
    if np.median([beyond_ct(page) for page in evenly_chosen(stack, PAGES)]) > 0:
        raise UserError(
            "not_ct_image",
            "The picture does not look like a CT image of the chest; send a CT slice, or a part of one "
            "around the nodule, in greyscale and without frames or annotations.",
        )


def beyond_ct(pixels: np.ndarray) -> float:
    """How far a picture is beyond the limit of what CT looks like, in log odds; CT is below 0.

    Two lungs in a body speak for a chest: hardly any photograph or drawing has such a silhouette, and most
    slices have it, whatever the window.
    """
    beyond = float(_classifiers().not_ct.beyond([image_features(pixels)])[0])
    return beyond - WITH_LUNGS if 0 < beyond < WITH_LUNGS and shows_lungs(pixels) else beyond


def _classifiers() -> Classifiers:
    try:
        return loaded(_tried, KEY, ContentReport)
    except WeightsError as error:
        message = Message("This server cannot read images: {why}", why=error.text)
        raise UserError("decoder_unavailable", message) from error


def _tried(report: dict[str, Any]) -> Classifiers:
    """The classifiers of a report that fits this version: both were tried, one on a drawn lung."""
    try:
        found = Classifiers(Classifier.of(report), Classifier.of(report["air"]))
        found.not_ct.beyond([image_features(np.zeros((LEAST_EDGE, LEAST_EDGE), np.uint8))])
        found.lung.beyond([piece.features for piece in pieces_of_air(drawn_lung(), (2.0, 2.0))])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise WeightsError(Message("{name} does not fit this version.", name=WEIGHTS.name)) from error
    return found


def evenly_chosen(slices: np.ndarray, most: int) -> np.ndarray:
    """At most so many slices, evenly from all."""
    if len(slices) <= most:
        return slices
    return slices[np.linspace(0, len(slices) - 1, most).round().astype(int)]


def refuse_other_regions(
    slices: np.ndarray,
    spacing_mm: tuple[float, float],
    is_hu: bool,
    is_labelled_otherwise: bool = False,
) -> None:
    """Refuse slices that show no lung: head, spine, limbs, abdomen, test objects.

    A picture is not judged, whose grey values do not tell lung from gas.

    Parameters
    ----------
    slices : ndarray of shape (n, rows, cols)
        A single slice must show some lung. Of a series, which may hold neck and abdomen as well, one slice
        must show a good deal, or half of those looked at some.
    is_labelled_otherwise : bool
        Whether the files say that they show another part of the body: then it takes more to believe in lung.

    Raises
    ------
    UserError
        ``not_chest``.
    """
    field_mm2 = float(np.prod(slices.shape[1:]) * np.prod(spacing_mm))
    if not is_hu or field_mm2 < LEAST_FIELD_MM**2:
        return
    some, much = min(LUNG_MM2, LUNG_SHARE * field_mm2), min(SERIES_LUNG_MM2, SERIES_LUNG_SHARE * field_mm2)
    some = some * 2 if is_labelled_otherwise else some
    chosen = evenly_chosen(slices, SLICES)
    showing = 0
    for pixels in sorted_from_the_middle(chosen):
        area = lung_shown_mm2(pixels, spacing_mm)
        showing += area >= some
        if area >= much or 2 * showing >= len(chosen):
            return
    message = counted(
        "The slice shows no lung; send axial slices of the chest.",
        "The slices show no lung; send axial slices of the chest.",
        len(slices),
    )
    raise UserError("not_chest", message)


def lung_shown_mm2(hu: np.ndarray, spacing_mm: tuple[float, float]) -> float:
    """Area of the pieces of air that are lung by the rules of `models.imaging.lung` and by their features."""
    found = [piece.features for piece in pieces_of_air(hu, spacing_mm) if piece.by_rules]
    if not found:
        return 0.0
    areas = np.array([features["area_mm2"] for features in found])
    return float(areas[_classifiers().lung.beyond(found) > 0].sum())


def drawn_lung() -> np.ndarray:
    """A slice of 64 x 64 points with one lung, in HU."""
    rows, cols = np.mgrid[-32:32, -32:32]
    return np.where(np.hypot(rows, cols) < 16, -850.0, 40.0)


def sorted_from_the_middle(slices: np.ndarray) -> list[np.ndarray]:
    """The slices, the middle one first: in most series it shows the most lung."""
    middle = (len(slices) - 1) / 2
    return [slices[i] for i in sorted(range(len(slices)), key=lambda i: abs(i - middle))]
