"""Pictures of several channels to grey: transparency, colour that is not CT, and marks drawn in colour."""

import numpy as np
from scipy import ndimage

from models.errors import UserError

COLOURFUL = 24  # mean spread between the channels (of 255) above which a picture is not CT
MARK, MARK_EDGE = 64, 16  # spread (of 255) of a mark's pixels, and of its blurred edge
LEAST_MARK = 12  # pixels
LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def grey_of(pixels: np.ndarray, has_alpha: bool, notes: set[str]) -> np.ndarray:
    """A picture's grey values, at their full depth.

    Parameters
    ----------
    pixels : ndarray of shape (rows, cols, channels), integer or float
        Grey or red, green and blue, then alpha, if any, not multiplied in yet: what is transparent is black.
    notes
        ``coloured_marks`` is added where a few pixels are in colour: arrows, boxes, text. They are painted
        over with the grey beside them, since they would be measured otherwise.

    Returns
    -------
    ndarray of shape (rows, cols)
        As stored where the channels are alike and opaque; else luminance, rounded for integers.

    Raises
    ------
    UserError
        ``not_ct_image`` for a picture in colour.
    """
    is_whole = pixels.dtype.kind in "iu"
    if has_alpha:
        top = np.iinfo(pixels.dtype).max if is_whole else 1.0
        alpha = pixels[..., -1:] / top
        pixels = pixels[..., :-1] if (alpha == 1).all() else pixels[..., :-1] * alpha
    first = pixels[..., 0]
    if pixels.shape[2] < 3 or all(np.array_equal(first, pixels[..., i]) for i in (1, 2)):
        return np.rint(first) if is_whole else first
    pixels = pixels[..., :3].astype(np.float32)
    spread = np.ptp(pixels, axis=2) / max(float(np.abs(pixels).max()), 1e-30) * 255
    if spread.mean() > COLOURFUL:
        raise UserError("not_ct_image", "The picture is in colour; a CT image is greyscale.")
    grey = pixels @ LUMINANCE.astype(np.float32)
    marks = _marks(spread)
    if marks is not None:
        notes.add("coloured_marks")
        nearest = ndimage.distance_transform_edt(marks, return_distances=False, return_indices=True)
        grey = grey[tuple(nearest)]
    return np.rint(grey) if is_whole else grey


def _marks(spread: np.ndarray) -> np.ndarray | None:
    """Pixels of marks in colour; None where there are none."""
    strong = spread > MARK
    if strong.sum() < LEAST_MARK:
        return None
    return ndimage.binary_propagation(strong, mask=spread > MARK_EDGE)
