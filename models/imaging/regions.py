"""Connected regions of a mask, as far as they lie at the edge of the image: what a field of view cuts."""

import numpy as np
from scipy import ndimage


def at_edge(shape: tuple[int, ...]) -> np.ndarray:
    """The outermost pixels of an image of that shape (rows, cols)."""
    edge = np.ones(shape, bool)
    edge[1:-1, 1:-1] = False
    return edge


def touching_edge(mask: np.ndarray) -> np.ndarray:
    """The regions of a mask of shape (rows, cols) that reach the edge of the image."""
    labels, count = ndimage.label(mask)
    touching = np.zeros(count + 1, bool)
    touching[labels[at_edge(mask.shape)]] = True
    touching[0] = False  # what is not in the mask
    return touching[labels]
