"""A finder without networks, for the tests of what is made of its maps."""

import numpy as np

from models.imaging.field import to_unit

HALF = float(to_unit(np.array(-405.0)))  # between -850 and 40 HU


class BrightPlaces:
    """Takes for nodule whatever is nearer to soft tissue than to lung, with a probability of 0.9."""

    def __init__(self, series=0.5, picture=0.5):
        self.thresholds = {"series": series, "picture": picture}
        self.seen = []  # shape of each field

    def map_of(self, field):
        self.seen.append(field.shape)
        rows, cols = field.shape[0] // 2, field.shape[1] // 2
        middle = field[..., 1].reshape(rows, 2, cols, 2).mean(axis=(1, 3))
        return np.where(middle > HALF, np.float32(0.9), np.float32(0))

    def judged(self, scan, chains, scale=1.0):
        return np.array([max(blob.score for blob in chain) for chain in chains])
